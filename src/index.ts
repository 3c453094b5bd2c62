/**
 * The public face of Athanor: tensors, transforms and errors.
 *
 * @module
 */
export * from "./base/errors.ts";
export type { DeviceName } from "./engine/devices.ts";
export { defaultDevice, memoryStats, setDefaultDevice } from "./engine/devices.ts";
export { collectGarbage } from "./engine/garbage.ts";
export type { EngineStats } from "./engine/statistics.ts";
export { engineStats } from "./engine/statistics.ts";
export type { DType } from "./ir/dtype.ts";
export type { Shape } from "./ir/shape.ts";
export type { InitOptions } from "./tensor/device.ts";
export { init } from "./tensor/device.ts";
export type { ArangeOptions } from "./tensor/factories.ts";
export {
  arange,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
} from "./tensor/factories.ts";
export {
  after,
  broadcastTensors,
  cat,
  einsum,
  meshgrid,
  stack,
  tensordot,
  where,
} from "./tensor/functions.ts";
export type { HostData, NestedData, TensorData } from "./tensor/host.ts";
export { realize, realizeSync } from "./tensor/realize.ts";
export type { TensorLike, TensorOptions, TensorValuesAndIndices } from "./tensor/tensor.ts";
export { Tensor } from "./tensor/tensor.ts";
