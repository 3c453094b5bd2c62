import { DTypeError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isInteger } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, existingDim, formatShape, normalizeDim, numel } from "../../ir/shape.ts";
import type { Operand } from "./operands.ts";
import { toNode } from "./operands.ts";
import type { ValuesAndIndices } from "./reduce.ts";

/** An index as i32. @throws {DTypeError} if it is no integer. */
export function toIndex(op: string, index: Node): Node {
  if (!isInteger(index.dtype)) {
    throw new DTypeError(
      `${op}: index must be an integer tensor, got ${index.dtype}; cast it to i32`,
    );
  }
  return ir.cast(index, "i32");
}

/** out[i][j] = x[index[i][j]][j] for dim 0; the index may be smaller than x outside `dim`. */
export function gather(x: Node, index: Node, dim: number): Node {
  const axis = normalizeDim("gather", dim, x.shape.length);
  const places = toIndex("gather", index);
  if (x.shape.length === 0) return ir.broadcastTo(x, index.shape);
  return ir.gather(x, places, axis);
}

/** As {@link gather}, with x and index broadcast against each other outside `dim`. */
export function takeAlongDim(x: Node, index: Node, dim: number): Node {
  const rank = x.shape.length;
  const axis = existingDim("takeAlongDim", dim, rank);
  if (index.shape.length !== rank) {
    throw new ShapeError(
      `takeAlongDim: index must have the rank of x, got ${formatShape(x.shape)} and ${formatShape(index.shape)}`,
    );
  }
  const outside = broadcastShapes("takeAlongDim", x.shape.with(axis, 1), index.shape.with(axis, 1));
  const source = ir.broadcastTo(x, outside.with(axis, x.shape[axis]));
  const places = ir.broadcastTo(index, outside.with(axis, index.shape[axis]));
  return ir.gather(source, toIndex("takeAlongDim", places), axis);
}

/** A vector of indices along one dim, repeated over the other dims of `like`. */
export function indexAlong(op: string, index: Node, like: Node, axis: number): Node {
  if (index.shape.length > 1) {
    throw new ShapeError(`${op}: index must be a vector, got ${formatShape(index.shape)}`);
  }
  const count = index.shape[0] ?? 1;
  const line = like.shape.map((_, dim) => (dim === axis ? count : 1));
  return ir.expand(ir.reshape(toIndex(op, index), line), like.shape.with(axis, count));
}

/** The slices of x along `dim` that a vector of indices names. */
export function indexSelect(x: Node, index: Node, dim: number): Node {
  const axis = normalizeDim("indexSelect", dim, x.shape.length);
  if (x.shape.length === 0) {
    const one = ir.reshape(x, [1]);
    if (index.shape.length > 0 && index.shape[0] !== 1) {
      throw new ShapeError(
        `indexSelect: a scalar has 1 place, got an index of ${formatShape(index.shape)}`,
      );
    }
    return ir.reshape(ir.gather(one, indexAlong("indexSelect", index, one, 0), 0), []);
  }
  return ir.gather(x, indexAlong("indexSelect", index, x, axis), axis);
}

function scatterInto(
  op: string,
  x: Node,
  index: Node,
  source: Operand,
  dim: number,
  mode: "add" | "set",
): Node {
  const axis = normalizeDim(op, dim, x.shape.length);
  if (x.shape.length === 0) {
    const line = (node: Node): Node => (node.shape.length === 0 ? ir.reshape(node, [1]) : node);
    const updates = typeof source === "number" ? source : line(source);
    return ir.reshape(scatterInto(op, line(x), line(index), updates, 0, mode), []);
  }
  const places = toIndex(op, index);
  if (typeof source === "number") {
    return ir.scatter(x, places, ir.full(index.shape, source, x.dtype), axis, mode);
  }
  const fits = source.shape.length === index.shape.length;
  if (source.dtype !== x.dtype || !fits || source.shape.some((n, i) => n < index.shape[i])) {
    throw new ShapeError(
      `${op}: source must have the dtype of x and cover the index, got ${source.dtype}${formatShape(source.shape)} ` +
        `for ${x.dtype}${formatShape(x.shape)} and index ${formatShape(index.shape)}`,
    );
  }
  const none = index.shape.map(() => 0);
  return ir.scatter(x, places, ir.slice(source, none, index.shape), axis, mode);
}

