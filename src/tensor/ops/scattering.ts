import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import {
  broadcastShapes,
  existingDim,
  formatShape,
  normalizeDim,
  numel,
  sameShape,
} from "../../ir/shape.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { indexAlong, scatter, slicePlaces, toIndex } from "./indexing.ts";
import { eq, gt, isfinite, logicalAnd, lt, ne, where } from "./logic.ts";
import type { Operand } from "./operands.ts";
import { toNode } from "./operands.ts";
import { stopGradient } from "./stop-gradient.ts";

/** How {@link scatterReduce} joins what meets at one place. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

/** Options of {@link scatterReduce} and {@link indexReduce}. */
export interface ScatterReduceOptions {
  /** Whether the element of x takes part. @defaultValue true */
  readonly includeSelf?: boolean | undefined;
}

/** How often each place of x is named, in the dtype of x. */
function hits(x: Node, index: Node, dim: number): Node {
  const none = ir.fullLike(x, 0);
  return ir.scatter(none, index, ir.full(index.shape, 1, x.dtype), dim, "add");
}

/** Products of the updates that meet at one place, 1 where none does. */
function segmentProducts(x: Node, index: Node, source: Node, dim: number): Node {
  const order = ir.argsort(index, dim, false);
  const places = ir.gather(index, order, dim);
  let values = ir.gather(source, order, dim);
  const size = index.shape[dim];
  const shiftDown = (node: Node, by: number, filler: number): Node => {
    const low = node.shape.map((_, d) => (d === dim ? by : 0));
    const kept = ir.narrow(node, dim, 0, size - by);
    return ir.pad(
      kept,
      low,
      low.map(() => 0),
      filler,
    );
  };
  // Doubling: after step s an element holds the product of the last 2s of its run.
  for (let by = 1; by < size; by *= 2) {
    const same = eq(shiftDown(places, by, -1), places);
    values = where(same, mul(values, shiftDown(values, by, 1)), values);
  }
  const low = index.shape.map(() => 0);
  const next = ir.pad(
    ir.narrow(places, dim, 1, size - 1),
    low,
    low.map((_, d) => (d === dim ? 1 : 0)),
    -1,
  );
  const isLast = ne(next, places);
  const zeros = ir.fullLike(x, 0);
  const products = ir.scatter(zeros, places, where(isLast, values, 0), dim, "add");
  return where(gt(hits(x, index, dim), 0), products, 1);
}

/** Largest or smallest updates; equal ones share the gradient, as does x if it takes part. */
function scatterExtremum(
  x: Node,
  index: Node,
  source: Node,
  dim: number,
  largest: boolean,
  includeSelf: boolean,
): Node {
  // Written in rising order the largest is written last, and NaN, which sorts behind all.
  const flipped = (node: Node): Node =>
    isFloat(node.dtype) ? ir.neg(node) : ir.unary("not", node);
  const facing = (node: Node): Node => (largest ? node : flipped(node));
  const raw = facing(stopGradient(source));
  const order = ir.argsort(raw, dim, false);
  const base = facing(stopGradient(x));
  const written = ir.scatter(
    base,
    ir.gather(index, order, dim),
    ir.gather(raw, order, dim),
    dim,
    "set",
  );
  const best = facing(includeSelf ? ir.binary("max", written, base) : written);
  if (!isFloat(x.dtype)) return best;
  return shareGradient(x, index, source, dim, best, includeSelf);
}

/** The values `best` with a gradient spread over the operands that equal them. */
function shareGradient(
  x: Node,
  index: Node,
  source: Node,
  dim: number,
  best: Node,
  includeSelf: boolean,
): Node {
  const untouched = eq(hits(x, index, dim), 0);
  const ownWins = includeSelf ? eq(x, best) : untouched;
  const wins = eq(source, ir.gather(best, index, dim));
  // As in torch, an x that equals the result counts in the division also where it takes no part.
  const count = add(
    ir.cast(eq(x, best), x.dtype),
    ir.scatter(ir.fullLike(x, 0), index, ir.cast(wins, x.dtype), dim, "add"),
  );
  // A term that is 0 in value: only its gradient counts.
  const flat = (node: Node, mask: Node): Node => {
    const live = where(logicalAnd(mask, isfinite(node)), node, 0);
    return sub(live, stopGradient(live));
  };
  const pull = ir.scatter(flat(x, ownWins), index, flat(source, wins), dim, "add");
  return add(stopGradient(best), div(pull, where(eq(count, 0), 1, count)));
}

function scatterMean(x: Node, index: Node, source: Node, dim: number, includeSelf: boolean): Node {
  const count = hits(x, index, dim);
  const touched = gt(count, 0);
  const base = includeSelf ? x : where(touched, 0, x);
  const total = ir.scatter(base, index, source, dim, "add");
  const number = includeSelf ? add(count, 1) : where(touched, count, 1);
  return div(total, number, isFloat(x.dtype) ? {} : { roundingMode: "floor" });
}

