import type { Env } from "../../rl/env.ts";
import type { RenderMode } from "../../rl/frame.ts";
import { make } from "../../rl/registry.ts";
import { DiscretizeAction } from "../../rl/wrappers/discretize-action.ts";
import type { AgentSettings } from "./agent-settings.ts";

/** Makes the environment of a run as its algorithm can act in it: DQN gets forces in steps. */
export async function makeAgentEnv(
  settings: Pick<AgentSettings, "algorithm" | "env" | "actionBins">,
  renderMode: RenderMode | null = null,
): Promise<Env> {
  const { algorithm, env: id, actionBins: bins } = settings;
  const env = await make(id, renderMode === null ? {} : { renderMode });
  const isCut = algorithm === "dqn" && env.actionSpace.kind === "Box";
  return isCut ? new DiscretizeAction(env, { bins }) : env;
}

/** The environment with pictures; null where it has none. */
export async function makeDrawnEnv(settings: AgentSettings): Promise<Env | null> {
  const env = await makeAgentEnv(settings);
  const canDraw = env.renderModes.includes("rgb_array");
  env.close();
  return canDraw ? makeAgentEnv(settings, "rgb_array") : null;
}
