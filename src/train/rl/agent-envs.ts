import type { Env } from "../../rl/env.ts";
import type { RenderMode } from "../../rl/frame.ts";
import { make } from "../../rl/registry.ts";
import type { AgentSettings } from "./agent-settings.ts";

/** Makes the environment of a run, as its algorithm can act in it. */
export async function makeAgentEnv(
  { env: id }: Pick<AgentSettings, "algorithm" | "env" | "actionBins">,
  renderMode: RenderMode | null = null,
): Promise<Env> {
  return make(id, renderMode === null ? {} : { renderMode });
}

/** Whether the environment can be drawn. */
export async function makeDrawnEnv(settings: AgentSettings): Promise<Env | null> {
  const env = await makeAgentEnv(settings);
  const canDraw = env.renderModes.includes("rgb_array");
  env.close();
  return canDraw ? makeAgentEnv(settings, "rgb_array") : null;
}
