/**
 * Algorithms that learn from environments, and the loop around them: for Node and browsers. What
 * keeps a run on disk (checkpoints, logs, reports) is in `athanor/train`.
 *
 * @module
 */
export type { AlgorithmName, LearnerOptions } from "./algorithms.ts";
export { makeLearner } from "./algorithms.ts";
export type {
  Callback,
  CallbackLike,
  LogValues,
  Training,
  TrainingEvaluation,
} from "./callback.ts";
export { EvalCallback } from "./callbacks/eval-callback.ts";
export type { EvaluationOptions } from "./callbacks/eval-callback.ts";
export { everyNSteps } from "./callbacks/every-n-steps.ts";
export {
  StopOnMaxEpisodes,
  StopOnNoModelImprovement,
  StopOnRewardThreshold,
} from "./callbacks/stop-callbacks.ts";
export type { NoImprovementOptions } from "./callbacks/stop-callbacks.ts";
export { DDPG, ddpgDefaults } from "./ddpg.ts";
export type { DdpgDraws, DdpgSettings } from "./ddpg.ts";
export { DQN, dqnDefaults } from "./dqn.ts";
export type { DqnDraws, DqnSettings } from "./dqn.ts";
export type { EpisodeRecord } from "./episode-record.ts";
export { evaluatePolicy } from "./evaluate-policy.ts";
export type { EvaluatePolicyOptions, PolicyEvaluation } from "./evaluate-policy.ts";
export type { ActionNoiseSettings } from "./exploration-noise.ts";
export { learn } from "./learn.ts";
export type { LearnOptions, LearnResult } from "./learn.ts";
export type { Learner, LearnerState, UpdateMetrics } from "./learner.ts";
export type { RunLogger } from "./logs/run-logger.ts";
export { Mlp } from "./mlp.ts";
export type { Activation, MlpOptions } from "./mlp.ts";
export { OffPolicyLearner } from "./off-policy-learner.ts";
export type {
  ActorCriticSettings,
  AdamSettings,
  NetArch,
  OffPolicySettings,
} from "./off-policy-settings.ts";
export type { RunState } from "./run-state.ts";
export { SAC, sacDefaults } from "./sac.ts";
export type { SacDraws, SacSettings } from "./sac.ts";
export type { Schedule } from "./schedule.ts";
export { softUpdate } from "./soft-update.ts";
export type { LearnEnv } from "./stepper-of.ts";
export { TD3, td3Defaults } from "./td3.ts";
export type { Td3Draws, Td3Settings } from "./td3.ts";
export type { LearnVectorEnv } from "./learn-vector-env.ts";
