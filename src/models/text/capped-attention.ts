import { segmentMask } from "../../nn/functional/attention.ts";
import { dropout } from "../../nn/functional/dropout.ts";
import { arange } from "../../tensor/factories.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Visibility } from "./token-view.ts";

/** Options of {@link cappedAttention}. */
export interface CappedAttentionOptions {
  readonly scale: number;
  /** Scores stay within ± this. */
  readonly cap: number;
  /** @defaultValue 0 */
  readonly dropoutP?: number;
}

/** cap · tanh(x / cap): nearly x where it is small, never beyond ± cap. */
export function softCap(x: Tensor, cap: number): Tensor {
  return x.div(cap).tanh().mul(cap);
}

/**
 * Attention whose scores are capped before the mask. Shapes: query [B, H, T, D], key and value
 * [B, Hkv, S, D] with Hkv a divisor of H → [B, H, T, D]. Tokens that see nothing get 0.
 */
export function cappedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  visible: Visibility,
  { scale, cap, dropoutP = 0 }: CappedAttentionOptions,
): Tensor {
  const [B, H, T, D] = query.shape;
  const [, groups] = key.shape;
  // Heads that share keys stand beside each other: [B, Hkv, H / Hkv, T, D].
  const grouped = query.reshape([B, groups, H / groups, T, D]);
  const products = grouped.matmul(key.unsqueeze(2).transpose(-1, -2));
  const exact = products.dtype === "f64" ? products : products.float();
  const scores = softCap(exact.mul(scale), cap);
  const mask = maskOf(visible, query, key).unsqueeze(1);
  // A finite score, because rows without any token would be NaN.
  const weights = scores.where(mask, -1e30).softmax(-1).where(mask, 0).to(query.dtype);
  const kept = dropoutP > 0 ? dropout(weights, { p: dropoutP }) : weights;
  return kept.matmul(value.unsqueeze(2)).reshape([B, H, T, D]);
}

function maskOf(visible: Visibility, query: Tensor, key: Tensor): Tensor {
  if ("attnMask" in visible) return visible.attnMask;
  const { segmentIds } = visible;
  return segmentIds === undefined
    ? causalMask(query.shape[2], key.shape[2], query.device)
    : segmentMask(query, key, segmentIds, true);
}

function causalMask(rows: number, columns: number, device: string): Tensor {
  const places = arange(columns, { device });
  return places.le(arange(rows, { device }).unsqueeze(1)).reshape([1, 1, rows, columns]);
}
