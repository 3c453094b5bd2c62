import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import { requireKnownNames } from "../option-names.ts";
import { spaceArray } from "../space-array.ts";
import type { SpaceArray, SpaceArrays, SpaceDType } from "../space-array.ts";
import { requireBox } from "./box-space.ts";
import { Wrapper } from "./wrapper.ts";

/** Options of {@link FrameStackObservation}. */
export interface FrameStackOptions {
  /** What stands for steps before the first: its observation, or zeros. @defaultValue "reset" */
  readonly padding?: "reset" | "zero";
}

/** Shows the last observations together, the oldest first: shape [stackSize, …shape]. */
export class FrameStackObservation<Action, D extends SpaceDType = SpaceDType> extends Wrapper<
  SpaceArrays[D],
  Action
> {
  readonly stackSize: number;
  readonly #padding: "reset" | "zero";
  readonly #frames: SpaceArray;
  readonly #frameSize: number;

  /** @throws {ConfigError} if observations are no Box, or the size is no positive integer. */
  constructor(env: Env<unknown, Action>, stackSize: number, options: FrameStackOptions = {}) {
    requireKnownNames("FrameStackObservation", options, ["padding"]);
    const space = requireBox(
      "FrameStackObservation",
      "observation",
      env.observationSpace,
    ) as unknown as Box<D>;
    super(env as Env<SpaceArrays[D], Action>, { observationSpace: stackedSpace(space, stackSize) });
    this.stackSize = stackSize;
    this.#padding = options.padding ?? "reset";
    if (!["reset", "zero"].includes(this.#padding)) {
      throw new ConfigError(
        `FrameStackObservation: padding must be reset or zero, got ${this.#padding}`,
      );
    }
    this.#frameSize = space.size;
    this.#frames = spaceArray(space.dtype, stackSize * space.size);
  }

  override reset(options?: ResetOptions): Reset<SpaceArrays[D]> {
    const { observation, info } = this.env.reset(options);
    this.#frames.fill(0);
    const copies = this.#padding === "reset" ? this.stackSize : 1;
    for (let i = 0; i < copies; i++) this.#push(observation);
    return { observation: this.#frames.slice() as SpaceArrays[D], info };
  }

  override step(action: Action): Step<SpaceArrays[D]> {
    const step = this.env.step(action);
    this.#push(step.observation);
    return { ...step, observation: this.#frames.slice() as SpaceArrays[D] };
  }

  #push(frame: SpaceArray): void {
    this.#frames.copyWithin(0, this.#frameSize);
    this.#frames.set(frame, this.#frames.length - this.#frameSize);
  }
}

function stackedSpace<D extends SpaceDType>(space: Box<D>, count: number): Box<D> {
  if (!(Number.isSafeInteger(count) && count > 0)) {
    throw new ConfigError(
      `FrameStackObservation: stackSize must be a positive integer, got ${count}`,
    );
  }
  const repeated = (bounds: Float64Array, isOpen: Uint8Array, open: number): Float64Array =>
    Float64Array.from({ length: count * space.size }, (_, i) =>
      isOpen[i % space.size] === 0 ? open : bounds[i % space.size],
    );
  return new Box(
    repeated(space.low, space.boundedBelow, -Infinity),
    repeated(space.high, space.boundedAbove, Infinity),
    { shape: [count, ...space.shape], dtype: space.dtype },
  );
}
