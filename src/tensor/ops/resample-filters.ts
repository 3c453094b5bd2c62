import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Resize } from "./resample-kernels.ts";
import { stepOf } from "./resample-kernels.ts";

/** A filter for shrinking without aliasing: its width in source pixels at scale 1, and its value. */
interface Filter {
  readonly width: number;
  readonly value: (x: Node) => Node;
}

const like = ir.fullLike;
const plus = (x: Node, value: number): Node => ir.add(x, like(x, value));
const times = (x: Node, value: number): Node => ir.mul(x, like(x, value));
const below = (x: Node, value: number): Node => ir.binary("lt", x, like(x, value));
const atLeastZero = (x: Node): Node => ir.binary("max", x, like(x, 0));

/** sin πx / πx. */
function sinc(x: Node): Node {
  const angle = times(x, Math.PI);
  const isZero = ir.binary("eq", x, like(x, 0));
  const safe = ir.where(isZero, like(x, 1), angle);
  return ir.where(isZero, like(x, 1), ir.div(ir.unary("sin", safe), safe));
}

/** Keys' cubic with A = −0.5, as Pillow: the plain bicubic mode has A = −0.75. */
function cubicFilter(x: Node): Node {
  const a = ir.unary("abs", x);
  const near = plus(ir.mul(ir.mul(plus(times(a, 1.5), -2.5), a), a), 1);
  const far = times(plus(ir.mul(plus(ir.mul(plus(a, -5), a), 8), a), -4), -0.5);
  return ir.where(below(a, 1), near, ir.where(below(a, 2), far, like(a, 0)));
}

function lanczosFilter(x: Node): Node {
  const inside = below(ir.unary("abs", x), 3);
  return ir.where(inside, ir.mul(sinc(x), sinc(times(x, 1 / 3))), like(x, 0));
}

/** Filters by interpolation mode. */
export const filters: Readonly<Record<"bilinear" | "bicubic" | "lanczos", Filter>> = {
  bilinear: { width: 2, value: (x) => atLeastZero(plus(ir.neg(ir.unary("abs", x)), 1)) },
  bicubic: { width: 4, value: cubicFilter },
  lanczos: { width: 6, value: lanczosFilter },
};

/** Row and column of every element of a matrix, f64. */
function grid(rows: number, columns: number): { readonly row: Node; readonly column: Node } {
  const at = (dim: number): Node => ir.cast(ir.iota([rows, columns], dim), "f64");
  return { row: at(0), column: at(1) };
}

const both = (a: Node, b: Node): Node => ir.binary("and", a, b);

/** The matrix [to, from] of a widened filter, its rows normalised inside the image. */
export function filterMatrix(resize: Resize, { width, value }: Filter, dtype: DType): Node {
  const { from, to } = resize;
  const step = stepOf(resize);
  const widening = Math.max(step, 1);
  const support = (width / 2) * widening;
  const { row, column } = grid(to, from);
  const center = times(plus(row, 0.5), step);
  const first = ir.unary("trunc", plus(center, 0.5 - support));
  const end = ir.unary("trunc", plus(center, 0.5 + support));
  const inside = both(ir.binary("le", first, column), ir.binary("lt", column, end));
  const raw = value(times(plus(ir.sub(column, center), 0.5), 1 / widening));
  const weights = ir.where(inside, raw, like(raw, 0));
  const total = ir.expand(ir.reduceSum(weights, [1]), weights.shape);
  const isZero = ir.binary("eq", total, like(total, 0));
  const scaled = ir.div(weights, ir.where(isZero, like(total, 1), total));
  return ir.cast(scaled, dtype);
}

/** The matrix [to, from] of adaptive averages: bin i is [⌊i·from/to⌋, ⌈(i+1)·from/to⌉). */
export function areaMatrix(from: number, to: number, dtype: DType): Node {
  const { row, column } = grid(to, from);
  const ratio = (x: Node): Node => ir.div(times(x, from), like(x, to));
  const first = ir.unary("floor", ratio(row));
  const end = ir.unary("ceil", ratio(plus(row, 1)));
  const inside = both(ir.binary("le", first, column), ir.binary("lt", column, end));
  const share = ir.div(like(first, 1), ir.sub(end, first));
  return ir.cast(ir.where(inside, share, like(share, 0)), dtype);
}
