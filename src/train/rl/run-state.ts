import type { EpisodeInProgress } from "./episode-record.ts";
import type { EnvState } from "./env-stepper.ts";
import type { LearnerState } from "./learner.ts";
import type { RolloutState } from "./rollout-statistics.ts";

/** What must be the same for a state to fit: checked before anything is loaded. */
export interface RunIdentity {
  /** `ddpg`, `td3`, `sac` or `dqn`. */
  readonly algorithm: string;
  readonly env: string;
  readonly numEnvs: number;
  /** The spaces as text. */
  readonly observationSpace: string;
  readonly actionSpace: string;
}

/** Counters of the loop. */
export interface LoopState {
  readonly steps: number;
  readonly episodes: number;
  readonly updates: number;
  readonly seconds: number;
  /** Steps of each environment since updates were last due. */
  readonly stepsSinceUpdates: number;
  /** Steps when the replay buffer was last empty. */
  readonly emptyUntil: number;
  /** Whether the replay buffer is part of the learner's state. */
  readonly withReplay: boolean;
  /** Recorded numbers that wait for the next line of the log. */
  readonly recorded: Readonly<Record<string, number>>;
  readonly hasWarned: boolean;
}

/** Everything a run needs to go on as if it had not stopped. */
export interface RunState {
  readonly identity: RunIdentity;
  readonly loop: LoopState;
  readonly learner: LearnerState;
  readonly rollout: RolloutState;
  readonly tracked: readonly EpisodeInProgress[];
  /** Null where the environments cannot be brought back; the run then begins new episodes. */
  readonly envs: readonly EnvState[] | null;
  /** Of the wrappers around a vector of environments; earlier versions saved none. */
  readonly wrappers?: readonly unknown[];
  readonly callbacks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
