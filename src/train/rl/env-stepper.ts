import type { Pcg64State, Seed } from "../../base/pcg64.ts";
import type { Env, Info } from "../../rl/env.ts";
import type { Space } from "../../rl/space.ts";
import type { Rows, Transitions } from "../../rl/transitions.ts";
import type { LearnVectorEnv } from "./learn-vector-env.ts";

/** How an environment is brought back to where it stood: its episode is played again. */
export interface EnvState {
  /** The generator before the episode began. */
  readonly random: Pcg64State;
  /** The episode's actions, one after the other; null if it was too long to keep them. */
  readonly actions: readonly number[] | null;
  /** The observation the actions led to, to see that the episode is the same again. */
  readonly observation: readonly number[];
  /** States of wrappers that have one, from the outside in. */
  readonly wrappers: readonly unknown[];
}

/** An episode that ended in a step. */
export interface EndedEpisode {
  readonly index: number;
  readonly terminated: boolean;
  readonly info: Info;
}

/** What a step of all environments gave. */
export interface SteppedEnvs {
  readonly transitions: Transitions;
  /** Which environment each transition is of. */
  readonly indices: readonly number[];
  /** What to act on next: after the end of an episode, the first observation of the next. */
  readonly observations: Rows;
  readonly ended: readonly EndedEpisode[];
}

/**
 * One or several environments behind what the loop needs: rows of observations and actions in,
 * transitions and ends of episodes out. What can be done at once is not wrapped in a promise.
 */
export interface EnvStepper {
  readonly count: number;
  /** Id of the environment, or the name of its class. */
  readonly envId: string;
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;
  /** The environments, where they live in this thread. */
  readonly envs: readonly Env[];
  /** What the wrappers whose statistics belong to the policy are around. */
  readonly wrapped: Env | LearnVectorEnv;
  begin(seed: Seed | undefined): Rows | Promise<Rows>;
  step(actions: Rows): SteppedEnvs | Promise<SteppedEnvs>;
  /** Null if the environments cannot be brought back. */
  state(): readonly EnvState[] | null;
  /**
   * Brings the environments back, and returns their observations; null if an episode did not come
   * out the same and new ones began.
   */
  resume(states: readonly EnvState[]): Rows | null;
  /** States of wrappers that {@link EnvStepper.state} does not have. */
  wrapperStates(): readonly unknown[];
  /** Gives them back; what they learned is kept even where new episodes begin. */
  loadWrapperStates(states: readonly unknown[]): void;
  close(): void | Promise<void>;
}
