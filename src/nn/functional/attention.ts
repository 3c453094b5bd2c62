import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import { lower, withoutAutocast } from "../../tensor/autocast.ts";
import type { AttentionSegments } from "../../tensor/blockwise-attention.ts";
import { blockwiseAttention, isLong } from "../../tensor/blockwise-attention.ts";
import { fusesAttention } from "../../tensor/device.ts";
import { arange } from "../../tensor/factories.ts";
import type { AttentionOptions as NodeAttentionOptions } from "../../tensor/ops/attention.ts";
import * as ops from "../../tensor/ops/attention.ts";
import type { Generator } from "../../tensor/random.ts";
import { defaultGenerator } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { WithTensors } from "./apply.ts";
import { lowered, nodeOptions, tensorsIn } from "./apply.ts";

/** Segments of queries, integers [B, L], and of keys, [B, S]; without the dim B for a query [L, E]. */
export interface SegmentIds {
  readonly query: Tensor;
  readonly key: Tensor;
}

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions extends Omit<WithTensors<NodeAttentionOptions>, "dropoutKey"> {
  /**
   * Queries see keys of their own segment only: sequences that are packed into one row, or padding as a
   * segment that no query has. One tensor of integers [B, L], or one for queries and one for keys. The mask
   * that this means is never stored for long sequences; it goes together with `isCausal`.
   */
  readonly segmentIds?: Tensor | SegmentIds | null | undefined;
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
  const { segmentIds, ...unsegmented } = options;
  if (segmentIds != null) return segmentedAttention(query, key, value, segmentIds, unsegmented);
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

/** Segments as they broadcast to the scores. @throws {ShapeError} {@link DTypeError} */
function segmentsOf(query: Tensor, key: Tensor, ids: Tensor | SegmentIds): AttentionSegments {
  const given = "query" in ids ? ids : { query: ids, key: ids };
  const spread = (name: keyof SegmentIds, x: Tensor): Tensor => {
    const found = given[name];
    const length = x.shape[x.ndim - 2];
    const batch = x.ndim > 2 ? [found.shape[0]] : [];
    const isBatch = batch.length === 0 || batch[0] === 1 || batch[0] === x.shape[0];
    const wanted = [...(x.ndim > 2 ? [x.shape[0]] : []), length];
    if (found.ndim !== wanted.length || !isBatch || found.shape[found.ndim - 1] !== length) {
      throw new ShapeError(
        `scaledDotProductAttention: segmentIds of the ${name} must be [${wanted.join(", ")}], got ` +
          `[${found.shape.join(", ")}]`,
      );
    }
    if (!["i32", "u32", "i8", "u8"].includes(found.dtype)) {
      throw new DTypeError(
        `scaledDotProductAttention: segmentIds must be integers, got ${found.dtype}`,
      );
    }
    const heads = x.shape.slice(1, -2).map(() => 1);
    return found.reshape([...batch, ...heads, ...(name === "query" ? [length, 1] : [1, length])]);
  };
  return { query: spread("query", query), key: spread("key", key) };
}

/**
 * Which keys each query may see, bool [B, …, L, S] with dims of 1 for heads: those of its segment, and with
 * `isCausal` only up to its own place.
 */
export function segmentMask(
  query: Tensor,
  key: Tensor,
  ids: Tensor | SegmentIds,
  isCausal: boolean,
): Tensor {
  const segments = segmentsOf(query, key, ids);
  const isSame = segments.query.eq(segments.key);
  if (!isCausal) return isSame;
  const places = (x: Tensor): Tensor => arange(x.shape[x.ndim - 2], { device: x.device });
  return isSame.logicalAnd(places(key).le(places(query).unsqueeze(1)));
}

/** Whether a kernel computes it whose mask, one number for each score, takes 512 MB at most. */
function fusesWithMask(query: Tensor, key: Tensor): boolean {
  const scores = (query.numel / query.shape[query.ndim - 1]) * key.shape[key.ndim - 2];
  const isHalf = query.dtype === "f16" || query.dtype === "bf16";
  return isHalf && fusesAttention(query.device) && scores <= 2 ** 28;
}

function segmentedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  ids: Tensor | SegmentIds,
  options: AttentionOptions,
): Tensor {
  const { attnMask, isCausal = false } = options;
  if (attnMask != null) {
    throw new ConfigError("scaledDotProductAttention: takes attnMask or segmentIds, got both");
  }
  if (!isLong(query, key) || fusesWithMask(query, key)) {
    const mask = segmentMask(query, key, ids, isCausal);
    return scaledDotProductAttention(query, key, value, {
      ...options,
      attnMask: mask,
      isCausal: false,
    });
  }
  return withDropoutKey(query, options, (full) => {
    const [q, k, v] = [query, key, value].map(lowered);
    ops.checkOperands(q.node, k.node, v.node);
    const segments = segmentsOf(q, k, ids);
    return withoutAutocast(() => blockwiseAttention(q, k, v, { ...full, segments }));
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
