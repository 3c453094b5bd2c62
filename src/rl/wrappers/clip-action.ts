import { Box } from "../box.ts";
import type { Env } from "../env.ts";
import { requireBox } from "./box-space.ts";
import { TransformAction } from "./transform-action.ts";

/** Takes actions of any size and clips them to the bounds of the environment. */
export class ClipAction<Observation> extends TransformAction<Observation, Float32Array> {
  /** @throws {ConfigError} if actions are no Box. */
  constructor(env: Env<Observation>) {
    const { low, high, shape } = requireBox("ClipAction", "action", env.actionSpace);
    const clip = (action: Float32Array): Float32Array =>
      action.map((value, i) => Math.min(Math.max(value, low[i]), high[i]));
    super(env as Env<Observation, Float32Array>, clip, new Box(-Infinity, Infinity, { shape }));
  }
}
