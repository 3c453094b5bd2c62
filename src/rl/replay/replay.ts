import type { Tensor, TensorOptions } from "../../tensor/tensor.ts";
import type { Transitions } from "../transitions.ts";

/** Transitions that were drawn, a row each. f32 but for the indices. */
export interface ReplayBatch {
  /** [B, O] */
  readonly observations: Tensor;
  /** [B, A] */
  readonly actions: Tensor;
  /** [B]; with n steps the discounted sum of theirs. */
  readonly rewards: Tensor;
  /** [B, O], what followed the last of the steps. */
  readonly nextObservations: Tensor;
  /** [B], 1 where the task ended, so that no value follows. A time limit is not an end. */
  readonly terminated: Tensor;
  /** [B], the factor of the value that follows, gamma to the power of the steps a row spans. */
  readonly discounts: Tensor;
  /** [B], importance weights, of a prioritised replay only. */
  readonly weights?: Tensor;
  /** [B] i32: places in the replay. */
  readonly indices: Tensor;
}

/** What every replay takes. */
export interface ReplayOptions {
  /** Most transitions it holds; then the oldest go. @defaultValue 1_000_000 */
  readonly capacity?: number;
  /** Numbers of one observation. */
  readonly observationSize: number;
  /** Numbers of one action; 1 for Discrete. */
  readonly actionSize: number;
  /** Factor by which a reward counts less one step later. @defaultValue 0.99 */
  readonly gamma?: number;
  /** Rewards that are summed up before the value of what follows. @defaultValue 1 */
  readonly nSteps?: number;
  /** @defaultValue the default device */
  readonly device?: TensorOptions["device"];
  /** Seeds the replay's own random stream. @defaultValue 0 */
  readonly seed?: number;
}

/** Everything a replay needs to go on as if it had not stopped. */
export interface ReplayState {
  readonly tensors: Record<string, Tensor>;
  /** JSON. */
  readonly plain: Record<string, unknown>;
}

/**
 * What an off-policy learner remembers. In a loop: `add` after each step, `prepare` before each
 * update, and inside the update's jitted function `sample`, then `updatePriorities`.
 */
export interface Replay {
  readonly capacity: number;
  readonly observationSize: number;
  readonly actionSize: number;
  /** Transitions that can be drawn. */
  readonly size: number;

  /**
   * Keeps transitions. They are copied.
   * @throws {ShapeError} if rows have other sizes; {ConfigError} if a number is not finite.
   */
  add(transitions: Transitions): void;
  /**
   * Tells that an environment begins anew although no transition said so, such as after a load:
   * returns and goals reach no further. @defaultValue all environments
   */
  endEpisode(environment?: number): void;
  /**
   * Makes ready for a draw of `batchSize`: what was added is on the device, and what the host draws
   * is drawn. @throws {UsageError} if there are fewer transitions.
   */
  prepare(batchSize: number): void;
  /** Brings what was added to the device; `prepare` and `sample` do it too. */
  flush(): void;
  /** Draws transitions; works inside jit, where each call of the function draws anew. */
  sample(batchSize: number): ReplayBatch;
  /** The transitions at places in the replay. Shapes: indices [B], i32. */
  gather(indices: Tensor): ReplayBatch;
  /**
   * Sets how likely the transitions of the last draw are drawn again; may be part of the update's
   * jitted function. Does nothing where all are equally likely.
   * @param errors - [B], what each missed its target by.
   */
  updatePriorities(errors: Tensor | ArrayLike<number>): void;
  /** Everything that is needed to go on; see {@link ReplayState}. */
  state(): ReplayState;
  /** @throws {CheckpointError} if the state is of another kind of replay or of other sizes. */
  loadState(state: ReplayState): void;
  /** Frees the rows. */
  dispose(): void;
}
