import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim } from "../../ir/shape.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { argsort, sort } from "./indexing.ts";
import { eq, gt, isnan, logicalOr, lt, ne, where } from "./logic.ts";
import { inComputeDType, toFloat } from "./operands.ts";
import type { AlongOptions, ArgOptions, ValuesAndIndices } from "./reduce.ts";
import { amax, dropAxes } from "./reduce.ts";
import { stopGradient } from "./stop-gradient.ts";

/** One dim that is folded; the last one without it. */
export interface OrderOptions {
  /** @defaultValue -1 */
  readonly dim?: number;
  readonly keepdim?: boolean | undefined;
}

function requireElements(op: string, x: Node, axis: number): void {
  if (x.shape.length > 0 && x.shape[axis] === 0) {
    throw new ShapeError(
      `${op}: dim ${axis} must have at least one element, got ${formatShape(x.shape)}`,
    );
  }
}

/** Sorted along the first dim. */
export function msort(x: Node): Node {
  return x.shape.length === 0 ? x : sort(x, { dim: 0 }).values;
}

/** The element of rank `place` (a node with size 1 along the axis) and its index. */
function ranked(x: Node, order: Node, place: Node, axis: number): ValuesAndIndices {
  const indices = ir.gather(order, place, axis);
  return { values: ir.gather(x, indices, axis), indices };
}

function squeezed(
  { values, indices }: ValuesAndIndices,
  axis: number,
  keepdim?: boolean,
): ValuesAndIndices {
  return { values: dropAxes(values, [axis], keepdim), indices: dropAxes(indices, [axis], keepdim) };
}

/** The k-th smallest value along a dim (k from 1) and its index; NaN counts as largest. */
export function kthvalue(
  x: Node,
  k: number,
  { dim = -1, keepdim }: OrderOptions = {},
): ValuesAndIndices {
  const axis = normalizeDim("kthvalue", dim, x.shape.length);
  const size = x.shape[axis] ?? 1;
  if (!Number.isInteger(k) || k < 1 || k > size) {
    throw new ConfigError(
      `kthvalue: k must be in 1 … ${size} for ${formatShape(x.shape)}, got ${k}`,
    );
  }
  if (x.shape.length === 0) return { values: x, indices: ir.constant(0, "i32") };
  const place = ir.full(x.shape.with(axis, 1), k - 1, "i32");
  return squeezed(ranked(x, argsort(x, { dim: axis }), place, axis), axis, keepdim);
}

/** How many elements along the axis are NaN, i32 with kept dims. */
function countNaN(x: Node, axis: number): Node {
  return ir.reduceSum(ir.cast(isnan(x), "i32"), [axis]);
}

function medianAlong(x: Node, axis: number, ignoreNaN: boolean): ValuesAndIndices {
  const size = x.shape[axis];
  const missing = countNaN(x, axis);
  const number = sub(size - 1, missing);
  // NaNs are sorted to the end: the first of them stands at size − missing.
  const lower = ir.binary("shr", number, ir.fullLike(number, 1));
  const place = ignoreNaN
    ? where(lt(number, 0), 0, lower)
    : where(gt(missing, 0), sub(size, missing), ir.fullLike(missing, (size - 1) >> 1));
  return ranked(x, argsort(x, { dim: axis }), place, axis);
}

function medianOf(
  op: string,
  x: Node,
  ignoreNaN: boolean,
  options?: ArgOptions,
): Node | ValuesAndIndices {
  if (options?.dim != null) {
    const axis = normalizeDim(op, options.dim, x.shape.length);
    requireElements(op, x, axis);
    if (x.shape.length === 0) return { values: x, indices: ir.constant(0, "i32") };
    return squeezed(medianAlong(x, axis, ignoreNaN), axis, options.keepdim);
  }
  const flat = ir.reshape(x, [product(x.shape)]);
  if (flat.shape[0] === 0) return ir.full([], NaN, toFloat(x).dtype);
  const middle = medianAlong(flat, 0, ignoreNaN).values;
  if (!isFloat(x.dtype)) return ir.reshape(middle, []);
  // Equal elements share the gradient: all of them are the maximum of the elements that count.
  const value = ir.expand(stopGradient(middle), flat.shape);
  const counts = logicalOr(eq(flat, value), isnan(value));
  return amax(where(counts, flat, -Infinity));
}

/**
 * The lower median of all elements, or values and indices along `dim`; NaN wins. Over all elements
 * equal ones share the gradient.
 */
export function median(x: Node): Node;
export function median(x: Node, options: AlongOptions): ValuesAndIndices;
export function median(x: Node, options?: AlongOptions): Node | ValuesAndIndices {
  return medianOf("median", x, false, options);
}

/** As {@link median} over the elements that are no NaN; NaN where all are. */
export function nanmedian(x: Node): Node;
export function nanmedian(x: Node, options: AlongOptions): ValuesAndIndices;
export function nanmedian(x: Node, options?: AlongOptions): Node | ValuesAndIndices {
  return medianOf("nanmedian", x, true, options);
}

