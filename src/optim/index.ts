/**
 * Optimizers, gradient clipping and learning-rate schedules.
 *
 * @module
 */
export type { AdamGroupOptions, AdamOptions, AdamWGroupOptions, AdamWOptions } from "./adam.ts";
export { Adam, AdamW } from "./adam.ts";
export type { ClipGradNormOptions, ClippedGradients } from "./clip.ts";
export { clipGradNorm, clipGradValue } from "./clip.ts";
export type { OneCycleLROptions } from "./one-cycle.ts";
export { OneCycleLR } from "./one-cycle.ts";
export type { CommonOptions, Parameters, ParameterState, Update } from "./optimizer.ts";
export { Optimizer } from "./optimizer.ts";
export type { ComputeDType, GroupInit } from "./param-group.ts";
export { ParamGroup } from "./param-group.ts";
export type { ReduceLROnPlateauOptions } from "./plateau.ts";
export { ReduceLROnPlateau } from "./plateau.ts";
export type { Schedulable, ScheduledGroup, SchedulerState } from "./scheduler.ts";
export { Scheduler } from "./scheduler.ts";
export type {
  LinearLROptions,
  RateFactor,
  WarmRestartsOptions,
  WarmupCosineOptions,
} from "./schedules.ts";
export {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
  warmupCosine,
} from "./schedules.ts";
export { SequentialLR } from "./sequential.ts";
export type { SGDGroupOptions, SGDOptions } from "./sgd.ts";
export { SGD } from "./sgd.ts";
export type { OptimizerState, StoredGroup, StoredOption } from "./state.ts";
