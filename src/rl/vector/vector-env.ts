import type { Seed } from "../../base/pcg64.ts";
import type { EnvSpec } from "../env-spec.ts";
import type { Frame } from "../frame.ts";
import type { Space } from "../space.ts";
import type { Batch } from "./batch.ts";
import type { VectorInfo } from "./vector-info.ts";

/**
 * What a vector environment does with an episode that ended:
 *
 * - `NextStep`: the step after the end ignores the action, resets, and returns the first observation
 *   with reward 0. That row is no transition; {@link transitionsOf} leaves it out.
 * - `SameStep`: it resets at once and returns the new episode's first observation; the last one and
 *   its facts are in `infos.finalObservation` and `infos.finalInfo`.
 * - `Disabled`: the caller resets, with `resetMask`, before the next step.
 */
export type AutoresetMode = "NextStep" | "SameStep" | "Disabled";

/** Options of {@link VectorEnv.reset}. */
export interface VectorResetOptions {
  /**
   * A number s seeds environment i with s + i, a list has a seed (or null: go on) for each; without
   * it the generators go on where they stand.
   */
  readonly seed?: Seed | readonly (Seed | null)[];
  /** What the environments let callers choose; every environment gets the same. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Which environments are reset: one entry for each. @defaultValue all */
  readonly resetMask?: ArrayLike<number | boolean>;
}

/** What {@link VectorEnv.reset} returns. */
export interface VectorReset<Observations = unknown> {
  /** A row for each environment: those that were not reset keep theirs. */
  readonly observations: Observations;
  readonly infos: VectorInfo;
}

/** What {@link VectorEnv.step} returns; the arrays belong to the caller. */
export interface VectorStep<Observations = unknown> {
  readonly observations: Observations;
  /** [numEnvs] */
  readonly rewards: Float64Array;
  /** [numEnvs] 1 where the task itself ended. */
  readonly terminated: Uint8Array;
  /** [numEnvs] 1 where the episode was cut by a time limit. */
  readonly truncated: Uint8Array;
  readonly infos: VectorInfo;
}

/** A picture of each environment. */
export type VectorRender = readonly (Frame | readonly Frame[] | string | null)[];

/**
 * Several environments of one kind that step together, with Gymnasium's meaning of every word.
 *
 * Observations and actions are batches: for a `Box` one typed array with a row for each environment,
 * for `Discrete` an `Int32Array`, for `Dict` and `Tuple` the same structure of batches.
 */
export interface VectorEnv<Observation = unknown, Action = unknown> extends AsyncDisposable {
  readonly numEnvs: number;
  readonly autoresetMode: AutoresetMode;
  readonly singleObservationSpace: Space<Observation>;
  readonly singleActionSpace: Space<Action>;
  /** The space of batches of observations. */
  readonly observationSpace: Space<Batch<Observation>>;
  /** The space of batches of actions; its `sample` gives one for each environment. */
  readonly actionSpace: Space<Batch<Action>>;
  /** How the registry made the environments; null for those made by hand. */
  readonly spec: EnvSpec | null;

  /** Begins an episode in every environment, or in those of `resetMask`. */
  reset(options?: VectorResetOptions): Promise<VectorReset<Batch<Observation>>>;
  /**
   * Takes one action in each environment.
   *
   * @throws {ShapeError} if there is not one action for each environment.
   * @throws {UsageError} before a reset, and in mode `Disabled` after an end.
   * @throws {AthanorError} that names the environment if one of them throws; then all are closed.
   */
  step(actions: Batch<Action> | ArrayLike<number>): Promise<VectorStep<Batch<Observation>>>;
  /** {@link VectorEnv.reset} without a promise, where every environment lives in this thread. */
  resetSync?(options?: VectorResetOptions): VectorReset<Batch<Observation>>;
  /** {@link VectorEnv.step} without a promise, where every environment lives in this thread. */
  stepSync?(actions: Batch<Action> | ArrayLike<number>): VectorStep<Batch<Observation>>;

  /** A picture of each environment's present state. */
  render(): Promise<VectorRender>;
  /** Calls a method of every environment, or of what its wrappers contain. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown[]>;
  /** Frees what the environments hold. Closing twice is allowed. */
  close(): Promise<void>;
}
