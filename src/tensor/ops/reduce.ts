import { ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim, normalizeDims } from "../../ir/shape.ts";
import { abs, div, mul, pow, sub } from "./arithmetic.ts";
import { eq, toBool, where } from "./logic.ts";
import type { Dims } from "./operands.ts";
import { inComputeDType, toFloat } from "./operands.ts";

/** Where and how a reduction folds. */
export interface ReduceOptions {
  /** Dims to fold; all without it. */
  readonly dim?: Dims | null | undefined;
  /** Keeps the folded dims with size 1. */
  readonly keepdim?: boolean | undefined;
}

/** Reduction with a choice of the result's dtype. */
export interface SumOptions extends ReduceOptions {
  /** The operand is cast to it first. */
  readonly dtype?: DType | undefined;
}

/** Normalised dims of a reduction; none given means all. */
export function reduceAxes(op: string, x: Node, dim: Dims | null | undefined): number[] {
  const none = dim == null || (typeof dim !== "number" && dim.length === 0);
  return normalizeDims(op, none ? undefined : dim, x.shape.length);
}

/** Removes folded dims (of size 1) unless they are to be kept. */
export function dropAxes(x: Node, axes: readonly number[], keepdim = false): Node {
  if (keepdim) return x;
  return ir.reshape(
    x,
    x.shape.filter((_, dim) => !axes.includes(dim)),
  );
}

/** Number of elements each result of a reduction folds. */
export function reduceCount(x: Node, axes: readonly number[]): number {
  return product(axes.map((axis) => x.shape[axis]));
}

function accumulator(dtype: DType): DType {
  return dtype === "bool" || dtype === "i8" || dtype === "u8" ? "i32" : dtype;
}

/** Sum over dims. bool and 8-bit integers sum as i32. */
export function sum(x: Node, { dim, keepdim, dtype }: SumOptions = {}): Node {
  const axes = reduceAxes("sum", x, dim);
  const source = ir.cast(x, dtype ?? accumulator(x.dtype));
  return dropAxes(ir.reduceSum(source, axes), axes, keepdim);
}

/** Product over dims. bool and 8-bit integers multiply as i32. */
export function prod(x: Node, { dim, keepdim, dtype }: SumOptions = {}): Node {
  const axes = reduceAxes("prod", x, dim);
  const source = ir.cast(x, dtype ?? accumulator(x.dtype));
  return dropAxes(ir.reduce("reduceProd", source, axes), axes, keepdim);
}

/** Arithmetic mean over dims; integers average as f32. NaN over no elements. */
export function mean(x: Node, { dim, keepdim, dtype }: SumOptions = {}): Node {
  const axes = reduceAxes("mean", x, dim);
  const count = reduceCount(x, axes);
  const source = toFloat(dtype === undefined ? x : ir.cast(x, dtype));
  return inComputeDType(source, (a) => dropAxes(div(ir.reduceSum(a, axes), count), axes, keepdim));
}

function requireElements(op: string, x: Node, axes: readonly number[]): void {
  if (reduceCount(x, axes) > 0) return;
  throw new ShapeError(
    `${op}: needs at least one element to choose from, got ${formatShape(x.shape)} along dims [${axes.join(", ")}]`,
  );
}

/** Maximum over dims; NaN wins. Equal elements share the gradient. */
export function amax(x: Node, { dim, keepdim }: ReduceOptions = {}): Node {
  const axes = reduceAxes("amax", x, dim);
  requireElements("amax", x, axes);
  return dropAxes(ir.extremum("reduceMax", x, axes, "even"), axes, keepdim);
}

/** Minimum over dims; NaN wins. Equal elements share the gradient. */
export function amin(x: Node, { dim, keepdim }: ReduceOptions = {}): Node {
  const axes = reduceAxes("amin", x, dim);
  requireElements("amin", x, axes);
  return dropAxes(ir.extremum("reduceMin", x, axes, "even"), axes, keepdim);
}

