import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, formatShape } from "../../ir/shape.ts";
import { add, mul } from "./arithmetic.ts";
import { lowerTriangle } from "./diagonals.ts";
import { dropout } from "./dropout.ts";
import { matmul } from "./linear.ts";
import { eq, where } from "./logic.ts";
import { inComputeDType } from "./operands.ts";
import { softmax } from "./softmax.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions {
  /** Bool (true: may be attended to) or float (added to the scores); broadcasts to [..., L, S]. */
  readonly attnMask?: Node | null | undefined;
  /** Position i sees keys 0 … i only. */
  readonly isCausal?: boolean | undefined;
  /** Factor of the scores. @defaultValue 1 / √E */
  readonly scale?: number | null | undefined;
  /** Lets groups of query heads share a head of keys and values (dim −3). */
  readonly enableGqa?: boolean | undefined;
  /** Dropout of the weights; needs `dropoutKey`. @defaultValue 0 */
  readonly dropoutP?: number | undefined;
  /** Random key (u32 [2]) of the dropout. */
  readonly dropoutKey?: Node | undefined;
}

/** @throws {ShapeError} if the operands are no attention. */
export function checkOperands(query: Node, key: Node, value: Node): void {
  const shapes = [query, key, value].map((x) => formatShape(x.shape)).join(", ");
  if ([query, key, value].some((x) => x.shape.length < 2 || !isFloat(x.dtype))) {
    throw new ShapeError(
      `scaledDotProductAttention: query, key and value must be float [..., length, size], got ${shapes}`,
    );
  }
  const [width, depth] = [query, key].map((x) => x.shape[x.shape.length - 1]);
  const [keys, values] = [key, value].map((x) => x.shape[x.shape.length - 2]);
  if (width !== depth || keys !== values) {
    throw new ShapeError(
      "scaledDotProductAttention: query [..., L, E] needs key [..., S, E] and value [..., S, V], " +
        `got ${shapes}`,
    );
  }
}

/** Repeats heads (dim −3) of keys or values for the query heads that share them. */
export function repeatHeads(x: Node, query: Node): Node {
  const dim = x.shape.length - 3;
  const heads = query.shape[query.shape.length - 3];
  const own = x.shape[dim];
  if (dim < 0 || heads % own !== 0) {
    throw new ShapeError(
      `scaledDotProductAttention: enableGqa needs query heads that are a multiple of the key heads, ` +
        `got ${formatShape(query.shape)} and ${formatShape(x.shape)}`,
    );
  }
  if (own === heads) return x;
  const column = ir.reshape(x, x.shape.toSpliced(dim + 1, 0, 1));
  return ir.reshape(
    ir.expand(column, x.shape.toSpliced(dim + 1, 0, heads / own)),
    x.shape.with(dim, heads),
  );
}

/** Softmax over the last dim whose fully masked rows are 0 instead of NaN. */
function maskedSoftmax(scores: Node): Node {
  const axes = [scores.shape.length - 1];
  const largest = ir.extremum("reduceMax", scores, axes);
  const shift = stopGradient(where(eq(largest, -Infinity), 0, largest));
  const powers = ir.unary("exp", ir.sub(scores, ir.expand(shift, scores.shape)));
  const total = ir.reduceSum(powers, axes);
  const safe = where(eq(total, 0), 1, total);
  return mul(powers, ir.div(ir.fullLike(safe, 1), safe));
}

/** Softmax of the scores [..., L, S] under the options' mask. */
function weightsOf(scores: Node, { attnMask, isCausal }: AttentionOptions): Node {
  const [rows, columns] = scores.shape.slice(-2);
  if (isCausal === true) {
    if (attnMask != null) {
      throw new ConfigError("scaledDotProductAttention: takes attnMask or isCausal, got both");
    }
    return softmax(where(lowerTriangle(rows, columns), scores, -Infinity), -1);
  }
  if (attnMask == null) return softmax(scores, -1);
  if (attnMask.dtype === "bool") return maskedSoftmax(where(attnMask, scores, -Infinity));
  if (!isFloat(attnMask.dtype)) {
    throw new DTypeError(
      `scaledDotProductAttention: attnMask must be bool or float, got ${attnMask.dtype}`,
    );
  }
  return maskedSoftmax(add(scores, ir.cast(attnMask, scores.dtype)));
}

/**
 * softmax(query · keyᵀ · scale + mask), the weights of the values: [..., L, S]. The softmax of half
 * types runs in f32.
 */
