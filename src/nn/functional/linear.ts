import { lower } from "../../tensor/autocast.ts";
import { bilinear as bilinearNode } from "../../tensor/ops/bilinear.ts";
import { oneHot as oneHotNode } from "../../tensor/ops/diagonals.ts";
import type { PadOptions } from "../../tensor/ops/joining.ts";
import { pad as padNode } from "../../tensor/ops/joining.ts";
import { linear as linearNode } from "../../tensor/ops/linear.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import { optionalLower, optionalNode, present, unary } from "./apply.ts";

/** x · weightᵀ + bias. Shapes: x [..., in], weight [out, in], bias [out] → [..., out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  const node = linearNode(lower(x), lower(weight), optionalLower(bias));
  return derive(present([x, weight, bias]), node);
}

/** left · weight[o] · right + bias[o]. Shapes: [..., in1], [..., in2], weight [out, in1, in2]. */
export function bilinear(
  left: Tensor,
  right: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
): Tensor {
  const node = bilinearNode(left.node, right.node, weight.node, optionalNode(bias));
  return derive(present([left, right, weight, bias]), node);
}

/** i32 [..., numClasses] with a 1 at each class index. */
export const oneHot: (x: Tensor, numClasses: number) => Tensor = unary(oneHotNode);

/** Pads the last dims: amounts are [before, after] of the last dim, then of the one before it, …. */
export const pad: (x: Tensor, amounts: readonly number[], options?: PadOptions) => Tensor =
  unary(padNode);
