import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import type { Bounds } from "../box.ts";
import type { SpaceArray, SpaceDType } from "../space-array.ts";
import { boxOf } from "../wrappers/box-of.ts";
import type { VectorEnv } from "./vector-env.ts";
import { VectorWrapper } from "./vector-wrapper.ts";

/** Options of {@link VectorRescaleAction}. */
export interface RescaleActionOptions {
  /** What becomes the lower bound. @defaultValue -1 */
  readonly minAction?: Bounds;
  /** What becomes the upper bound. @defaultValue 1 */
  readonly maxAction?: Bounds;
}

/** Takes actions in [minAction, maxAction] and stretches them over the bounds of the environments. */
export class VectorRescaleAction<Observation> extends VectorWrapper<
  Observation,
  Float32Array,
  Observation,
  SpaceArray
> {
  readonly #inner: Box<SpaceDType>;
  readonly #outer: Box<"f32">;

  /** @throws {ConfigError} if actions are no Box, or bounds are infinite or not apart. */
  constructor(env: VectorEnv<Observation, SpaceArray>, options: RescaleActionOptions = {}) {
    const inner = boxOf("VectorRescaleAction", "actionSpace", env.singleActionSpace);
    const { minAction = -1, maxAction = 1 } = options;
    const outer = new Box(minAction, maxAction, { shape: inner.shape });
    requireApart("the environment's bounds", inner);
    requireApart("minAction and maxAction", outer);
    super(env, { actionSpace: outer });
    this.#inner = inner;
    this.#outer = outer;
  }

  protected override changeActions(actions: ArrayLike<number>): Float64Array {
    const [inner, outer] = [this.#inner, this.#outer];
    return Float64Array.from(actions, (action, i) => {
      const at = i % inner.size;
      const share = (action - outer.low[at]) / (outer.high[at] - outer.low[at]);
      return inner.low[at] + share * (inner.high[at] - inner.low[at]);
    });
  }
}

function requireApart(what: string, { low, high }: Box<SpaceDType>): void {
  const at = low.findIndex((bound, i) => !(Number.isFinite(high[i] - bound) && bound < high[i]));
  if (at < 0) return;
  throw new ConfigError(
    `VectorRescaleAction: ${what} must be finite and apart, got [${low[at]}, ${high[at]}] for ` +
      `action ${at}; ` +
      "limit actions with VectorClipAction instead, or give the Box real bounds",
  );
}