/** x with out[index[i][j]][j] = source[i][j] for dim 0; the last write to a place wins. */
export function scatter(x: Node, index: Node, source: Operand, dim: number): Node {
  return scatterInto("scatter", x, index, source, dim, "set");
}

/** x with out[index[i][j]][j] += source[i][j] for dim 0. */
export function scatterAdd(x: Node, index: Node, source: Node, dim: number): Node {
  return scatterInto("scatterAdd", x, index, source, dim, "add");
}

/** Options of {@link indexAdd}. */
export interface IndexAddOptions {
  /** Factor of the source. @defaultValue 1 */
  readonly alpha?: number;
}

/** The places of whole slices; `source` has one slice for each, no more. */
export function slicePlaces(op: string, x: Node, index: Node, source: Node, axis: number): Node {
  const places = x.shape.length === 0 ? index : indexAlong(op, index, x, axis);
  if (numel(source.shape) !== numel(places.shape)) {
    throw new ShapeError(
      `${op}: source must be ${formatShape(places.shape)}, one slice for each index, got ${formatShape(source.shape)}`,
    );
  }
  return places;
}

/** x plus the slices of `source` at the places a vector of indices names. */
export function indexAdd(
  x: Node,
  index: Node,
  source: Node,
  dim: number,
  { alpha = 1 }: IndexAddOptions = {},
): Node {
  const axis = normalizeDim("indexAdd", dim, x.shape.length);
  const places = slicePlaces("indexAdd", x, index, source, axis);
  const scaled = alpha === 1 ? source : ir.mul(source, toNodeLike(alpha, source));
  return scatterInto("indexAdd", x, places, scaled, axis, "add");
}

function toNodeLike(value: number, like: Node): Node {
  return ir.broadcastTo(toNode(value, like.dtype), like.shape);
}

/** x with the slices of `source` in the places a vector of distinct indices names. */
export function indexCopy(x: Node, index: Node, source: Node, dim: number): Node {
  const axis = normalizeDim("indexCopy", dim, x.shape.length);
  const places = slicePlaces("indexCopy", x, index, source, axis);
  return scatterInto("indexCopy", x, places, source, axis, "set");
}

/** Options of {@link sort} and {@link argsort}. */
export interface SortOptions {
  /** @defaultValue -1 */
  readonly dim?: number;
  readonly descending?: boolean;
  /** Accepted for torch's sake: sorting is always stable. */
  readonly stable?: boolean;
}

/** Stable sorting permutation along a dim, i32; NaN counts as largest. */
export function argsort(x: Node, { dim = -1, descending = false }: SortOptions = {}): Node {
  const axis = normalizeDim("argsort", dim, x.shape.length);
  if (x.shape.length === 0) return ir.constant(0, "i32");
  return ir.argsort(x, axis, descending);
}

/** Sorted values along a dim and where they came from; stable, NaN counts as largest. */
export function sort(x: Node, options: SortOptions = {}): ValuesAndIndices {
  const indices = argsort(x, options);
  return { values: gather(x, indices, options.dim ?? -1), indices };
}

/** Options of {@link topk}. */
export interface TopkOptions {
  /** @defaultValue -1 */
  readonly dim?: number;
  /** @defaultValue true */
  readonly largest?: boolean;
  /** Accepted for torch's sake: the result is always sorted. */
  readonly sorted?: boolean;
}

/** The k largest (or smallest) values along a dim, sorted, and their indices. */
export function topk(
  x: Node,
  k: number,
  { dim = -1, largest = true }: TopkOptions = {},
): ValuesAndIndices {
  const axis = normalizeDim("topk", dim, x.shape.length);
  if (x.shape.length === 0) {
    if (k !== 0 && k !== 1) throw new ShapeError(`topk: k must be 0 or 1 for a scalar, got ${k}`);
    return { values: x, indices: ir.constant(0, "i32") };
  }
  const indices = ir.topk(x, axis, k, largest);
  return { values: ir.gather(x, indices, axis), indices };
}
