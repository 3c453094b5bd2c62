import { gathersFast } from "../../tensor/device.ts";
import * as adaptive from "../../tensor/ops/adaptive-pooling.ts";
import * as unpooling from "../../tensor/ops/max-unpooling.ts";
import * as ops from "../../tensor/ops/pooling.ts";
import type { ValuesAndIndices } from "../../tensor/ops/reduce.ts";
import type { Sizes } from "../../tensor/ops/spatial.ts";
import type { Tensor, TensorValuesAndIndices } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node } from "./apply.ts";
import { unary } from "./apply.ts";

/** Asks for the places of the maxima too. */
export interface ReturnIndices {
  readonly returnIndices: true;
}

/** Does not ask for the places. */
export interface ReturnValues {
  readonly returnIndices?: false | undefined;
}

/**
 * Max pooling of x [N, C, …] (N may be absent) by windows of `kernelSize`. With `returnIndices` also
 * the flat places (i32) of the maxima in the spatial dims, the first among equal ones.
 */
export interface MaxPooling {
  (
    x: Tensor,
    kernelSize: Sizes,
    options: ops.MaxPoolOptions & ReturnIndices,
  ): TensorValuesAndIndices;
  (x: Tensor, kernelSize: Sizes, options?: ops.MaxPoolOptions & ReturnValues): Tensor;
}

/** Max pooling that gives values and places. */
export type MaxPoolingWithIndices = (
  x: Tensor,
  kernelSize: Sizes,
  options?: ops.MaxPoolOptions,
) => TensorValuesAndIndices;

/** Average pooling of x [N, C, …] (N may be absent) by windows of `kernelSize`. */
export type AvgPooling = (x: Tensor, kernelSize: Sizes, options?: ops.AvgPoolOptions) => Tensor;

/** Power-average pooling of x [N, C, …] (N may be absent): (Σ xᵖ)^(1/p) for p = `normType`. */
export type LpPooling = (
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options?: ops.LpPoolOptions,
) => Tensor;

/** Pooling of x [N, C, …] (N may be absent) to a given size. */
export type AdaptivePooling = (x: Tensor, outputSize: adaptive.OutputSize) => Tensor;

/** Max pooling of x [N, C, …] to a given size, on demand with the places of the maxima. */
export interface AdaptiveMaxPooling {
  (x: Tensor, outputSize: adaptive.OutputSize, options: ReturnIndices): TensorValuesAndIndices;
  (x: Tensor, outputSize: adaptive.OutputSize, options?: ReturnValues): Tensor;
}

/** Adaptive max pooling that gives values and places. */
export type AdaptiveMaxPoolingWithIndices = (
  x: Tensor,
  outputSize: adaptive.OutputSize,
) => TensorValuesAndIndices;

/** Puts maxima back where `indices` (i32, of x's shape) say; zeros elsewhere. */
export type MaxUnpooling = (
  x: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: unpooling.MaxUnpoolOptions,
) => Tensor;

function withIndices<Options extends readonly unknown[]>(
  op: (x: Node, ...options: Options) => ValuesAndIndices,
): (x: Tensor, ...options: Options) => TensorValuesAndIndices {
  return (x, ...options) => {
    const { values, indices } = op(x.node, ...options);
    return { values: derive([x], values), indices: derive([x], indices) };
  };
}

type MaxOptions = ops.MaxPoolOptions & { readonly returnIndices?: boolean | undefined };

function maxPooling(values: ValuesPooling, both: MaxPoolingWithIndices): MaxPooling {
  const pool = (
    x: Tensor,
    kernelSize: Sizes,
    { returnIndices = false, ...options }: MaxOptions = {},
  ): Tensor | TensorValuesAndIndices =>
    returnIndices ? both(x, kernelSize, options) : values(x, kernelSize, options);
  return pool as MaxPooling;
}

/** Max pooling whose gradient is looked up where the device does that well. */
function lookedUp(
  op: (x: Node, kernelSize: Sizes, options?: ops.MaxPoolOptions, gathers?: boolean) => Node,
): ValuesPooling {
  return (x, kernelSize, options) =>
    derive([x], op(x.node, kernelSize, options, gathersFast(x.device)));
}

type ValuesPooling = (x: Tensor, kernelSize: Sizes, options?: ops.MaxPoolOptions) => Tensor;

function adaptiveMaxPooling(
  values: AdaptivePooling,
  both: AdaptiveMaxPoolingWithIndices,
): AdaptiveMaxPooling {
  const pool = (
    x: Tensor,
    outputSize: adaptive.OutputSize,
    { returnIndices = false }: { readonly returnIndices?: boolean | undefined } = {},
  ): Tensor | TensorValuesAndIndices => (returnIndices ? both : values)(x, outputSize);
  return pool as AdaptiveMaxPooling;
}

