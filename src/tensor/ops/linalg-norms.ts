import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { normalizeDim, normalizeDims } from "../../ir/shape.ts";
import { svdvals } from "./linalg-factors.ts";
import { inv } from "./linalg-solve.ts";
import { inComputeDType, toFloat } from "./operands.ts";
import type { Dims } from "./operands.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of norms. */
export interface NormOptions {
  /** Dims that the norm folds. @defaultValue all, or the last two for matrices */
  readonly dim?: Dims | undefined;
  /** Keeps folded dims with size 1. */
  readonly keepdim?: boolean;
  /** The operand is cast to it first. */
  readonly dtype?: DType | undefined;
}

/** Order of a matrix norm: "fro", "nuc", ±1, ±2 or ±Infinity. */
export type MatrixOrder = "fro" | "nuc" | number;

function withoutDims(x: Node, axes: readonly number[], keepdim: boolean): Node {
  if (keepdim) return x;
  return ir.reshape(
    x,
    x.shape.filter((_, dim) => !axes.includes(dim)),
  );
}

/** √x with gradient 0 at 0, as torch's norms. */
function safeRoot(sum: Node): Node {
  const zero = ir.fullLike(sum, 0);
  const isZero = ir.binary("eq", sum, zero);
  const root = ir.unary("sqrt", ir.where(isZero, ir.fullLike(sum, 1), sum));
  return ir.where(isZero, zero, root);
}

function vectorNormOver(x: Node, ord: number, axes: readonly number[]): Node {
  const magnitude = ir.unary("abs", x);
  if (ord === Infinity) return ir.extremum("reduceMax", magnitude, axes, "even");
  if (ord === -Infinity) return ir.extremum("reduceMin", magnitude, axes, "even");
  if (ord === 0) {
    const isLive = ir.binary("ne", x, ir.fullLike(x, 0));
    return ir.reduceSum(ir.cast(isLive, x.dtype), axes);
  }
  if (ord === 1) return ir.reduceSum(magnitude, axes);
  if (ord === 2) return safeRoot(ir.reduceSum(ir.mul(x, x), axes));
  const isZero = ir.binary("eq", magnitude, ir.fullLike(x, 0));
  const safe = ir.where(isZero, ir.fullLike(x, 1), magnitude);
  const raised = ir.binary("pow", safe, ir.fullLike(x, ord));
  const terms = ir.where(isZero, ir.fullLike(x, ord > 0 ? 0 : Infinity), raised);
  const sum = ir.reduceSum(terms, axes);
  const isFlat = ir.binary("eq", sum, ir.fullLike(sum, 0));
  const root = ir.binary(
    "pow",
    ir.where(isFlat, ir.fullLike(sum, 1), sum),
    ir.fullLike(sum, 1 / ord),
  );
  return ir.where(isFlat, ir.fullLike(sum, ord > 0 ? 0 : Infinity), root);
}

/** (Σ |x|^ord)^(1/ord) over dims; ord may be ±∞ or 0 (the count of elements that are not 0). */
export function vectorNorm(x: Node, ord = 2, options: NormOptions = {}): Node {
  const { dim, keepdim = false, dtype } = options;
  if (typeof ord !== "number" || Number.isNaN(ord)) {
    throw new ConfigError(`vectorNorm: ord must be a number, got ${String(ord)}`);
  }
  const source = dtype === undefined ? toFloat(x) : ir.cast(x, dtype);
  const axes = normalizeDims("vectorNorm", dim, x.shape.length);
  return inComputeDType(source, (y) => withoutDims(vectorNormOver(y, ord, axes), axes, keepdim));
}

function matrixDims(op: string, x: Node, dim: Dims | undefined): readonly [number, number] {
  const list = dim === undefined ? [-2, -1] : typeof dim === "number" ? [dim] : dim;
  if (list.length !== 2 || x.shape.length < 2) {
    throw new ShapeError(
      `${op}: needs two dims of a tensor of at least 2, got [${list.join(", ")}] for ${x.shape.length}`,
    );
  }
  const [rows, columns] = list.map((entry) => normalizeDim(op, entry, x.shape.length));
  if (rows === columns) throw new ShapeError(`${op}: dims must differ, got ${rows} twice`);
  return [rows, columns];
}

