import type { SpaceArray, SpaceDType } from "../space-array.ts";
import type { Box } from "../box.ts";
import { boxOf, openBox } from "../wrappers/box-of.ts";
import type { VectorEnv } from "./vector-env.ts";
import { VectorWrapper } from "./vector-wrapper.ts";

/** Takes any actions and limits them to the bounds of the environments. */
export class VectorClipAction<Observation> extends VectorWrapper<
  Observation,
  Float32Array,
  Observation,
  SpaceArray
> {
  readonly #box: Box<SpaceDType>;

  /** @throws {ConfigError} if actions are no Box. */
  constructor(env: VectorEnv<Observation, SpaceArray>) {
    const box = boxOf("VectorClipAction", "actionSpace", env.singleActionSpace);
    super(env, { actionSpace: openBox(box.shape) });
    this.#box = box;
  }

  protected override changeActions(actions: ArrayLike<number>): Float64Array {
    const { low, high, size } = this.#box;
    return Float64Array.from(actions, (action, i) => {
      // NaN stays, so that the environment refuses it.
      return action < low[i % size]
        ? low[i % size]
        : action > high[i % size]
          ? high[i % size]
          : action;
    });
  }
}