/** Values of an ordering and where they stood (i32). */
export interface ValuesAndIndices {
  readonly values: Node;
  readonly indices: Node;
}

/** One dim a maximum or minimum folds. */
export interface AlongOptions {
  readonly dim: number;
  readonly keepdim?: boolean | undefined;
}

/** Reverses the order of all values of a dtype; NaN stays NaN. */
function reversed(x: Node): Node {
  return isFloat(x.dtype) ? ir.neg(x) : ir.unary("not", x);
}

function along(name: "max" | "min", x: Node, { dim, keepdim }: AlongOptions): ValuesAndIndices {
  const axis = normalizeDim(name, dim, x.shape.length);
  if (x.shape.length === 0) return { values: x, indices: ir.constant(0, "i32") };
  const op = name === "max" ? "reduceMax" : "reduceMin";
  const indices = ir.argmax(name === "max" ? x : reversed(x), axis);
  return {
    values: dropAxes(ir.extremum(op, x, [axis], "first"), [axis], keepdim),
    indices: dropAxes(indices, [axis], keepdim),
  };
}

/**
 * Maximum of all elements, or values and first indices along `dim`; NaN wins. Over all elements
 * equal ones share the gradient, along a dim the first receives it.
 */
export function max(x: Node): Node;
export function max(x: Node, options: AlongOptions): ValuesAndIndices;
export function max(x: Node, options?: AlongOptions): Node | ValuesAndIndices {
  return options === undefined ? amax(x) : along("max", x, options);
}

/** Minimum of all elements, or values and first indices along `dim`, as {@link max}. */
export function min(x: Node): Node;
export function min(x: Node, options: AlongOptions): ValuesAndIndices;
export function min(x: Node, options?: AlongOptions): Node | ValuesAndIndices {
  return options === undefined ? amin(x) : along("min", x, options);
}

/** One optional dim. */
export interface ArgOptions {
  /** Without it the index counts in the flattened tensor. */
  readonly dim?: number | null | undefined;
  readonly keepdim?: boolean | undefined;
}

function firstIndex(name: string, x: Node, { dim, keepdim }: ArgOptions): Node {
  if (dim == null || x.shape.length === 0) {
    if (dim != null) normalizeDim(name, dim, 0);
    requireElements(name, x, range(x.shape.length));
    const flat = ir.argmax(ir.reshape(x, [product(x.shape)]), 0);
    return ir.reshape(flat, keepdim === true ? x.shape.map(() => 1) : []);
  }
  const axis = normalizeDim(name, dim, x.shape.length);
  requireElements(name, x, [axis]);
  return dropAxes(ir.argmax(x, axis), [axis], keepdim);
}

/** First index of the maximum, i32; NaN counts as largest. */
export function argmax(x: Node, options: ArgOptions = {}): Node {
  return firstIndex("argmax", x, options);
}

/** First index of the minimum, i32; NaN counts as smallest. */
export function argmin(x: Node, options: ArgOptions = {}): Node {
  return firstIndex("argmin", reversed(x), options);
}

function anyOrAll(op: "any" | "all", x: Node, { dim, keepdim }: ReduceOptions): Node {
  const axes = reduceAxes(op, x, dim);
  if (reduceCount(x, axes) === 0) {
    const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return dropAxes(ir.full(shape, op === "all" ? 1 : 0, "bool"), axes, keepdim);
  }
  const fold = op === "any" ? "reduceMax" : "reduceMin";
  return dropAxes(ir.extremum(fold, toBool(x), axes), axes, keepdim);
}

/** Whether one element is not zero, as bool; false over no elements. */
export function any(x: Node, options: ReduceOptions = {}): Node {
  return anyOrAll("any", x, options);
}

/** Whether no element is zero, as bool; true over no elements. */
export function all(x: Node, options: ReduceOptions = {}): Node {
  return anyOrAll("all", x, options);
}

