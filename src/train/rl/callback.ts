import type { Env } from "../../rl/env.ts";
import type { EpisodeRecord } from "./episode-record.ts";
import type { PolicyEvaluation } from "./evaluate-policy.ts";
import type { LearnVectorEnv } from "./learn-vector-env.ts";
import type { Learner } from "./learner.ts";
import type { RolloutStatistics } from "./rollout-statistics.ts";
import type { RunState } from "./run-state.ts";

/** Numbers by the names under which they are logged, such as `rollout/ep_rew_mean`. */
export type LogValues = Readonly<Record<string, number>>;

/** An evaluation in the course of training. */
export interface TrainingEvaluation extends PolicyEvaluation {
  readonly step: number;
  /** Whether its mean return is above that of all before. */
  readonly isBest: boolean;
  readonly bestMeanReturn: number;
}

/** A training as callbacks see it, and what they may do to it. */
export interface Training {
  readonly learner: Learner;
  /** Id of the environment, such as `Pendulum-v1`. */
  readonly envId: string;
  /** Its environments, where they live in this thread. */
  readonly envs: readonly Env[];
  /** What the normalisers that belong to the policy are around: the first of them, or the vector. */
  readonly wrapped: Env | LearnVectorEnv;
  readonly totalSteps: number;
  /** Steps of all environments together, over all parts of a resumed run. */
  readonly steps: number;
  /** {@link Training.steps} before this step: the two differ by the number of environments. */
  readonly previousSteps: number;
  readonly episodes: number;
  readonly updates: number;
  /** Seconds of training, over all parts of a resumed run. */
  readonly seconds: number;
  /** Returns and lengths of the last 100 episodes. */
  readonly rollout: RolloutStatistics;
  /** Whether and why a callback ended the training. */
  readonly stopReason: string | null;
  /** Whether it was interrupted from outside, as by Ctrl-C. */
  readonly isInterrupted: boolean;
  /** Tells all callbacks of an evaluation. */
  evaluated(evaluation: TrainingEvaluation): Promise<void>;
  /** Logs a number with the next line of the log. */
  record(name: string, value: number): void;
  /** Writes what was recorded to the loggers now. */
  log(): Promise<void>;
  /** Prints a line for people, above a bar or curve. */
  note(text: string): void;
  /** Ends the training after this step. */
  stop(reason: string): void;
  /**
   * Runs a task when all callbacks of this step are through: what saves the run does it here, so
   * that the callbacks' states belong to one and the same step.
   */
  afterCallbacks(task: () => Promise<void>): void;
  /** Everything a run needs to continue. Call it inside {@link Training.afterCallbacks}. */
  state(options: { readonly withReplay: boolean }): RunState;
}

/**
 * Something that happens while an algorithm learns. Callbacks are called in the order in which they
 * are given; none of the methods is required.
 *
 * @example
 * const patience: Callback = {
 *   onEpisodeEnd(training, episode) {
 *     if (episode.return > 90) training.stop("one good episode is enough");
 *   },
 * };
 */
export interface Callback {
  /** Under which its state is kept in checkpoints; needed by those that have one. */
  readonly name?: string;
  /** Before the first step, of a resumed run too. */
  onTrainingStart?(training: Training): void | Promise<void>;
  /** After every step of the environments and the updates that follow it; false ends the training. */
  onStep?(training: Training): void | boolean | Promise<void | boolean>;
  /** For every episode that ended in a step, before {@link Callback.onStep}. */
  onEpisodeEnd?(training: Training, episode: EpisodeRecord): void | Promise<void>;
  /** After the policy was judged. */
  onEvaluation?(training: Training, evaluation: TrainingEvaluation): void | Promise<void>;
  /** After a line was logged, with its numbers. */
  onLog?(training: Training, values: LogValues): void;
  /** After the last step, of a training that was stopped or interrupted too. */
  onTrainingEnd?(training: Training): void | Promise<void>;
  /** At the very end, also of a training that failed: frees what the callback holds. */
  close?(): void;
  /** What it has to remember, as plain data. */
  state?(): Readonly<Record<string, unknown>>;
  /** Goes on from what {@link Callback.state} gave, before the training starts. */
  loadState?(state: Readonly<Record<string, unknown>>): void;
}

/** A callback, or just what happens after every step. */
export type CallbackLike = Callback | NonNullable<Callback["onStep"]>;

/** A function as the callback it is short for. */
export function toCallback(like: CallbackLike): Callback {
  return typeof like === "function" ? { onStep: like } : like;
}

/** Whether the steps reached another multiple of `every` with the last one. */
export function isDue(
  { steps, previousSteps }: Pick<Training, "steps" | "previousSteps">,
  every: number,
): boolean {
  return Math.floor(steps / every) > Math.floor(previousSteps / every);
}
