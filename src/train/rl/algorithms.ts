import { DDPG } from "./ddpg.ts";
import { DQN } from "./dqn.ts";
import type { OffPolicyLearner } from "./off-policy-learner.ts";
import type { OffPolicySettings } from "./off-policy-settings.ts";
import { SAC } from "./sac.ts";
import type { LearnEnv } from "./stepper-of.ts";
import { TD3 } from "./td3.ts";

/** The algorithms, by the names that commands and checkpoints have for them. */
export type AlgorithmName = "ddpg" | "td3" | "sac" | "dqn";

export const algorithmNames: readonly AlgorithmName[] = ["ddpg", "td3", "sac", "dqn"];

/** Options of an algorithm by name; it checks them itself. */
export type LearnerOptions = Readonly<Record<string, unknown>>;

const makers: Readonly<
  Record<AlgorithmName, (env: LearnEnv, options: never) => OffPolicyLearner<OffPolicySettings>>
> = {
  ddpg: (env, options) => new DDPG(env, options),
  td3: (env, options) => new TD3(env, options),
  sac: (env, options) => new SAC(env, options),
  dqn: (env, options) => new DQN(env, options),
};

/**
 * Makes an algorithm by its name.
 *
 * @throws {ConfigError} if it cannot act in the environment, or an option is unknown or out of range.
 */
export function makeLearner(
  algorithm: AlgorithmName,
  env: LearnEnv,
  options: LearnerOptions,
): OffPolicyLearner<OffPolicySettings> {
  return makers[algorithm](env, options as never);
}
