/**
 * Optimizers, gradient clipping and learning-rate schedules.
 *
 * @module
 */
export type { AdamGroupOptions, AdamOptions, AdamWGroupOptions, AdamWOptions } from "./adam.ts";
export { Adam, AdamW } from "./adam.ts";
export type { AdadeltaGroupOptions, AdadeltaOptions } from "./adadelta.ts";
export { Adadelta } from "./adadelta.ts";
export type { AdafactorGroupOptions, AdafactorOptions } from "./adafactor.ts";
export { Adafactor } from "./adafactor.ts";
export type { AdagradGroupOptions, AdagradOptions } from "./adagrad.ts";
export { Adagrad } from "./adagrad.ts";
export type { AdamaxGroupOptions, AdamaxOptions } from "./adamax.ts";
export { Adamax } from "./adamax.ts";
export type { ASGDGroupOptions, ASGDOptions } from "./asgd.ts";
export { ASGD } from "./asgd.ts";
export type { GradScalerOptions, GradScalerState } from "./grad-scaler.ts";
export { GradScaler } from "./grad-scaler.ts";
export type { LAMBGroupOptions, LAMBOptions } from "./lamb.ts";
export { LAMB } from "./lamb.ts";
export type { Evaluation, LBFGSGroupOptions, LBFGSOptions, LBFGSState } from "./lbfgs.ts";
export { LBFGS } from "./lbfgs.ts";
export type { LionGroupOptions, LionOptions } from "./lion.ts";
export { Lion } from "./lion.ts";
export type { MuonGroupOptions, MuonOptions } from "./muon.ts";
export { Muon } from "./muon.ts";
export type { NAdamGroupOptions, NAdamOptions } from "./nadam.ts";
export { NAdam } from "./nadam.ts";
export type { RAdamGroupOptions, RAdamOptions } from "./radam.ts";
export { RAdam } from "./radam.ts";
export type { RMSpropGroupOptions, RMSpropOptions } from "./rmsprop.ts";
export { RMSprop } from "./rmsprop.ts";
export type { RpropGroupOptions, RpropOptions } from "./rprop.ts";
export { Rprop } from "./rprop.ts";
export type {
  Averageable,
  AveragedModelOptions,
  AverageRule,
  WithState,
} from "./averaged-model.ts";
export { AveragedModel, getEmaAvgFn, getSwaAvgFn } from "./averaged-model.ts";
export type { ClipGradNormOptions, ClipGradUnitsOptions, ClippedGradients } from "./clip.ts";
export {
  clipGradNorm,
  clipGradsWithNorm,
  clipGradUnits,
  clipGradValue,
  getTotalNorm,
} from "./clip.ts";
export { ChainedScheduler } from "./chained.ts";
export type { CyclicLROptions } from "./cyclic.ts";
export { CyclicLR } from "./cyclic.ts";
export type { MomentumOptions } from "./momentum-cycle.ts";
export type { OneCycleLROptions } from "./one-cycle.ts";
export { OneCycleLR } from "./one-cycle.ts";
export type {
  CommonOptions,
  Parameters,
  ParameterState,
  PrecisionOptions,
  StepOptions,
  Update,
} from "./optimizer.ts";
export { commonOptions, Optimizer } from "./optimizer.ts";
export type { ComputeDType, GroupInit } from "./param-group.ts";
export { ParamGroup } from "./param-group.ts";
export type { ReduceLROnPlateauOptions } from "./plateau.ts";
export { ReduceLROnPlateau } from "./plateau.ts";
export type { Schedulable, ScheduledGroup, SchedulerState } from "./scheduler.ts";
export { ScalingScheduler, Scheduler } from "./scheduler.ts";
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
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
  warmupCosine,
} from "./schedules.ts";
export { SequentialLR } from "./sequential.ts";
export type { SGDGroupOptions, SGDOptions } from "./sgd.ts";
export { SGD } from "./sgd.ts";
export type { SWALROptions } from "./swa-lr.ts";
export { SWALR } from "./swa-lr.ts";
export type { ModuleTree } from "./update-bn.ts";
export { updateBN } from "./update-bn.ts";
export type { OptimizerState, StoredGroup, StoredOption } from "./state.ts";
export type { TorchOptimizerState, TorchParameterState } from "./torch-state.ts";
export { fromTorchState, toTorchState } from "./torch-state.ts";
