import * as ops from "../../tensor/ops/pooling.ts";
import type { Sizes } from "../../tensor/ops/spatial.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { unary } from "./apply.ts";

/** Max pooling of x [N, C, …] (N may be absent) by windows of `kernelSize`. */
export type MaxPooling = (x: Tensor, kernelSize: Sizes, options?: ops.MaxPoolOptions) => Tensor;

/** Average pooling of x [N, C, …] (N may be absent) by windows of `kernelSize`. */
export type AvgPooling = (x: Tensor, kernelSize: Sizes, options?: ops.AvgPoolOptions) => Tensor;

/** Pooling of x [N, C, …] (N may be absent) to a given size. */
export type AdaptivePooling = (x: Tensor, outputSize: ops.OutputSize) => Tensor;

/** Maximum of sliding windows over [N, C, L]. */
export const maxPool1d: MaxPooling = unary(ops.maxPool1d);

/** Maximum of sliding windows over [N, C, H, W]. */
export const maxPool2d: MaxPooling = unary(ops.maxPool2d);

/** Maximum of sliding windows over [N, C, D, H, W]. */
export const maxPool3d: MaxPooling = unary(ops.maxPool3d);

/** Mean of sliding windows over [N, C, L]. */
export const avgPool1d: AvgPooling = unary(ops.avgPool1d);

/** Mean of sliding windows over [N, C, H, W]. */
export const avgPool2d: AvgPooling = unary(ops.avgPool2d);

/** Mean of sliding windows over [N, C, D, H, W]. */
export const avgPool3d: AvgPooling = unary(ops.avgPool3d);

/** Mean pooling of [N, C, L] to a given size. */
export const adaptiveAvgPool1d: AdaptivePooling = unary(ops.adaptiveAvgPool1d);

/** Mean pooling of [N, C, H, W] to a given size. */
export const adaptiveAvgPool2d: AdaptivePooling = unary(ops.adaptiveAvgPool2d);

/** Max pooling of [N, C, L] to a given size. */
export const adaptiveMaxPool1d: AdaptivePooling = unary(ops.adaptiveMaxPool1d);

/** Max pooling of [N, C, H, W] to a given size. */
export const adaptiveMaxPool2d: AdaptivePooling = unary(ops.adaptiveMaxPool2d);
