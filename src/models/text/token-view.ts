import type { SegmentIds } from "../../nn/functional/attention.ts";
import { arange, zerosLike } from "../../tensor/factories.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { TokenBatch } from "./causal-lm.ts";
import { checkTokenBatch } from "./causal-lm.ts";
import type { DecodeStep, KeyValueCache, LayerKeyValues } from "./key-value-cache.ts";

/**
 * What attention may look at: everything before, all of it or of the same segment, or what a mask
 * [B, 1, T, S] says.
 */
export type Visibility =
  | { readonly isCausal: true; readonly segmentIds?: SegmentIds }
  | { readonly attnMask: Tensor };

/** From this length on masks [T, T] are not stored. */
const longest = 1024;

/**
 * Where the tokens of a call stand and which others they see: what the layers of a decoder have in common.
 * A view of whole sequences has no cache; one of a step of decoding writes into its cache.
 */
export interface TokenView {
  /** i32 [B, T] or [1, T]. */
  readonly positionIds: Tensor;
  /** Whether positions just count from 0, so that a table of positions needs no look-ups. */
  readonly isPlain: boolean;
  /** @param window - so many tokens, itself among them, are seen at most; null: all. */
  visible(window: number | null): Visibility;
  /** Keys and values to attend to, given those of this call, [B, Hkv, T, D]. */
  keysAndValues(layer: number, fresh: LayerKeyValues): LayerKeyValues;
}

/** The view of whole sequences. @throws {ShapeError} if the batch's tensors do not fit. */
export function viewBatch(owner: string, batch: TokenBatch): TokenView {
  checkTokenBatch(owner, batch);
  const { inputIds, attentionMask, segmentIds } = batch;
  const [, length] = inputIds.shape;
  const { device } = inputIds;
  const isWhole = attentionMask === undefined && segmentIds === undefined;
  const seen = isWhole ? undefined : seenTokens(batch);
  return {
    positionIds: batch.positionIds ?? countedPositions(batch, seen),
    isPlain: isWhole && batch.positionIds === undefined,
    visible: remembered((window) => {
      const isNarrow = window !== null && window < length;
      if (seen === undefined && !isNarrow) return { isCausal: true };
      // A mask is made once for all layers; segments spare its T × T.
      if (!isNarrow && length >= longest) {
        return { isCausal: true, segmentIds: segmentsOf(batch) };
      }
      const places = arange(length, { device });
      const rows = places.unsqueeze(1);
      let mask = seen ?? places.le(rows).unsqueeze(0);
      if (isNarrow) mask = mask.logicalAnd(places.gt(rows.sub(window)));
      return { attnMask: mask.unsqueeze(1) };
    }),
    keysAndValues: (_layer, fresh) => fresh,
  };
}

/** The view of a step of decoding. */
export function viewStep(cache: KeyValueCache, step: DecodeStep): TokenView {
  const { positions, positionIds, mask } = step;
  return {
    positionIds,
    isPlain: false,
    visible: remembered((window) => {
      if (window === null || window >= cache.length) return { attnMask: mask.unsqueeze(1) };
      const places = arange(cache.length, { device: positions.device });
      const near = places.gt(positions.unsqueeze(1).sub(window));
      return { attnMask: mask.logicalAnd(near).unsqueeze(1) };
    }),
    keysAndValues: (layer, fresh) => cache.write(layer, step, fresh),
  };
}

/** Layers ask for few different windows, many times. */
function remembered(make: (window: number | null) => Visibility): TokenView["visible"] {
  const known = new Map<number | null, Visibility>();
  return (window) => {
    const found = known.get(window) ?? make(window);
    known.set(window, found);
    return found;
  };
}

/** Segments of queries and keys: keys that are padding are in one of their own. */
function segmentsOf({ inputIds, attentionMask, segmentIds }: TokenBatch): SegmentIds {
  const query = segmentIds?.to("i32") ?? zerosLike(inputIds, { dtype: "i32" });
  if (attentionMask === undefined) return { query, key: query };
  // An id that no segment has, however they are numbered.
  const none = query.amin().sub(1);
  return { query, key: query.where(attentionMask.to("bool"), none) };
}

/** Real tokens of the same segment up to each token, bool [B, T, T]. */
function seenTokens({ inputIds, attentionMask, segmentIds }: TokenBatch): Tensor {
  const places = arange(inputIds.shape[1], { device: inputIds.device });
  let seen = places.le(places.unsqueeze(1)).unsqueeze(0);
  if (attentionMask !== undefined) seen = seen.logicalAnd(attentionMask.to("bool").unsqueeze(1));
  if (segmentIds === undefined) return seen;
  return seen.logicalAnd(segmentIds.unsqueeze(1).eq(segmentIds.unsqueeze(2)));
}

/** How many of the tokens before are real and of the same segment, i32. */
function countedPositions(
  { inputIds, attentionMask, segmentIds }: TokenBatch,
  seen?: Tensor,
): Tensor {
  if (seen !== undefined && segmentIds !== undefined) {
    return seen.to("i32").sum({ dim: 2 }).sub(1).maximum(0);
  }
  if (attentionMask !== undefined) {
    return attentionMask.to("i32").cumsum(1).sub(1).maximum(0);
  }
  return arange(inputIds.shape[1], { device: inputIds.device }).to("i32").unsqueeze(0);
}
