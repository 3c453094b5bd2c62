import { ConfigError } from "../../base/errors.ts";
import { Env } from "../../rl/env.ts";
import { goalLayout } from "../../rl/replay/goal-layout.ts";
import { HindsightReplay } from "../../rl/replay/hindsight-replay.ts";
import type { GoalFunction, GoalStrategy } from "../../rl/replay/hindsight-replay.ts";
import { PrioritizedReplay } from "../../rl/replay/prioritized-replay.ts";
import type { PrioritizedReplayOptions } from "../../rl/replay/prioritized-replay.ts";
import { ReplayBuffer } from "../../rl/replay/replay-buffer.ts";
import type { Replay, ReplayOptions } from "../../rl/replay/replay.ts";
import { requireKnownNames } from "../../rl/option-names.ts";
import type { LearnEnv } from "./stepper-of.ts";

/** Draws transitions in proportion to what they missed their targets by. */
export type PrioritizedReplaySettings = Pick<
  PrioritizedReplayOptions,
  "alpha" | "beta" | "epsilon"
>;

/**
 * Keeps steps also for goals that were reached later. The environment, wrapped in FlattenObservation,
 * has observations of `observation`, `achievedGoal` and `desiredGoal` and a method
 * `computeReward(achieved, desired, count)`.
 */
export interface HindsightReplaySettings {
  /** @defaultValue "future" */
  readonly strategy?: GoalStrategy;
  /** Copies of each step with another goal. @defaultValue 4 */
  readonly nSampledGoal?: number;
}

/** What decides on the kind of replay. */
export interface ReplaySettings {
  /** Null: all transitions are equally likely. */
  readonly prioritizedReplay: PrioritizedReplaySettings | null;
  /** Null: a step counts for the goal that was sought. */
  readonly hindsightReplay: HindsightReplaySettings | null;
}

/** The replay of a learner. @throws {ConfigError} if settings exclude each other, or no goals are seen. */
export function makeReplay(
  owner: string,
  env: LearnEnv,
  { prioritizedReplay, hindsightReplay }: ReplaySettings,
  options: ReplayOptions,
): Replay {
  if (prioritizedReplay !== null && hindsightReplay !== null) {
    throw new ConfigError(
      `${owner}: prioritizedReplay and hindsightReplay exclude each other, got both; choose one`,
    );
  }
  if (prioritizedReplay !== null) {
    const known = ["alpha", "beta", "epsilon"];
    requireKnownNames(`${owner}: prioritizedReplay`, prioritizedReplay, known);
    return new PrioritizedReplay({ ...options, ...prioritizedReplay });
  }
  if (hindsightReplay === null) return new ReplayBuffer(options);
  requireKnownNames(`${owner}: hindsightReplay`, hindsightReplay, ["strategy", "nSampledGoal"]);
  const { space, computeReward } = goalsOf(owner, env);
  return new HindsightReplay({
    ...options,
    ...hindsightReplay,
    layout: goalLayout(space),
    computeReward,
  });
}

function goalsOf(
  owner: string,
  env: LearnEnv,
): { readonly space: Env["observationSpace"]; readonly computeReward: GoalFunction } {
  const first: unknown = Array.isArray(env) ? env[0] : env;
  const inner = first instanceof Env ? (first.unwrapped as GoalEnv) : undefined;
  if (inner === undefined || typeof inner.computeReward !== "function") {
    throw new ConfigError(
      `${owner}: hindsightReplay needs environments of this thread with a method ` +
        "computeReward(achieved, desired, count), got none; write one, or leave hindsightReplay out",
    );
  }
  return {
    space: inner.observationSpace,
    computeReward: (achieved, desired, count) => inner.computeReward(achieved, desired, count),
  };
}

/** An environment whose reward can be asked for another goal. */
type GoalEnv = Env & { readonly computeReward: GoalFunction };
