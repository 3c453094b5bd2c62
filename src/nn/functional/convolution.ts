import { lower } from "../../tensor/autocast.ts";
import * as ops from "../../tensor/ops/convolution.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node } from "./apply.ts";
import { optionalLower, present } from "./apply.ts";

/** A convolution: x, weight, an optional bias [O] and its geometry. */
export type Convolution = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options?: ops.ConvOptions,
) => Tensor;

/** A transposed convolution: x, weight, an optional bias [O] and its geometry. */
export type TransposedConvolution = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options?: ops.ConvTransposeOptions,
) => Tensor;

function wrap<Options>(
  op: (x: Node, weight: Node, bias?: Node | null, options?: Options) => Node,
): (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: Options) => Tensor {
  return (x, weight, bias, options) => {
    const node = op(lower(x), lower(weight), optionalLower(bias), options);
    return derive(present([x, weight, bias]), node);
  };
}

/** Cross-correlation. x [N, C, L], weight [O, C/groups, kL] → [N, O, L']; N may be absent. */
export const conv1d: Convolution = wrap(ops.conv1d);

/**
 * Cross-correlation. x [N, C, H, W], weight [O, C/groups, kH, kW] → [N, O, H', W'] with
 * H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1; N may be absent.
 */
export const conv2d: Convolution = wrap(ops.conv2d);

/** Cross-correlation over [N, C, D, H, W] with weight [O, C/groups, kD, kH, kW]. */
export const conv3d: Convolution = wrap(ops.conv3d);

/** Transposed convolution. x [N, C, L], weight [C, O/groups, kL]; N may be absent. */
export const convTranspose1d: TransposedConvolution = wrap(ops.convTranspose1d);

/**
 * Transposed convolution. x [N, C, H, W], weight [C, O/groups, kH, kW] → [N, O, H', W'] with
 * H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1; N may be absent.
 */
export const convTranspose2d: TransposedConvolution = wrap(ops.convTranspose2d);

/** Transposed convolution over [N, C, D, H, W] with weight [C, O/groups, kD, kH, kW]. */
export const convTranspose3d: TransposedConvolution = wrap(ops.convTranspose3d);