/** How many elements are not zero, i32. */
export function countNonzero(x: Node, options: ReduceOptions = {}): Node {
  return sum(toBool(x), options);
}

/** Options of {@link variance} and {@link std}. */
export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from the count in the divisor. @defaultValue 1 */
  readonly correction?: number | undefined;
}

/** Mean and variance with kept dims, in one dtype. */
function moments(x: Node, axes: readonly number[], correction: number): [Node, Node] {
  const count = reduceCount(x, axes);
  const center = div(ir.reduceSum(x, axes), count);
  const distance = sub(x, center);
  const squares = ir.reduceSum(mul(distance, distance), axes);
  return [div(squares, Math.max(count - correction, 0)), center];
}

/**
 * Variance over dims in two passes: Σ (x − mean)² / max(0, count − correction).
 */
export function variance(x: Node, { dim, keepdim, correction = 1 }: VarianceOptions = {}): Node {
  const axes = reduceAxes("var", x, dim);
  return inComputeDType(x, (a) => dropAxes(moments(a, axes, correction)[0], axes, keepdim));
}

/** Variance and mean of one pair of passes. */
export function varMean(
  x: Node,
  { dim, keepdim, correction = 1 }: VarianceOptions = {},
): { readonly var: Node; readonly mean: Node } {
  const axes = reduceAxes("varMean", x, dim);
  const [spread, center] = moments(
    inComputeDType(x, (a) => a),
    axes,
    correction,
  );
  return { var: dropAxes(spread, axes, keepdim), mean: dropAxes(center, axes, keepdim) };
}

/** Square root whose gradient at 0 is 0, as torch has it for std and norm. */
function rootWithFlatZero(x: Node): Node {
  const zero = eq(x, 0);
  return where(zero, 0, ir.unary("sqrt", where(zero, 1, x)));
}

/** Standard deviation over dims: the square root of {@link variance}; gradient 0 where it is 0. */
export function std(x: Node, { dim, keepdim, correction = 1 }: VarianceOptions = {}): Node {
  const axes = reduceAxes("std", x, dim);
  return inComputeDType(x, (a) =>
    dropAxes(rootWithFlatZero(moments(a, axes, correction)[0]), axes, keepdim),
  );
}

/** Options of {@link norm}. */
export interface NormOptions extends ReduceOptions {
  /** Order of the norm; ±Infinity for the extreme magnitudes, 0 to count. @defaultValue 2 */
  readonly p?: number | undefined;
}

/** Vector norm over dims: (Σ |x|ᵖ)^(1/p); gradient 0 where the norm is 0. */
export function norm(x: Node, { p = 2, dim, keepdim }: NormOptions = {}): Node {
  const axes = reduceAxes("norm", x, dim);
  return inComputeDType(x, (a) => dropAxes(normOver(a, axes, p), axes, keepdim));
}

function normOver(x: Node, axes: readonly number[], p: number): Node {
  if (Math.abs(p) === Infinity && reduceCount(x, axes) === 0) {
    throw new ShapeError(
      `norm: order ${p} needs at least one element, got ${formatShape(x.shape)}`,
    );
  }
  if (p === 2) return rootWithFlatZero(ir.reduceSum(mul(x, x), axes));
  const magnitude = abs(x);
  if (p === 1) return ir.reduceSum(magnitude, axes);
  if (p === 0) return ir.reduceSum(ir.cast(toBool(x), x.dtype), axes);
  if (p === Infinity) return ir.extremum("reduceMax", magnitude, axes);
  if (p === -Infinity) return ir.extremum("reduceMin", magnitude, axes);
  if (p < 0) return pow(ir.reduceSum(pow(magnitude, p), axes), 1 / p);
  const total = ir.reduceSum(powWithFlatZero(magnitude, p), axes);
  return powWithFlatZero(total, 1 / p);
}

function powWithFlatZero(x: Node, exponent: number): Node {
  const zero = eq(x, 0);
  return where(zero, 0, pow(where(zero, 1, x), exponent));
}
