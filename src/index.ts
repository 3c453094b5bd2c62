/**
 * The public face of Athanor: tensors, transforms and errors.
 *
 * @module
 */
export * from "./base/errors.ts";
export type { DeviceFactory, DeviceName, DeviceOptions } from "./engine/devices.ts";
export { defaultDevice, memoryStats, registerDevice, setDefaultDevice } from "./engine/devices.ts";
export { collectGarbage } from "./engine/garbage.ts";
export type { Float32MatmulPrecision } from "./engine/precision.ts";
export { getFloat32MatmulPrecision, setFloat32MatmulPrecision } from "./engine/precision.ts";
export type { EngineStats } from "./engine/statistics.ts";
export { engineStats } from "./engine/statistics.ts";
export type { DType } from "./ir/dtype.ts";
export type { Shape } from "./ir/shape.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export type { AutocastDType, AutocastOptions } from "./tensor/autocast.ts";
export { autocast, autocastDType, isAutocastEnabled } from "./tensor/autocast.ts";
export { checkpoint } from "./tensor/checkpoint.ts";
export type { CustomOp, CustomResult } from "./tensor/custom-op.ts";
export { customOp } from "./tensor/custom-op.ts";
export type { BackwardContext, BackwardRule, CustomVjp } from "./tensor/custom-vjp.ts";
export { customVjp } from "./tensor/custom-vjp.ts";
export type { InitOptions, RunningDevice } from "./tensor/device.ts";
export { init } from "./tensor/device.ts";
export type { ArangeOptions } from "./tensor/factories.ts";
export {
  arange,
  eye,
  full,
  fullLike,
  linspace,
  logspace,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
} from "./tensor/factories.ts";
export {
  after,
  atleast1d,
  atleast2d,
  atleast3d,
  blockDiag,
  broadcastShapes,
  broadcastTensors,
  bucketize,
  cartesianProd,
  cat,
  cdist,
  columnStack,
  combinations,
  cumulativeTrapezoid,
  dstack,
  einsum,
  gradient,
  histogram,
  histogramdd,
  hstack,
  isin,
  meshgrid,
  searchsorted,
  segmentReduce,
  stack,
  tensordot,
  trapezoid,
  trilIndices,
  triuIndices,
  unravelIndex,
  vstack,
  where,
} from "./tensor/functions.ts";
export type { GradOptions } from "./tensor/grad.ts";
export { grad, valueAndGrad } from "./tensor/grad.ts";
export type { HostData, NestedData, TensorData } from "./tensor/host.ts";
export type { JitFunction, JitOptions } from "./tensor/jit.ts";
export { jit, setJit } from "./tensor/jit.ts";
export type { ScanLoopOptions, ScanResult, WhileLoopOptions } from "./tensor/loops.ts";
export { forLoop, scan, whileLoop } from "./tensor/loops.ts";
export * as fft from "./tensor/fft.ts";
export * as linalg from "./tensor/linalg-namespace.ts";
export { keep, persistent, scope } from "./tensor/memory.ts";
export type { KernelSummary, Profile } from "./tensor/profile.ts";
export { profile } from "./tensor/profile.ts";
export type { RandomOptions } from "./tensor/random.ts";
export {
  Generator,
  multinomial,
  rand,
  randLike,
  randint,
  randintLike,
  randn,
  randnLike,
  randperm,
} from "./tensor/random.ts";
export * as random from "./tensor/random-namespace.ts";
export * as special from "./tensor/special.ts";
export type { CovarianceOptions } from "./tensor/products.ts";
export { corrcoef, cov, cross, inner, kron } from "./tensor/products.ts";
export { realize, realizeSync } from "./tensor/realize.ts";
export type { TensorLike, TensorOptions, TensorValuesAndIndices } from "./tensor/tensor.ts";
export { Tensor } from "./tensor/tensor.ts";
export type { WindowOptions } from "./tensor/windows.ts";
export {
  bartlettWindow,
  blackmanWindow,
  hammingWindow,
  hannWindow,
  kaiserWindow,
} from "./tensor/windows.ts";
export type { VmapOptions } from "./tensor/vmap.ts";
export { vmap } from "./tensor/vmap.ts";