/**
 * The largest or smallest of computed sums, as the mean of those that equal it: what a gradient
 * compares is then computed where the gradient is, never read from an earlier program, whose sums
 * may be rounded in another order.
 */
function extremeOf(sums: Node, dim: number, isMaximum: boolean): Node {
  const op = isMaximum ? "reduceMax" : "reduceMin";
  const extreme = stopGradient(ir.extremum(op, sums, [dim], "even"));
  const isNaN = ir.binary("ne", sums, sums);
  const equal = ir.binary("or", ir.binary("eq", sums, ir.expand(extreme, sums.shape)), isNaN);
  const count = ir.reduceSum(ir.cast(equal, sums.dtype), [dim]);
  return ir.div(ir.reduceSum(ir.where(equal, sums, ir.fullLike(sums, 0)), [dim]), count);
}

/** Norms of matrices: "fro", "nuc", ±1 (columns), ±2 (singular values) or ±∞ (rows). */
export function matrixNorm(x: Node, ord: MatrixOrder = "fro", options: NormOptions = {}): Node {
  const { dim, keepdim = false, dtype } = options;
  const [rows, columns] = matrixDims("matrixNorm", x, dim);
  const source = dtype === undefined ? toFloat(x) : ir.cast(x, dtype);
  const axes = [rows, columns];
  if (ord === "fro") return vectorNorm(source, 2, { dim: axes, keepdim });
  if (ord === "nuc" || ord === 2 || ord === -2) {
    const rest = source.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const values = svdvals(ir.permute(source, [...rest, rows, columns]));
    const last = values.shape.length - 1;
    const folded =
      ord === "nuc"
        ? ir.reduceSum(values, [last])
        : ir.narrow(values, last, ord === 2 ? 0 : values.shape[last] - 1, 1);
    const shape = keepdim
      ? source.shape.map((size, i) => (axes.includes(i) ? 1 : size))
      : rest.map((i) => source.shape[i]);
    return ir.reshape(folded, shape);
  }
  if (ord !== 1 && ord !== -1 && ord !== Infinity && ord !== -Infinity) {
    throw new ConfigError(
      `matrixNorm: ord must be "fro", "nuc", ±1, ±2 or ±Infinity, got ${String(ord)}`,
    );
  }
  return inComputeDType(source, (y) => {
    const [summed, kept] = Math.abs(ord) === 1 ? [rows, columns] : [columns, rows];
    const sums = ir.reduceSum(ir.unary("abs", y), [summed]);
    return withoutDims(extremeOf(sums, kept, ord > 0), axes, keepdim);
  });
}

/**
 * torch.linalg.norm: without `ord` the 2-norm of all elements (or of `dim`); with `ord` a vector
 * norm for one dim and a matrix norm for two.
 */
export function norm(x: Node, ord?: MatrixOrder | null, options: NormOptions = {}): Node {
  const { dim } = options;
  if (ord == null) return vectorNorm(x, 2, options);
  const count = dim === undefined ? x.shape.length : typeof dim === "number" ? 1 : dim.length;
  if (count === 2) return matrixNorm(x, ord, options);
  if (count === 1 && typeof ord === "number") return vectorNorm(x, ord, options);
  throw new ShapeError(
    `norm: ord ${String(ord)} needs ${typeof ord === "number" ? "one or two dims" : "two dims"}, got ${count}; name them with dim`,
  );
}

/** Condition number: ‖A‖ · ‖A⁻¹‖; the ratio of singular values for null, 2 and −2. */
export function cond(x: Node, p: MatrixOrder | null = null): Node {
  if (p === null || p === 2 || p === -2) {
    const values = svdvals(x);
    const last = values.shape.length - 1;
    const most = ir.narrow(values, last, 0, 1);
    const least = ir.narrow(values, last, values.shape[last] - 1, 1);
    const ratio = p === -2 ? ir.div(least, most) : ir.div(most, least);
    return ir.reshape(ratio, values.shape.slice(0, -1));
  }
  return ir.mul(matrixNorm(x, p), matrixNorm(inv(x), p));
}