/**
 * x with the elements of `source` joined into the places the index names: for dim 0
 * out[index[i][j]][j] = reduce(x, source[i][j], …).
 */
export function scatterReduce(
  x: Node,
  index: Node,
  source: Node,
  dim: number,
  reduce: ScatterReduction,
  { includeSelf = true }: ScatterReduceOptions = {},
): Node {
  if (x.shape.length === 0) {
    const line = (node: Node): Node => ir.reshape(node, [numel(node.shape)]);
    const result = scatterReduce(line(x), line(index), line(source), dim, reduce, { includeSelf });
    return ir.reshape(result, []);
  }
  const axis = normalizeDim("scatterReduce", dim, x.shape.length);
  const places = toIndex("scatterReduce", index);
  const covers = source.shape.length === places.shape.length;
  if (source.dtype !== x.dtype || !covers || source.shape.some((n, i) => n < places.shape[i])) {
    throw new ShapeError(
      `scatterReduce: source must have the dtype of x and cover the index, got ${source.dtype}${formatShape(source.shape)} ` +
        `for ${x.dtype}${formatShape(x.shape)} and index ${formatShape(places.shape)}`,
    );
  }
  if (numel(places.shape) === 0) return x;
  const part = ir.slice(
    source,
    places.shape.map(() => 0),
    places.shape,
  );
  switch (reduce) {
    case "sum": {
      const base = includeSelf ? x : where(gt(hits(x, places, axis), 0), 0, x);
      return ir.scatter(base, places, part, axis, "add");
    }
    case "prod": {
      const base = includeSelf ? x : where(gt(hits(x, places, axis), 0), 1, x);
      return mul(base, segmentProducts(x, places, part, axis));
    }
    case "mean":
      return scatterMean(x, places, part, axis, includeSelf);
    case "amax":
    case "amin":
      return scatterExtremum(x, places, part, axis, reduce === "amax", includeSelf);
    default:
      throw new ConfigError(
        `scatterReduce: reduce must be sum, prod, mean, amax or amin, got "${String(reduce)}"`,
      );
  }
}

