/**
 * Environments with Gymnasium's meaning of every word: spaces, wrappers, physics, vectors of
 * environments, noise, replay.
 *
 * @module
 */
export { Pcg64 } from "../base/pcg64.ts";
export type { Pcg64State, Seed } from "../base/pcg64.ts";
export { Box } from "./box.ts";
export type { Bounds, BoxOptions } from "./box.ts";
export { checkEnv } from "./check-env.ts";
export type { CheckEnvOptions } from "./check-env.ts";
export { Dict } from "./dict.ts";
export type { DictValue, NamedSpaces, ValueOf } from "./dict.ts";
export type { Camera, CameraOptions, Vector } from "./drawing/camera.ts";
export { cameraAt } from "./drawing/camera.ts";
export type { Colour, Place } from "./drawing/canvas.ts";
export { Canvas } from "./drawing/canvas.ts";
export { drawScene } from "./drawing/draw-scene.ts";
export { frameText } from "./drawing/frame-text.ts";
export type { Mesh, Solid, SolidKind } from "./drawing/solid.ts";
export { Discrete } from "./discrete.ts";
export type { EnvSpec } from "./env-spec.ts";
export { Env } from "./env.ts";
export type { Info, Reset, ResetOptions, Step } from "./env.ts";
export { CartPole } from "./envs/cart-pole.ts";
export type { CartPoleOptions } from "./envs/cart-pole.ts";
export { LqrTracking } from "./envs/lqr-tracking.ts";
export type { LqrTrackingOptions } from "./envs/lqr-tracking.ts";
export { MountainCarContinuous } from "./envs/mountain-car-continuous.ts";
export type { MountainCarContinuousOptions } from "./envs/mountain-car-continuous.ts";
export { MountainCar } from "./envs/mountain-car.ts";
export type { MountainCarOptions } from "./envs/mountain-car.ts";
export { Pendulum } from "./envs/pendulum.ts";
export type { PendulumOptions } from "./envs/pendulum.ts";
export { flatDim, flatten, flattenInto, flattenSpace, unflatten } from "./flatten.ts";
export type { FlatRow } from "./flatten.ts";
export type { Frame, RenderMode } from "./frame.ts";
export type { MujocoTask, StartState, Turn } from "./mujoco/custom-env.ts";
export { CustomMujocoEnv, mujocoEnv } from "./mujoco/custom-env.ts";
export type { HalfCheetahOptions } from "./mujoco/envs/half-cheetah.ts";
export { HalfCheetahEnv } from "./mujoco/envs/half-cheetah.ts";
export type { HopperOptions } from "./mujoco/envs/hopper.ts";
export { HopperEnv } from "./mujoco/envs/hopper.ts";
export type { InvertedDoublePendulumOptions } from "./mujoco/envs/inverted-double-pendulum.ts";
export { InvertedDoublePendulumEnv } from "./mujoco/envs/inverted-double-pendulum.ts";
export type { InvertedPendulumOptions } from "./mujoco/envs/inverted-pendulum.ts";
export { InvertedPendulumEnv } from "./mujoco/envs/inverted-pendulum.ts";
export type { LeggedChoices } from "./mujoco/envs/legged-env.ts";
export { LeggedEnv } from "./mujoco/envs/legged-env.ts";
export type { ReacherOptions } from "./mujoco/envs/reacher.ts";
export { ReacherEnv } from "./mujoco/envs/reacher.ts";
export type { SwimmerOptions } from "./mujoco/envs/swimmer.ts";
export { SwimmerEnv } from "./mujoco/envs/swimmer.ts";
export type { Walker2dOptions } from "./mujoco/envs/walker2d.ts";
export { Walker2dEnv } from "./mujoco/envs/walker2d.ts";
export type { MujocoEnvOptions } from "./mujoco/mujoco-env.ts";
export { MujocoEnv } from "./mujoco/mujoco-env.ts";
export type { ModelHandle, Mujoco, MujocoOptions } from "./mujoco/mujoco-module.ts";
export { loadMujoco } from "./mujoco/mujoco-module.ts";
export type { MjcfSource, ObjectKind } from "./mujoco/simulation.ts";
export { Simulation } from "./mujoco/simulation.ts";
export { MultiBinary } from "./multi-binary.ts";
export { MultiDiscrete } from "./multi-discrete.ts";
export { goalLayout } from "./replay/goal-layout.ts";
export type { GoalLayout } from "./replay/goal-layout.ts";
export { HindsightReplay } from "./replay/hindsight-replay.ts";
export type {
  GoalFunction,
  GoalStrategy,
  HindsightReplayOptions,
} from "./replay/hindsight-replay.ts";
export { PrioritizedReplay } from "./replay/prioritized-replay.ts";
export type { BetaSchedule, PrioritizedReplayOptions } from "./replay/prioritized-replay.ts";
export { ReplayBuffer } from "./replay/replay-buffer.ts";
export type { Replay, ReplayBatch, ReplayOptions, ReplayState } from "./replay/replay.ts";
export { envIds, make, register, registrations } from "./registry.ts";
export type { EnvOptions, EnvRegistration, MakeOptions } from "./registry.ts";
export type { Space, SpaceKind, SpaceRandomState } from "./space.ts";
export type { SpaceArray, SpaceArrays, SpaceDType } from "./space-array.ts";
export { Text } from "./text.ts";
export type { TextOptions } from "./text.ts";
export { Tuple } from "./tuple.ts";
export type { TupleValue } from "./tuple.ts";
export type { Rows, Transitions } from "./transitions.ts";
export type { Batch } from "./vector/batch.ts";
export type { VectorEnvOptions } from "./vector/sync-vector-env.ts";
export { SyncVectorEnv } from "./vector/sync-vector-env.ts";
export type { TransitionSource } from "./vector/transitions-of.ts";
export { rowSize, rowsOf, transitionsOf } from "./vector/transitions-of.ts";
export type {
  AutoresetMode,
  VectorEnv,
  VectorRender,
  VectorReset,
  VectorResetOptions,
  VectorStep,
} from "./vector/vector-env.ts";
export type { VectorInfo } from "./vector/vector-info.ts";
export { infoOf } from "./vector/vector-info.ts";
export type {
  ActionNoise,
  GaussianNoiseOptions,
  NoiseState,
  OrnsteinUhlenbeckNoiseOptions,
  ScheduledNoiseOptions,
} from "./noise.ts";
export { GaussianNoise, OrnsteinUhlenbeckNoise, ScheduledNoise, VectorNoise } from "./noise.ts";
export type { RunningStatisticsOptions, RunningStatisticsState } from "./running-statistics.ts";
export { RunningStatistics } from "./running-statistics.ts";
export { ClipAction } from "./wrappers/clip-action.ts";
export { DiscretizeAction } from "./wrappers/discretize-action.ts";
export type { DiscretizeActionOptions } from "./wrappers/discretize-action.ts";
export { FlattenObservation } from "./wrappers/flatten-observation.ts";
export { FrameStackObservation } from "./wrappers/frame-stack-observation.ts";
export type { FrameStackOptions } from "./wrappers/frame-stack-observation.ts";
export { OrderEnforcing } from "./wrappers/order-enforcing.ts";
export { PassiveEnvChecker } from "./wrappers/passive-env-checker.ts";
export { RecordVideo } from "./wrappers/record-video.ts";
export type { RecordedVideo, RecordVideoOptions } from "./wrappers/record-video.ts";
export { RescaleAction } from "./wrappers/rescale-action.ts";
export { TimeAwareObservation } from "./wrappers/time-aware-observation.ts";
export type { TimeAwareOptions } from "./wrappers/time-aware-observation.ts";
export { TimeLimit } from "./wrappers/time-limit.ts";
export { TransformAction } from "./wrappers/transform-action.ts";
export { TransformObservation } from "./wrappers/transform-observation.ts";
export { TransformReward } from "./wrappers/transform-reward.ts";
export { Wrapper } from "./wrappers/wrapper.ts";
export type { WrapperSpaces } from "./wrappers/wrapper.ts";
export { batchSpace } from "./vector/batch-space.ts";
export type { MakeVecOptions } from "./vector/make-vec.ts";
export { makeVec } from "./vector/make-vec.ts";
export type { VectorCheckNanOptions } from "./vector/vector-check-nan.ts";
export { VectorCheckNan } from "./vector/vector-check-nan.ts";
export { VectorClipAction } from "./vector/vector-clip-action.ts";
export { VectorFrameStack } from "./vector/vector-frame-stack.ts";
export { VectorNormalizeObservation } from "./vector/vector-normalize-observation.ts";
export { VectorNormalizeReward } from "./vector/vector-normalize-reward.ts";
export { VectorRecordEpisodeStatistics } from "./vector/vector-record-episode-statistics.ts";
export type { RescaleActionOptions } from "./vector/vector-rescale-action.ts";
export { VectorRescaleAction } from "./vector/vector-rescale-action.ts";
export type { GivenActions } from "./vector/vector-wrapper.ts";
export { VectorWrapper } from "./vector/vector-wrapper.ts";
export type { EpisodeQueueOptions, EpisodeStatistics } from "./wrappers/episode-queue.ts";
export { EpisodeQueue } from "./wrappers/episode-queue.ts";
export { NormalizeObservation } from "./wrappers/normalize-observation.ts";
export type { NormalizeOptions, NormalizeRewardOptions } from "./wrappers/normalize-options.ts";
export type { NormalizeRewardState } from "./wrappers/normalize-reward.ts";
export { NormalizeReward } from "./wrappers/normalize-reward.ts";
export { RecordEpisodeStatistics } from "./wrappers/record-episode-statistics.ts";
