import type { AttentionOptions as NodeAttentionOptions } from "../../tensor/ops/attention.ts";
import { scaledDotProductAttention as attention } from "../../tensor/ops/attention.ts";
import { bilinear as bilinearNode } from "../../tensor/ops/bilinear.ts";
import { oneHot as oneHotNode } from "../../tensor/ops/diagonals.ts";
import type { PadOptions } from "../../tensor/ops/joining.ts";
import { pad as padNode } from "../../tensor/ops/joining.ts";
import { linear as linearNode } from "../../tensor/ops/linear.ts";
import type { Generator } from "../../tensor/random.ts";
import { defaultGenerator } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { WithTensors } from "./apply.ts";
import { nodeOptions, optionalNode, present, tensorsIn, unary } from "./apply.ts";

/** x · weightᵀ + bias. Shapes: x [..., in], weight [out, in], bias [out] → [..., out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  const node = linearNode(x.node, weight.node, optionalNode(bias));
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

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions extends Omit<WithTensors<NodeAttentionOptions>, "dropoutKey"> {
  /** Source of the dropout's randomness. @defaultValue the default generator of the device */
  readonly generator?: Generator | undefined;
}

/**
 * softmax(query · keyᵀ · scale + mask) · value. Shapes: query [..., L, E], key [..., S, E],
 * value [..., S, V] → [..., L, V].
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const { generator, ...rest } = options;
  const isRandom = (rest.dropoutP ?? 0) > 0;
  const dropoutKey = isRandom ? (generator ?? defaultGenerator(query.device)).nextKey() : undefined;
  const full: WithTensors<NodeAttentionOptions> = { ...rest, dropoutKey };
  const node = attention(query.node, key.node, value.node, nodeOptions<NodeAttentionOptions>(full));
  const result = derive([query, key, value, ...tensorsIn(full)], node);
  dropoutKey?.dispose();
  return result;
}