/** {@link scatterReduce} of whole slices at the places a vector of indices names. */
export function indexReduce(
  x: Node,
  index: Node,
  source: Node,
  dim: number,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Node {
  const axis = normalizeDim("indexReduce", dim, x.shape.length);
  const places = slicePlaces("indexReduce", x, index, source, axis);
  return scatterReduce(x, places, source, axis, reduce, options);
}

/** Options of `scatter` beside its operands. */
export interface ScatterOptions {
  /** Joins with what stands there instead of replacing it. */
  readonly reduce?: "add" | "multiply" | undefined;
}

/** x with out[index[i][j]][j] = source[i][j] for dim 0, or joined with it. */
export function scatterWith(
  x: Node,
  index: Node,
  source: Operand,
  dim: number,
  { reduce }: ScatterOptions = {},
): Node {
  if (reduce === undefined) return scatter(x, index, source, dim);
  const updates = typeof source === "number" ? ir.full(index.shape, source, x.dtype) : source;
  return scatterReduce(x, index, updates, dim, reduce === "add" ? "sum" : "prod");
}

/** Where negative indices count from the end of `size`. */
function fromEnd(index: Node, size: number): Node {
  return where(lt(index, 0), add(index, size), index);
}

/** x with one value in the slices a vector of indices names. */
export function indexFill(x: Node, index: Node, value: Operand, dim: number): Node {
  const axis = normalizeDim("indexFill", dim, x.shape.length);
  const line = x.shape.length === 0 ? ir.reshape(x, [1]) : x;
  const places = fromEnd(indexAlong("indexFill", index, line, axis), line.shape[axis]);
  const filler = ir.broadcastTo(ir.cast(toNode(value, x.dtype), x.dtype), places.shape);
  return ir.reshape(ir.scatter(line, places, filler, axis, "set"), x.shape);
}

/** Elements of the flattened x, in the shape of the index; negative ones count from the end. */
export function take(x: Node, index: Node): Node {
  const count = numel(x.shape);
  const flat = fromEnd(ir.reshape(toIndex("take", index), [numel(index.shape)]), count);
  return ir.reshape(ir.gather(ir.reshape(x, [count]), flat, 0), index.shape);
}

/** Options of {@link put} and {@link indexPut}. */
export interface PutOptions {
  /** Adds instead of replacing. */
  readonly accumulate?: boolean | undefined;
}

/** x with elements of `source` at places of the flattened x. */
export function put(
  x: Node,
  index: Node,
  source: Node,
  { accumulate = false }: PutOptions = {},
): Node {
  const count = numel(x.shape);
  const size = numel(index.shape);
  if (numel(source.shape) !== size || source.dtype !== x.dtype) {
    throw new ShapeError(
      `put: source must have the dtype of x and as many elements as the index, got ${source.dtype}${formatShape(source.shape)} and ${formatShape(index.shape)}`,
    );
  }
  const places = fromEnd(ir.reshape(toIndex("put", index), [size]), count);
  const mode = accumulate ? "add" : "set";
  const flat = ir.scatter(ir.reshape(x, [count]), places, ir.reshape(source, [size]), 0, mode);
  return ir.reshape(flat, x.shape);
}

/** Places in the dims `from` … of x that index tensors name together, and what they index. */
interface Places {
  /** Row-major place among the indexed dims, of the broadcast shape of the indices. */
  readonly flat: Node;
  /** Number of indexed dims. */
  readonly dims: number;
}

function placesOf(op: string, x: Node, indices: readonly Node[], from: number): Places {
  if (indices.length === 0 || from + indices.length > x.shape.length) {
    throw new ShapeError(
      `${op}: needs 1 … ${x.shape.length - from} index tensors for ${formatShape(x.shape)}, got ${indices.length}`,
    );
  }
  const shape = broadcastShapes(op, ...indices.map((index) => index.shape));
  let flat = ir.full(shape, 0, "i32");
  for (const [i, index] of indices.entries()) {
    const size = x.shape[from + i];
    const place = fromEnd(ir.broadcastTo(toIndex(op, index), shape), size);
    flat = add(mul(flat, size), place);
  }
  return { flat, dims: indices.length };
}

/**
 * Elements that index tensors name together for the dims from `from` on, as x[:, i, j] in Python:
 * the broadcast shape of the indices takes the place of those dims.
 */
function indexWith(x: Node, indices: readonly Node[], from = 0): Node {
  const { flat, dims } = placesOf("index", x, indices, from);
  const joined = product(x.shape.slice(from, from + dims));
  const shape = [...x.shape.slice(0, from), joined, ...x.shape.slice(from + dims)];
  const line = ir.reshape(flat, [numel(flat.shape)]);
  const source = ir.reshape(x, shape);
  const picked = ir.gather(source, indexAlong("index", line, source, from), from);
  return ir.reshape(picked, [
    ...x.shape.slice(0, from),
    ...flat.shape,
    ...x.shape.slice(from + dims),
  ]);
}

/** {@link indexWith} for any dims: those that are no neighbours are moved to the front. */
export function indexTogether(x: Node, indices: readonly Node[], dims: readonly number[]): Node {
  const first = dims[0];
  if (dims.every((dim, i) => dim === first + i)) return indexWith(x, indices, first);
  const others = range(x.shape.length).filter((dim) => !dims.includes(dim));
  return indexWith(ir.permute(x, [...dims, ...others]), indices);
}

/**
 * x with `values` at the places that index tensors for its leading dims name together. Values
 * broadcast to the shape of those places; of equal places the last wins, or all are added.
 */
export function indexPut(
  x: Node,
  indices: readonly Node[],
  values: Operand,
  { accumulate = false }: PutOptions = {},
): Node {
  const masks = indices.every((index) => index.dtype === "bool");
  if (masks && indices.length === 1) return putMask(x, indices[0], values, accumulate);
  const { flat, dims } = placesOf("indexPut", x, indices, 0);
  const rest = x.shape.slice(dims);
  const rows = ir.reshape(x, [product(x.shape.slice(0, dims)), ...rest]);
  const source = ir.cast(toNode(values, x.dtype), x.dtype);
  const spread = ir.broadcastTo(source, [...flat.shape, ...rest]);
  const line = ir.reshape(flat, [numel(flat.shape)]);
  const updates = ir.reshape(spread, [numel(flat.shape), ...rest]);
  const places = indexAlong("indexPut", line, rows, 0);
  const result = ir.scatter(rows, places, updates, 0, accumulate ? "add" : "set");
  return ir.reshape(result, x.shape);
}

/** A mask names as many places as it has true elements; only one value fits all counts. */
function putMask(x: Node, mask: Node, values: Operand, accumulate: boolean): Node {
  const isSingle = typeof values === "number" || numel(values.shape) === 1;
  if (!isSingle) {
    throw new ShapeError(
      "indexPut: with a bool mask the values must be one number; use maskedScatter, or nonzero outside jit",
    );
  }
  const wide = ir.reshape(mask, [...mask.shape, ...x.shape.slice(mask.shape.length).fill(1)]);
  const filler = typeof values === "number" ? values : ir.reshape(ir.cast(values, x.dtype), []);
  return where(ir.broadcastTo(wide, x.shape), accumulate ? add(x, filler) : filler, x);
}

/**
 * x with the elements of `source`, in row-major order, where the mask holds. The mask broadcasts.
 * Elements of the source beyond the number of true places are not used; if there are too few, the
 * last repeats.
 */
export function maskedScatter(x: Node, mask: Node, source: Node): Node {
  if (mask.dtype !== "bool" || source.dtype !== x.dtype) {
    throw new ShapeError(
      `maskedScatter: mask must be bool and source must have the dtype of x, got ${mask.dtype} and ${source.dtype} for ${x.dtype}`,
    );
  }
  const shape = broadcastShapes("maskedScatter", x.shape, mask.shape);
  const count = numel(shape);
  const supply = numel(source.shape);
  const base = ir.broadcastTo(x, shape);
  if (count === 0 || supply === 0) return base;
  const flags = ir.reshape(ir.cast(ir.broadcastTo(mask, shape), "i32"), [count]);
  const rank = sub(ir.scan(flags, 0, "sum"), 1);
  const inside = where(lt(rank, 0), 0, where(lt(rank, supply), rank, supply - 1));
  const picked = ir.gather(ir.reshape(source, [supply]), inside, 0);
  return ir.where(ir.broadcastTo(mask, shape), ir.reshape(picked, shape), base);
}

/** x with `source` in the place of one slice along `dim`. */
export function selectScatter(x: Node, source: Node, dim: number, index: number): Node {
  const axis = existingDim("selectScatter", dim, x.shape.length);
  const size = x.shape[axis];
  const at = index < 0 ? index + size : index;
  if (!Number.isInteger(index) || at < 0 || at >= size) {
    throw new ShapeError(
      `selectScatter: index must be in ${-size} … ${size - 1} of dim ${axis} of ${formatShape(x.shape)}, got ${index}`,
    );
  }
  const slice = ir.reshape(source, x.shape.with(axis, 1));
  return sliceScatter(x, slice, { dim: axis, start: at, end: at + 1 });
}

/** The range {@link sliceScatter} replaces. */
export interface SliceScatterOptions {
  /** @defaultValue 0 */
  readonly dim?: number;
  readonly start?: number | null | undefined;
  readonly end?: number | null | undefined;
  /** @defaultValue 1 */
  readonly step?: number;
}

/** x with `source` in the place of a strided range of slices along a dim. */
export function sliceScatter(
  x: Node,
  source: Node,
  { dim = 0, start, end, step = 1 }: SliceScatterOptions = {},
): Node {
  const axis = normalizeDim("sliceScatter", dim, x.shape.length);
  const size = x.shape[axis];
  const clip = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const first = clip(start ?? 0);
  const count = Math.max(0, Math.ceil((clip(end ?? size) - first) / step));
  const wanted = x.shape.with(axis, count);
  if (!sameShape(source.shape, wanted) || step < 1) {
    throw new ShapeError(
      `sliceScatter: source must have the shape of the range ${formatShape(wanted)}, got ${formatShape(source.shape)}`,
    );
  }
  if (count === 0) return x;
  const line = add(mul(ir.iota([count], 0), step), first);
  const places = indexAlong("sliceScatter", line, x, axis);
  return ir.scatter(x, places, ir.cast(source, x.dtype), axis, "set");
}

/** x with `source` on a diagonal of the plane of two dims. */
export function diagonalScatter(
  x: Node,
  source: Node,
  {
    offset = 0,
    dim1 = 0,
    dim2 = 1,
  }: { readonly offset?: number; readonly dim1?: number; readonly dim2?: number } = {},
): Node {
  const rank = x.shape.length;
  const a = normalizeDim("diagonalScatter", dim1, rank);
  const b = normalizeDim("diagonalScatter", dim2, rank);
  const outer = range(rank).filter((dim) => dim !== a && dim !== b);
  const perm = [...outer, a, b];
  const plane = ir.permute(x, perm);
  const [rows, columns] = [x.shape[a], x.shape[b]];
  const [row, column] = offset >= 0 ? [0, offset] : [-offset, 0];
  const length = Math.max(0, Math.min(rows - row, columns - column));
  const lead = outer.map((dim) => x.shape[dim]);
  if (!sameShape(source.shape, [...lead, length])) {
    throw new ShapeError(
      `diagonalScatter: source must have the shape of the diagonal ${formatShape([...lead, length])}, got ${formatShape(source.shape)}`,
    );
  }
  if (length === 0) return x;
  const flat = ir.reshape(plane, [...lead, rows * columns]);
  const line = add(mul(ir.iota([length], 0), columns + 1), row * columns + column);
  const places = indexAlong("diagonalScatter", line, flat, lead.length);
  const filled = ir.scatter(flat, places, source, lead.length, "set");
  const back = range(rank).map((dim) => perm.indexOf(dim));
  return ir.permute(ir.reshape(filled, plane.shape), back);
}
