import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, formatShape, numel } from "../../ir/shape.ts";
import { add, clamp, div, mul, sub } from "./arithmetic.ts";
import { broadcastOperands, inComputeDType, toFloat } from "./operands.ts";
import { norm, sum } from "./reduce.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of {@link cosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** @defaultValue 1 */
  readonly dim?: number | undefined;
  /** Smallest norm divided by. @defaultValue 1e-8 */
  readonly eps?: number | undefined;
}

/** Two nodes as floats of one dtype and shape. */
function floatPair(op: string, left: Node, right: Node): Node[] {
  return broadcastOperands(op, [toFloat(left), toFloat(right)]);
}

/** Σ a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along a dim of the broadcast operands. */
export function cosineSimilarity(
  left: Node,
  right: Node,
  { dim = 1, eps = 1e-8 }: CosineSimilarityOptions = {},
): Node {
  const [first, second] = floatPair("cosineSimilarity", left, right);
  return inComputeDType(first, (a) => {
    const b = ir.cast(second, a.dtype);
    // As torch's, the smallest norm bounds the value only; the gradient is that of the norm.
    const length = (x: Node): Node => {
      const n = norm(x, { dim, keepdim: true });
      return add(n, stopGradient(sub(clamp(n, { min: eps }), n)));
    };
    return sum(mul(div(a, length(a)), div(b, length(b))), { dim });
  });
}

/** Options of {@link pairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** Order of the norm. @defaultValue 2 */
  readonly p?: number | undefined;
  /** Added to every difference. @defaultValue 1e-6 */
  readonly eps?: number | undefined;
  readonly keepdim?: boolean | undefined;
}

/** ‖a − b + eps‖ₚ along the last dim of the broadcast operands. */
export function pairwiseDistance(
  left: Node,
  right: Node,
  { p = 2, eps = 1e-6, keepdim = false }: PairwiseDistanceOptions = {},
): Node {
  const [a, b] = floatPair("pairwiseDistance", left, right);
  const lastDim = (x: Node): Node => norm(x, { p, dim: -1, keepdim });
  return inComputeDType(a, (x) => lastDim(add(sub(x, ir.cast(b, x.dtype)), eps)));
}

/** Options of {@link cdist} and {@link pdist}. */
export interface DistanceOptions {
  /** Order of the norm, ≥ 0; 0 counts the differences. @defaultValue 2 */
  readonly p?: number | undefined;
}

function checkOrder(op: string, p: number): void {
  if (!(p >= 0)) throw new ConfigError(`${op}: p must be ≥ 0, got ${p}`);
}

/** p-norm over the last dim; 0 where there is nothing to sum. */
function distance(difference: Node, p: number): Node {
  const rank = difference.shape.length;
  if (difference.shape[rank - 1] === 0) return ir.full(difference.shape.slice(0, -1), 0, "f32");
  return norm(difference, { p, dim: -1 });
}

/**
 * Distances between all rows of two sets, computed from differences: [..., P, M] and [..., R, M] →
 * [..., P, R]; the leading dims broadcast.
 */
export function cdist(left: Node, right: Node, { p = 2 }: DistanceOptions = {}): Node {
  checkOrder("cdist", p);
  const shapes = `got ${formatShape(left.shape)} and ${formatShape(right.shape)}`;
  const [columns, others] = [left, right].map((x) => x.shape[x.shape.length - 1]);
  if (left.shape.length < 2 || right.shape.length < 2 || columns !== others) {
    throw new ShapeError(`cdist: x1 must be [..., P, M] and x2 [..., R, M], ${shapes}`);
  }
  const dtype = promote(toFloat(left).dtype, toFloat(right).dtype);
  const leading = broadcastShapes("cdist", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [rows, rightRows] = [left, right].map((x) => x.shape[x.shape.length - 2]);
  const table = [...leading, rows, rightRows, columns];
  const spread = (x: Node, gap: number): Node =>
    ir.broadcastTo(ir.reshape(x, x.shape.toSpliced(x.shape.length - gap, 0, 1)), table);
  return inComputeDType(ir.cast(left, dtype), (a) => {
    if (numel(table) === 0) return ir.full(table.slice(0, -1), 0, a.dtype);
    return distance(sub(spread(a, 1), spread(ir.cast(right, a.dtype), 2)), p);
  });
}

/** Row numbers of the pairs (0,1), (0,2) … (1,2) …, each i32 [n·(n−1)/2]. */
function pairRows(n: number): [Node, Node] {
  const pairs = ir.cast(ir.iota([(n * (n - 1)) / 2], 0), "f64");
  const width = 2 * n - 1;
  // Exact: where a row begins, the root is of a square below 2⁵³.
  const root = ir.unary("sqrt", sub(width * width, mul(pairs, 8)));
  const first = ir.unary("floor", div(sub(width, root), 2));
  const begin = div(mul(first, sub(width, first)), 2);
  const second = add(add(sub(pairs, begin), first), 1);
  return [ir.cast(first, "i32"), ir.cast(second, "i32")];
}

/** Distances between all pairs of rows, as the upper triangle of cdist: [N, M] → [N·(N−1)/2]. */
export function pdist(x: Node, { p = 2 }: DistanceOptions = {}): Node {
  checkOrder("pdist", p);
  if (x.shape.length !== 2) {
    throw new ShapeError(`pdist: x must be [N, M], got ${formatShape(x.shape)}`);
  }
  const [rows, columns] = x.shape;
  const count = rows < 2 ? 0 : (rows * (rows - 1)) / 2;
  return inComputeDType(toFloat(x), (a) => {
    if (count === 0 || columns === 0) return ir.full([count], 0, a.dtype);
    const [left, right] = pairRows(rows).map((index) => {
      const column = ir.reshape(index, [count, 1]);
      return ir.gather(a, ir.expand(column, [count, columns]), 0);
    });
    return distance(sub(left, right), p);
  });
}