function unpool(
  op: (x: Node, indices: Node, size: Sizes, options?: unpooling.MaxUnpoolOptions) => Node,
): MaxUnpooling {
  return (x, indices, kernelSize, options) =>
    derive([x, indices], op(x.node, indices.node, kernelSize, options));
}

/** Maxima of sliding windows over [N, C, L] and their flat places. */
export const maxPool1dWithIndices: MaxPoolingWithIndices = withIndices(ops.maxPool1dWithIndices);

/** Maximum of sliding windows over [N, C, L]. */
export const maxPool1d: MaxPooling = maxPooling(lookedUp(ops.maxPool1d), maxPool1dWithIndices);

/** Maxima of sliding windows over [N, C, H, W] and their flat places. */
export const maxPool2dWithIndices: MaxPoolingWithIndices = withIndices(ops.maxPool2dWithIndices);

/** Maximum of sliding windows over [N, C, H, W]. */
export const maxPool2d: MaxPooling = maxPooling(lookedUp(ops.maxPool2d), maxPool2dWithIndices);

/** Maxima of sliding windows over [N, C, D, H, W] and their flat places. */
export const maxPool3dWithIndices: MaxPoolingWithIndices = withIndices(ops.maxPool3dWithIndices);

/** Maximum of sliding windows over [N, C, D, H, W]. */
export const maxPool3d: MaxPooling = maxPooling(lookedUp(ops.maxPool3d), maxPool3dWithIndices);

/** Mean of sliding windows over [N, C, L]. */
export const avgPool1d: AvgPooling = unary(ops.avgPool1d);

/** Mean of sliding windows over [N, C, H, W]. */
export const avgPool2d: AvgPooling = unary(ops.avgPool2d);

/** Mean of sliding windows over [N, C, D, H, W]. */
export const avgPool3d: AvgPooling = unary(ops.avgPool3d);

/** (Σ xᵖ)^(1/p) of sliding windows over [N, C, L]. */
export const lpPool1d: LpPooling = unary(ops.lpPool1d);

/** (Σ xᵖ)^(1/p) of sliding windows over [N, C, H, W]. */
export const lpPool2d: LpPooling = unary(ops.lpPool2d);

/** (Σ xᵖ)^(1/p) of sliding windows over [N, C, D, H, W]. */
export const lpPool3d: LpPooling = unary(ops.lpPool3d);

/** Mean pooling of [N, C, L] to a given size. */
export const adaptiveAvgPool1d: AdaptivePooling = unary(adaptive.adaptiveAvgPool1d);

/** Mean pooling of [N, C, H, W] to a given size. */
export const adaptiveAvgPool2d: AdaptivePooling = unary(adaptive.adaptiveAvgPool2d);

/** Mean pooling of [N, C, D, H, W] to a given size. */
export const adaptiveAvgPool3d: AdaptivePooling = unary(adaptive.adaptiveAvgPool3d);

/** Max pooling of [N, C, L] to a given size, and the flat places of the maxima. */
export const adaptiveMaxPool1dWithIndices: AdaptiveMaxPoolingWithIndices = withIndices(
  adaptive.adaptiveMaxPool1dWithIndices,
);

/** Max pooling of [N, C, L] to a given size. */
export const adaptiveMaxPool1d: AdaptiveMaxPooling = adaptiveMaxPooling(
  unary(adaptive.adaptiveMaxPool1d),
  adaptiveMaxPool1dWithIndices,
);

/** Max pooling of [N, C, H, W] to a given size, and the flat places of the maxima. */
export const adaptiveMaxPool2dWithIndices: AdaptiveMaxPoolingWithIndices = withIndices(
  adaptive.adaptiveMaxPool2dWithIndices,
);

/** Max pooling of [N, C, H, W] to a given size. */
export const adaptiveMaxPool2d: AdaptiveMaxPooling = adaptiveMaxPooling(
  unary(adaptive.adaptiveMaxPool2d),
  adaptiveMaxPool2dWithIndices,
);

/** Max pooling of [N, C, D, H, W] to a given size, and the flat places of the maxima. */
export const adaptiveMaxPool3dWithIndices: AdaptiveMaxPoolingWithIndices = withIndices(
  adaptive.adaptiveMaxPool3dWithIndices,
);

/** Max pooling of [N, C, D, H, W] to a given size. */
export const adaptiveMaxPool3d: AdaptiveMaxPooling = adaptiveMaxPooling(
  unary(adaptive.adaptiveMaxPool3d),
  adaptiveMaxPool3dWithIndices,
);

/** Undoes maxPool1d over [N, C, L] as far as it can be undone. */
export const maxUnpool1d: MaxUnpooling = unpool(unpooling.maxUnpool1d);

/** Undoes maxPool2d over [N, C, H, W] as far as it can be undone. */
export const maxUnpool2d: MaxUnpooling = unpool(unpooling.maxUnpool2d);

/** Undoes maxPool3d over [N, C, D, H, W] as far as it can be undone. */
export const maxUnpool3d: MaxUnpooling = unpool(unpooling.maxUnpool3d);
