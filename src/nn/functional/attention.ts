import { lower, withoutAutocast } from "../../tensor/autocast.ts";
import { blockwiseAttention, isLong } from "../../tensor/blockwise-attention.ts";
import { fusesAttention } from "../../tensor/device.ts";
import type { AttentionOptions as NodeAttentionOptions } from "../../tensor/ops/attention.ts";
import * as ops from "../../tensor/ops/attention.ts";
import type { Generator } from "../../tensor/random.ts";
import { defaultGenerator } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { WithTensors } from "./apply.ts";
import { lowered, nodeOptions, tensorsIn } from "./apply.ts";

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions extends Omit<WithTensors<NodeAttentionOptions>, "dropoutKey"> {
  /** Source of the dropout's randomness. @defaultValue the default generator of the device */
  readonly generator?: Generator | undefined;
}

/** Calls `run` with the options over nodes, with a random key if there is dropout. */
function withDropoutKey(
  query: Tensor,
  { generator, ...rest }: AttentionOptions,
  run: (options: WithTensors<NodeAttentionOptions>) => Tensor,
): Tensor {
  const isRandom = (rest.dropoutP ?? 0) > 0;
  const dropoutKey = isRandom ? (generator ?? defaultGenerator(query.device)).nextKey() : undefined;
  const result = run({ ...rest, dropoutKey });
  dropoutKey?.dispose();
  return result;
}

/**
 * softmax(query · keyᵀ · scale + mask) · value. Shapes: query [..., L, E], key [..., S, E],
 * value [..., S, V] → [..., L, V].
 *
 * Weights of long sequences (2²⁰ and more, 2²⁴ over all heads) are never stored: they are computed for
 * some rows at a time, and again for the gradient.
 * @see Dao et al. 2022, "FlashAttention", https://arxiv.org/abs/2205.14135
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  return withDropoutKey(query, options, (full) => {
    const [q, k, v] = [query, key, value].map(lowered);
    ops.checkOperands(q.node, k.node, v.node);
    const nodes = nodeOptions<NodeAttentionOptions>(full);
    if (isFused(q, k, v, nodes)) {
      const node = ops.fusedAttention(q.node, k.node, v.node, nodes);
      return derive([q, k, v, ...tensorsIn(full)], node);
    }
    // It has chosen its dtypes itself.
    if (isLong(q, k)) return withoutAutocast(() => blockwiseAttention(q, k, v, full));
    const node = ops.scaledDotProductAttention(q.node, k.node, v.node, nodes);
    return derive([q, k, v, ...tensorsIn(full)], node);
  });
}

/**
 * Whether one kernel computes it: half types always, and f32 where the weights are too many to
 * hold them, because products of f32 are faster on their own.
 */
function isFused(q: Tensor, k: Tensor, v: Tensor, options: NodeAttentionOptions): boolean {
  const isWorthIt = q.dtype === "f16" || q.dtype === "bf16" || (q.dtype === "f32" && isLong(q, k));
  return isWorthIt && fusesAttention(q.device) && ops.canFuse(q.node, k.node, v.node, options);
}

/** The weights [..., L, S] by which {@link scaledDotProductAttention} multiplies the values. */
export function attentionWeights(
  query: Tensor,
  key: Tensor,
  options: AttentionOptions = {},
): Tensor {
  return withDropoutKey(query, options, (full) => {
    const nodes = nodeOptions<NodeAttentionOptions>(full);
    return derive(
      [query, key, ...tensorsIn(full)],
      ops.attentionWeights(lower(query), lower(key), nodes),
    );
  });
}
