import type { Space } from "../../rl/space.ts";
import type { Rows, Transitions } from "../../rl/transitions.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Numbers an update leaves on the device, by the names under which they are logged. The scalars
 * belong to the learner, which overwrites them at the next update: read them, do not dispose them.
 */
export type UpdateMetrics = Readonly<Record<string, Tensor>>;

/** What is kept in a checkpoint: tensors by key, and plain data. */
export interface LearnerState {
  readonly tensors: Record<string, Tensor>;
  /** JSON: counters, states of random generators, of noise, of normalisers. */
  readonly plain: Record<string, unknown>;
}

/**
 * An off-policy algorithm as the training loop sees it: it acts, remembers and updates. The loop
 * owns the environments, the logs and the checkpoints.
 */
export interface Learner {
  /** `ddpg`, `td3`, `sac` or `dqn`. */
  readonly algorithm: string;
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;
  /** Every option with its value, as JSON. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Steps of the environments before the first update; actions are random for so long. */
  readonly learningStarts: number;
  /** Steps of each environment between updates. */
  readonly trainFrequency: number;
  /** Updates each time; -1: as many as steps were taken since. */
  readonly gradientSteps: number;

  /**
   * Actions for `count` observations, in the units of the action space. `isExploring` adds noise
   * (or takes random actions while `learningStarts` is not reached); without it nothing random
   * happens and no state changes.
   */
  act(observations: Rows, count: number, isExploring: boolean): Rows | Promise<Rows>;
  /** Keeps transitions for updates; actions come in the units of the action space. */
  remember(transitions: Transitions): void;
  /** Tells which part of the training is done, 0 to 1: what schedules of rates and noise follow. */
  setProgress(done: number): void;
  /** Tells that an episode of environment `index` ended, so that correlated noise starts anew. */
  episodeEnded(index: number): void;
  /** One update. Reading the numbers waits for it; not reading them costs nothing. */
  update(): UpdateMetrics;

  /** Everything a run needs to go on as if it had not stopped. */
  state(options: { readonly withReplay: boolean }): LearnerState;
  /** @throws {ConfigError} if the state is of another algorithm or of other sizes. */
  loadState(state: LearnerState): Promise<void>;
  /** Frees what it keeps on the device. */
  dispose(): void;
}
