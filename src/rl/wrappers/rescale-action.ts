import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import type { Bounds } from "../box.ts";
import type { Env } from "../env.ts";
import { requireBoundedBox } from "./box-space.ts";
import { TransformAction } from "./transform-action.ts";

/** Takes actions between other bounds, usually -1 and 1, and maps them linearly to its own. */
export class RescaleAction<Observation> extends TransformAction<Observation, Float32Array> {
  /** @throws {ConfigError} if actions are no Box with finite bounds, or the new bounds cross. */
  constructor(env: Env<Observation>, minAction: Bounds = -1, maxAction: Bounds = 1) {
    const inner = requireBoundedBox("RescaleAction", env.actionSpace);
    const outer = new Box(minAction, maxAction, { shape: inner.shape });
    super(env as Env<Observation, Float32Array>, linearMap(outer, inner), outer);
  }
}

/** From one box to another of the same size, in f32 as Gymnasium computes it. */
function linearMap(from: Box, to: Box): (action: Float32Array) => Float32Array {
  const slopes = new Float32Array(from.size);
  const offsets = new Float32Array(from.size);
  for (let i = 0; i < from.size; i++) {
    const range = from.high[i] - from.low[i];
    if (!(range > 0 && Number.isFinite(range))) {
      throw new ConfigError(
        `RescaleAction: minAction must be below maxAction, both finite, got ${from.low[i]} and ` +
          `${from.high[i]} at element ${i}`,
      );
    }
    slopes[i] = (to.high[i] - to.low[i]) / range;
    offsets[i] = to.low[i] - slopes[i] * from.low[i];
  }
  return (action) => action.map((value, i) => Math.fround(slopes[i] * value) + offsets[i]);
}
