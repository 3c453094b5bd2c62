import { ConfigError } from "../../base/errors.ts";
import type { Box } from "../box.ts";
import { spaceArray } from "../space-array.ts";
import type { SpaceArray, SpaceDType } from "../space-array.ts";
import { boxOf } from "../wrappers/box-of.ts";
import { batchSpace } from "./batch-space.ts";
import { finalObservations, withFinalObservations } from "./map-observations.ts";
import { maskOf } from "./seeds.ts";
import type { VectorEnv, VectorReset, VectorResetOptions, VectorStep } from "./vector-env.ts";
import { VectorWrapper } from "./vector-wrapper.ts";

/**
 * Shows the last observations instead of one, the newest last: [stackSize, ...shape]. An episode
 * begins with its first observation repeated.
 */
export class VectorFrameStack<Action> extends VectorWrapper<
  SpaceArray,
  Action,
  SpaceArray,
  Action
> {
  readonly stackSize: number;
  readonly #size: number;
  readonly #stacks: readonly SpaceArray[];
  /** 1 where the last step ended an episode. */
  readonly #hasEnded: Uint8Array;

  /** @throws {ConfigError} if observations are no Box, or the size is no positive integer. */
  constructor(env: VectorEnv<SpaceArray, Action>, stackSize: number) {
    const box = boxOf("VectorFrameStack", "observationSpace", env.singleObservationSpace);
    if (!Number.isInteger(stackSize) || stackSize < 1) {
      throw new ConfigError(
        `VectorFrameStack: stackSize must be a positive integer, got ${stackSize}`,
      );
    }
    super(env, { observationSpace: batchSpace(box, stackSize) });
    this.stackSize = stackSize;
    this.#size = box.size;
    this.#stacks = Array.from({ length: env.numEnvs }, () => {
      return spaceArray<SpaceDType>(box.dtype, stackSize * box.size);
    });
    this.#hasEnded = new Uint8Array(env.numEnvs);
  }

  protected override changeReset(
    reset: VectorReset<SpaceArray>,
    options: VectorResetOptions,
  ): VectorReset<SpaceArray> {
    maskOf("reset", options.resetMask, this.numEnvs).forEach((isReset, index) => {
      if (isReset === 1) this.#begin(index, this.#row(reset.observations, index));
    });
    return { ...reset, observations: this.#joined() };
  }

  protected override changeStep(step: VectorStep<SpaceArray>): VectorStep<SpaceArray> {
    const finals = finalObservations(step.infos);
    const ends: SpaceArray[] = [];
    for (let index = 0; index < this.numEnvs; index++) {
      const row = this.#row(step.observations, index);
      const final = finals[index] ?? null;
      if (final !== null) {
        this.#push(index, final);
        ends[index] = this.#stacks[index].slice();
        this.#begin(index, row);
      } else if (this.#hasEnded[index] === 1 && this.autoresetMode === "NextStep") {
        this.#begin(index, row);
      } else this.#push(index, row);
      this.#hasEnded[index] = step.terminated[index] | step.truncated[index];
    }
    const infos = withFinalObservations(step.infos, (_, index) => ends[index]);
    return { ...step, infos, observations: this.#joined() };
  }

  #row(rows: SpaceArray, index: number): SpaceArray {
    return rows.subarray(index * this.#size, (index + 1) * this.#size);
  }

  #begin(index: number, row: SpaceArray): void {
    for (let i = 0; i < this.stackSize; i++) this.#stacks[index].set(row, i * this.#size);
    this.#hasEnded[index] = 0;
  }

  #push(index: number, row: SpaceArray): void {
    const stack = this.#stacks[index];
    stack.copyWithin(0, this.#size);
    stack.set(row, stack.length - this.#size);
  }

  #joined(): SpaceArray {
    const { dtype } = this.singleObservationSpace as Box<SpaceDType>;
    const length = this.stackSize * this.#size;
    const rows = spaceArray<SpaceDType>(dtype, this.numEnvs * length);
    this.#stacks.forEach((stack, index) => rows.set(stack, index * length));
    return rows;
  }
}