export function attentionWeights(query: Node, key: Node, options: AttentionOptions = {}): Node {
  const { enableGqa = false, dropoutP = 0, dropoutKey } = options;
  const k = enableGqa ? repeatHeads(key, query) : key;
  const scale = options.scale ?? 1 / Math.sqrt(query.shape[query.shape.length - 1]);
  const rank = k.shape.length;
  const products = matmul(query, ir.transpose(k, rank - 2, rank - 1));
  const weights = inComputeDType(products, (scores) => weightsOf(mul(scores, scale), options));
  if (dropoutP === 0) return weights;
  if (dropoutKey === undefined) {
    throw new ConfigError("scaledDotProductAttention: dropoutP needs dropoutKey, got none");
  }
  return dropout(weights, dropoutKey, { p: dropoutP });
}

/**
 * {@link attentionWeights} · value. Shapes: query [..., L, E], key [..., S, E],
 * value [..., S, V] → [..., L, V].
 */
export function scaledDotProductAttention(
  query: Node,
  key: Node,
  value: Node,
  options: AttentionOptions = {},
): Node {
  checkOperands(query, key, value);
  const v = options.enableGqa === true ? repeatHeads(value, query) : value;
  return matmul(attentionWeights(query, key, options), v);
}

/** Largest size of a head that kernels hold on the chip. */
const widestHead = 256;

/** Whether the primitive can compute this: everything but dropout, and sizes of none. */
export function canFuse(
  query: Node,
  key: Node,
  value: Node,
  { dropoutP = 0, attnMask, isCausal = false, enableGqa = false }: AttentionOptions,
): boolean {
  const operands = [query, key, value];
  if (dropoutP > 0 || (isCausal && attnMask != null)) return false;
  if (attnMask != null && attnMask.dtype !== "bool" && !isFloat(attnMask.dtype)) return false;
  if (operands.some((x) => x.dtype !== query.dtype || x.shape.includes(0))) return false;
  if (operands.some((x) => x.shape[x.shape.length - 1] > widestHead)) return false;
  return !enableGqa || operands.every((x) => x.shape.length >= 3);
}

/** [..., H, L, D] as [B, L, H, D]: what models split their products into, without a copy. */
function rowsFirst(x: Node): Node {
  const [heads, rows, width] = [1, ...x.shape].slice(-3);
  return ir.permute(ir.reshape(x, [batchOf(x), heads, rows, width]), [0, 2, 1, 3]);
}

const batchOf = (x: Node): number => x.shape.slice(0, -3).reduce((a, b) => a * b, 1);

/** What is added to the scores, [B, H, L, S], for a mask that broadcasts to [..., L, S]. */
function biasOf(mask: Node, query: Node, key: Node): Node {
  const added =
    mask.dtype === "bool"
      ? where(mask, ir.fullLike(ir.cast(mask, query.dtype), 0), -Infinity)
      : ir.cast(mask, query.dtype === "f64" ? "f64" : "f32");
  const scores = [...query.shape.slice(0, -1), key.shape[key.shape.length - 2]];
  const [heads, rows, keys] = [1, ...scores].slice(-3);
  return ir.reshape(ir.broadcastTo(added, scores), [batchOf(query), heads, rows, keys]);
}

/**
 * {@link scaledDotProductAttention} as one operation, which devices with kernels for it compute
 * without holding the weights. For operands that {@link canFuse} takes.
 */
export function fusedAttention(
  query: Node,
  key: Node,
  value: Node,
  options: AttentionOptions = {},
): Node {
  const { enableGqa = false, isCausal = false, attnMask } = options;
  const apart = enableGqa ? 3 : 2;
  if (enableGqa) for (const x of [key, value]) repeatHeads(x, query);
  const leading = [query, key, value].map((x) => x.shape.slice(0, -apart));
  if (attnMask != null) leading.push(attnMask.shape.slice(0, -apart));
  const common = broadcastShapes("scaledDotProductAttention", ...leading);
  const [q, k, v] = [query, key, value].map((x) =>
    ir.broadcastTo(x, [...common, ...x.shape.slice(-apart)]),
  );
  const src = [q, k, v].map(rowsFirst);
  if (attnMask != null) src.push(biasOf(attnMask, q, k));
  const scale = options.scale ?? 1 / Math.sqrt(q.shape[q.shape.length - 1]);
  const result = ir.part(ir.attention(src, { causal: isCausal, scale }), 0);
  const shape = [...q.shape.slice(0, -1), v.shape[v.shape.length - 1]];
  return ir.reshape(ir.permute(result, [0, 2, 1, 3]), shape);
}