/** The most frequent value along a dim, the smallest of several, and the last index that has it. */
export function mode(x: Node, { dim = -1, keepdim }: OrderOptions = {}): ValuesAndIndices {
  const axis = normalizeDim("mode", dim, x.shape.length);
  requireElements("mode", x, axis);
  if (x.shape.length === 0) return { values: x, indices: ir.constant(0, "i32") };
  const { values, indices } = sort(x, { dim: axis });
  const sorted = stopGradient(values);
  const place = ir.iota(x.shape, axis);
  const size = x.shape[axis];
  const before = ir.narrow(sorted, axis, 0, size - 1);
  const changes = ir.cast(ne(ir.narrow(sorted, axis, 1, size - 1), before), "i32");
  const low = x.shape.map((_, d) => (d === axis ? 1 : 0));
  const starts = ir.mul(
    ir.pad(
      changes,
      low,
      low.map(() => 0),
      1,
    ),
    place,
  );
  // The length of the run so far is largest at the last element of the longest run.
  const length = sub(place, ir.scan(starts, axis, "max"));
  const last = ir.argmax(length, axis);
  return squeezed(ranked(x, indices, last, axis), axis, keepdim);
}

/** How a quantile between two elements is decided. */
export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

/** Options of {@link quantile} and {@link nanquantile}. */
export interface QuantileOptions {
  /** Without it over all elements. */
  readonly dim?: number | null | undefined;
  readonly keepdim?: boolean | undefined;
  /** @defaultValue "linear" */
  readonly interpolation?: Interpolation;
}

function quantileOf(
  op: "quantile" | "nanquantile",
  x: Node,
  q: Node | number | readonly number[],
  { dim, keepdim = false, interpolation = "linear" }: QuantileOptions,
): Node {
  if (!isFloat(x.dtype)) {
    throw new ConfigError(`${op}: x must be a float tensor, got ${x.dtype}; cast it`);
  }
  const rank = x.shape.length;
  const flat =
    dim == null ? ir.reshape(x, [product(x.shape)]) : rank === 0 ? ir.reshape(x, [1]) : x;
  const axis = dim == null ? 0 : normalizeDim(op, dim, rank);
  requireElements(op, flat, axis);
  const points = levels(op, q, flat.dtype);
  const outside = flat.shape.toSpliced(axis, 1);
  // [..., N], with the levels as a last dim of their own.
  const last = ir.permute(flat, [...flat.shape.keys()].filter((d) => d !== axis).concat(axis));
  const picked = inComputeDType(last, (a) =>
    pick(a, ir.cast(points.node, a.dtype), interpolation, op === "nanquantile"),
  );
  const count = points.node.shape[0];
  const front = ir.permute(picked, [outside.length, ...outside.keys()]);
  const kept = dim == null ? x.shape.map(() => 1) : rank === 0 ? [] : x.shape.with(axis, 1);
  const rest = keepdim ? kept : dim == null ? [] : outside.slice(0, Math.max(rank - 1, 0));
  return ir.reshape(front, points.isScalar ? rest : [count, ...rest]);
}

/** The levels as a vector. */
function levels(
  op: string,
  q: Node | number | readonly number[],
  dtype: Node["dtype"],
): { readonly node: Node; readonly isScalar: boolean } {
  if (typeof q !== "number" && "op" in q) {
    if (q.shape.length > 1) {
      throw new ShapeError(`${op}: q must be a number or a vector, got ${formatShape(q.shape)}`);
    }
    return { node: ir.reshape(q, [q.shape[0] ?? 1]), isScalar: q.shape.length === 0 };
  }
  const list = typeof q === "number" ? [q] : q;
  if (list.some((level) => !(level >= 0 && level <= 1))) {
    throw new ConfigError(`${op}: q must be in [0, 1], got ${list.join(", ")}`);
  }
  const numbers = list.map((level) => ir.full([1], level, dtype));
  const node = numbers.length === 0 ? ir.full([0], 0, dtype) : ir.concat(numbers, 0);
  return { node, isScalar: typeof q === "number" };
}

/** [..., N] and [Q] → [..., Q]. */
function pick(x: Node, q: Node, interpolation: Interpolation, ignoreNaN: boolean): Node {
  const axis = x.shape.length - 1;
  const size = x.shape[axis];
  const sorted = sort(x, { dim: axis }).values;
  const missing = ir.cast(countNaN(x, axis), x.dtype);
  const shape = [...x.shape.slice(0, -1), q.shape[0]];
  const last = ignoreNaN ? sub(size - 1, missing) : ir.fullLike(missing, size - 1);
  const highest = ir.expand(where(lt(last, 0), 0, last), shape);
  const exact = mul(ir.broadcastTo(q, shape), highest);
  const isMissing = ir.expand(gt(missing, 0), shape);
  // Rows with a NaN end with one, which then is the answer.
  const place = ignoreNaN ? exact : where(isMissing, size - 1, exact);
  const at = (rank: Node): Node => ir.gather(sorted, ir.cast(rank, "i32"), axis);
  const floor = ir.unary("floor", place);
  const ceil = ir.unary("ceil", place);
  switch (interpolation) {
    case "lower":
      return at(floor);
    case "higher":
      return at(ceil);
    case "nearest":
      return at(ir.unary("round", place));
    default: {
      const [low, high] = [at(floor), at(ceil)];
      const weight = interpolation === "midpoint" ? ir.fullLike(place, 0.5) : sub(place, floor);
      const between = add(low, mul(sub(high, low), weight));
      return where(eq(floor, ceil), low, between);
    }
  }
}

/**
 * Quantiles along a dim or of all elements; NaN in a row makes its quantiles NaN.
 * Shapes: q a number -> the rest; q a vector [Q] or a list -> [Q, rest].
 */
export function quantile(
  x: Node,
  q: Node | number | readonly number[],
  options: QuantileOptions = {},
): Node {
  return quantileOf("quantile", x, q, options);
}

/** As {@link quantile} over the elements that are no NaN; NaN where all are. */
export function nanquantile(
  x: Node,
  q: Node | number | readonly number[],
  options: QuantileOptions = {},
): Node {
  return quantileOf("nanquantile", x, q, options);
}
