/**
 * Training: progress, logs, checkpoints, metrics, reports, and complete trainers. For Node.
 *
 * @module
 */
export type {
  Calibration,
  CalibrationBin,
  Comparisons,
} from "./alignment/enumerable/comparisons.ts";
export {
  accuracyOf,
  bayesAccuracy,
  countWins,
  rewardCalibration,
  sampleComparisons,
} from "./alignment/enumerable/comparisons.ts";
export type { DifferenceErrors, OptimalPolicy } from "./alignment/enumerable/exact-policy.ts";
export {
  bradleyTerry,
  centred,
  differenceErrors,
  exactKl,
  flipLabels,
  impliedRewards,
  optimalPolicy,
  regularisedObjective,
  winRates,
} from "./alignment/enumerable/exact-policy.ts";
export type { FitPreferencesOptions } from "./alignment/enumerable/fit-preferences.ts";
export { fitPreferences } from "./alignment/enumerable/fit-preferences.ts";
export type { FitRewardModelOptions } from "./alignment/enumerable/fit-reward-model.ts";
export { fitRewardModel } from "./alignment/enumerable/fit-reward-model.ts";
export type {
  MaximiseRewardOptions,
  RewardAlgorithm,
} from "./alignment/enumerable/maximise-reward.ts";
export { maximiseReward } from "./alignment/enumerable/maximise-reward.ts";
export type { StringModelOptions, StringPolicy } from "./alignment/enumerable/string-task.ts";
export { StringTask, stringModel } from "./alignment/enumerable/string-task.ts";
export type { MnistDigits } from "../data/node/mnist.ts";
export { loadMnist } from "../data/node/mnist.ts";
export type {
  CheckDatasetOptions,
  DatasetReport,
  RowGroup,
  RowProblem,
} from "./alignment/data/check-dataset.ts";
export { checkDataset } from "./alignment/data/check-dataset.ts";
export type {
  CompletionBatch,
  PaddedBatch,
  PaddingOptions,
  PreferenceBatch,
  SequenceBatch,
  UnpairedBatch,
} from "./alignment/data/collate.ts";
export {
  collatePaddingFree,
  collatePreferences,
  collatePrompts,
  collateSequences,
  collateUnpaired,
} from "./alignment/data/collate.ts";
export {
  conversionsFrom,
  convertRows,
  extractPrompt,
  toConversational,
  withImplicitPrompt,
} from "./alignment/data/convert-rows.ts";
export type {
  ChatMessage,
  CommonColumns,
  DatasetFormat,
  DatasetRow,
  DatasetRows,
  DatasetType,
  LanguageModelingRow,
  PreferenceRow,
  PromptCompletionRow,
  PromptOnlyRow,
  StepwiseRow,
  Turns,
  UnpairedRow,
} from "./alignment/data/dataset-row.ts";
export { datasetTypeOf } from "./alignment/data/dataset-row.ts";
export type { HistogramBin, LengthSummary } from "./alignment/data/length-summary.ts";
export type {
  PackedExample,
  Packing,
  PackingStrategy,
  PackOptions,
} from "./alignment/data/pack-examples.ts";
export { joinSegments, packExamples } from "./alignment/data/pack-examples.ts";
export type { ParsedRow } from "./alignment/data/parse-row.ts";
export { parseRow, RowError } from "./alignment/data/parse-row.ts";
export type { LoadedRows, PlacedRecord } from "./alignment/data/read-rows.ts";
export { readDatasetRows, streamRecords } from "./alignment/data/read-rows.ts";
export type { PromptAndAnswer, RowTokenizer } from "./alignment/data/row-tokenizer.ts";
export {
  endOfAnswer,
  paddingToken,
  tokenizeAnswer,
  tokenizePrompt,
} from "./alignment/data/row-tokenizer.ts";
export type {
  PreferenceExample,
  PromptExample,
  SequenceExample,
  SequenceOptions,
  StepwiseExample,
  Tokenized,
  UnpairedExample,
} from "./alignment/data/tokenize-rows.ts";
export {
  tokenizePreferences,
  tokenizePrompts,
  tokenizeSequences,
  tokenizeSteps,
  tokenizeUnpaired,
} from "./alignment/data/tokenize-rows.ts";
export type {
  TruncationCounts,
  TruncationMode,
  TruncationOptions,
} from "./alignment/data/truncate.ts";
export type {
  GaeOptions,
  GeneralizedAdvantages,
  GroupAdvantages,
  GroupAdvantagesOptions,
  LeaveOneOutOptions,
  ScaleRewards,
} from "./alignment/losses/advantages.ts";
export {
  generalizedAdvantages,
  groupAdvantages,
  leaveOneOutAdvantages,
} from "./alignment/losses/advantages.ts";
export type { FDivergence } from "./alignment/losses/f-divergence.ts";
export type {
  GroupLossType,
  GroupPolicyInputs,
  GroupPolicyLoss,
  GroupPolicyOptions,
} from "./alignment/losses/group-policy-loss.ts";
export { groupPolicyLoss } from "./alignment/losses/group-policy-loss.ts";
export type { KlEstimator } from "./alignment/losses/kl-estimators.ts";
export { klEstimate } from "./alignment/losses/kl-estimators.ts";
export type {
  KtoLoss,
  KtoLossOptions,
  KtoLossType,
  UnpairedLogProbs,
} from "./alignment/losses/kto-loss.ts";
export { ktoLoss } from "./alignment/losses/kto-loss.ts";
export type { WhitenOptions } from "./alignment/losses/masked.ts";
export { maskedMean, maskedWhiten } from "./alignment/losses/masked.ts";
export type {
  PolicyLoss,
  PolicyLossInputs,
  PolicyLossOptions,
  TokenRewards,
  TokenRewardsOptions,
  ValueLoss,
  ValueLossInputs,
  ValueLossOptions,
} from "./alignment/losses/ppo-loss.ts";
export { ppoPolicyLoss, ppoValueLoss, tokenRewards } from "./alignment/losses/ppo-loss.ts";
export type {
  PreferenceLogProbs,
  PreferenceLoss,
  PreferenceLossOptions,
} from "./alignment/losses/preference-loss.ts";
export { preferenceLoss, preferenceLossTypes } from "./alignment/losses/preference-loss.ts";
export type { PreferenceLossType } from "./alignment/losses/preference-losses.ts";
export { preferenceMetrics } from "./alignment/losses/preference-metrics.ts";
export type {
  CpoLossOptions,
  CpoLossType,
  OrpoLoss,
  OrpoLossOptions,
  PolicyLogProbs,
  ReferenceFreeLoss,
} from "./alignment/losses/reference-free-loss.ts";
export { cpoLoss, orpoLoss } from "./alignment/losses/reference-free-loss.ts";
export type { RewardLossOptions } from "./alignment/losses/reward-loss.ts";
export { rewardLoss, rewardMetrics } from "./alignment/losses/reward-loss.ts";
export {
  averageLogProbs,
  completionLengths,
  desensitizedLogProbs,
  meanNll,
  policyWeights,
  sequenceLogProbs,
} from "./alignment/losses/sequence-log-probs.ts";
export type {
  SequencePolicyInputs,
  SequencePolicyOptions,
} from "./alignment/losses/sequence-policy-loss.ts";
export { sequencePolicyLoss } from "./alignment/losses/sequence-policy-loss.ts";
export type {
  LogitsHead,
  TokenLogProbsOptions,
  TokenStatistics,
} from "./alignment/losses/token-log-probs.ts";
export {
  logitsStatistics,
  tokenLogProbs,
  tokenStatistics,
} from "./alignment/losses/token-log-probs.ts";
export type { ImageSize } from "./augment.ts";
export { shiftImages } from "./augment.ts";
export type { SavedCheckpoint } from "./checkpoint-folder.ts";
export { CheckpointFolder } from "./checkpoint-folder.ts";
export { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export type { DigitsEvaluation, DigitsOptions, DigitsResult, DigitsSettings } from "./digits.ts";
export { trainDigits } from "./digits.ts";
export type { PeakPrecision, TransformerSize } from "./device-peaks.ts";
export { flopsPerToken, peakFlops } from "./device-peaks.ts";
export type { GptOptions, GptResult, GptSummary } from "./gpt.ts";
export { trainGpt } from "./gpt.ts";
export type { GptPrecision, GptSettings, GptTokenizer } from "./gpt-settings.ts";
export type { JsonlLogger, LogEvent } from "./jsonl-logger.ts";
export { jsonlLogger, readJsonl } from "./jsonl-logger.ts";
export type { LossContext } from "./metrics.ts";
export { accuracy, argmaxRows, assertFinite, ConfusionMatrix, RunningMean } from "./metrics.ts";
export type {
  ProgressBar,
  ProgressMode,
  ProgressOptions,
  ProgressStream,
  ProgressValues,
} from "./progress-bar.ts";
export { formatDuration, formatNumber, progressBar } from "./progress-bar.ts";
export { confusionTable } from "./report/confusion-table.ts";
export type { HeatMap, HeatMapOptions } from "./report/heat-map.ts";
export { heatMaps } from "./report/heat-map.ts";
export type { CaptionedPicture } from "./report/image-grid.ts";
export { imageGrid } from "./report/image-grid.ts";
export type { LevelMark, LineChartOptions, Series } from "./report/line-chart.ts";
export { lineChart, lineChartFile } from "./report/line-chart.ts";
export type { Markup, MarkupPart } from "./report/markup.ts";
export { markup } from "./report/markup.ts";
export type { Picture } from "../data/node/png.ts";
export { encodePng, pngDataUri } from "../data/node/png.ts";
export type { Report, ReportSection } from "./report/report.ts";
export { charts, renderReport, writeReport } from "./report/report.ts";
export { DDPG, ddpgDefaults } from "./rl/ddpg.ts";
export type { DdpgDraws, DdpgSettings } from "./rl/ddpg.ts";
export { DQN, dqnDefaults } from "./rl/dqn.ts";
export type { DqnDraws, DqnSettings } from "./rl/dqn.ts";
export type { ActionNoiseSettings } from "./rl/exploration-noise.ts";
export { Mlp } from "./rl/mlp.ts";
export type { Activation, MlpOptions } from "./rl/mlp.ts";
export { OffPolicyLearner } from "./rl/off-policy-learner.ts";
export type {
  ActorCriticSettings,
  AdamSettings,
  NetArch,
  OffPolicySettings,
} from "./rl/off-policy-settings.ts";
export { SAC, sacDefaults } from "./rl/sac.ts";
export type { SacDraws, SacSettings } from "./rl/sac.ts";
export type { Schedule } from "./rl/schedule.ts";
export { softUpdate } from "./rl/soft-update.ts";
export { TD3, td3Defaults } from "./rl/td3.ts";
export type { Td3Draws, Td3Settings } from "./rl/td3.ts";
export type {
  Callback,
  CallbackLike,
  LogValues,
  Training,
  TrainingEvaluation,
} from "./rl/callback.ts";
export { CheckpointCallback } from "./rl/callbacks/checkpoint-callback.ts";
export type { CheckpointOptions } from "./rl/callbacks/checkpoint-callback.ts";
export { EvalCallback } from "./rl/callbacks/eval-callback.ts";
export type { EvaluationOptions } from "./rl/callbacks/eval-callback.ts";
export { everyNSteps } from "./rl/callbacks/every-n-steps.ts";
export { ProgressCallback } from "./rl/callbacks/progress-callback.ts";
export type { ProgressCallbackOptions } from "./rl/callbacks/progress-callback.ts";
export {
  StopOnMaxEpisodes,
  StopOnNoModelImprovement,
  StopOnRewardThreshold,
} from "./rl/callbacks/stop-callbacks.ts";
export type { NoImprovementOptions } from "./rl/callbacks/stop-callbacks.ts";
export type { AgentChoices, AgentSettings } from "./rl/agent-settings.ts";
export type { AlgorithmName, LearnerOptions } from "./rl/algorithms.ts";
export { makeLearner } from "./rl/algorithms.ts";
export type { EpisodeRecord } from "./rl/episode-record.ts";
export { evaluatePolicy } from "./rl/evaluate-policy.ts";
export type { EvaluatePolicyOptions, PolicyEvaluation } from "./rl/evaluate-policy.ts";
export { learn } from "./rl/learn.ts";
export type { LearnOptions, LearnResult } from "./rl/learn.ts";
export type { Learner, LearnerState, UpdateMetrics } from "./rl/learner.ts";
export { csvLogger, readCsv } from "./rl/logs/csv-logger.ts";
export { eventLogger } from "./rl/logs/event-logger.ts";
export type { RunLogger } from "./rl/logs/run-logger.ts";
export { tableLogger } from "./rl/logs/table-logger.ts";
export { tensorboardLogger } from "./rl/logs/tensorboard-logger.ts";
export { playAgent } from "./rl/play-agent.ts";
export type { PlayOptions, PlayResult } from "./rl/play-agent.ts";
export { loadPolicy, restorePolicy, savePolicy } from "./rl/policy-file.ts";
export type { SavedPolicy, SavePolicyOptions } from "./rl/policy-file.ts";
export type { RunState } from "./rl/run-state.ts";
export type { RecipeName } from "./rl/recipes.ts";
export { recipesFor } from "./rl/recipes.ts";
export type { LearnEnv } from "./rl/stepper-of.ts";
export type { LearnVectorEnv } from "./rl/learn-vector-env.ts";
export type { AgentOptions, AgentResult } from "./rl/train-agent.ts";
export { trainAgent } from "./rl/train-agent.ts";
export type { HparamValue } from "./tensorboard-event.ts";
export type { ScalarEvent } from "./tensorboard-reader.ts";
export { readScalars } from "./tensorboard-reader.ts";
export type { ImageLayout, SummaryOptions } from "./tensorboard-writer.ts";
export { SummaryWriter } from "./tensorboard-writer.ts";
