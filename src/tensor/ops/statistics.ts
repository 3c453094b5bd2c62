import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim } from "../../ir/shape.ts";
import { div, mul, sub } from "./arithmetic.ts";
import { gt, isnan, where } from "./logic.ts";
import { inComputeDType } from "./operands.ts";
import type { SumOptions, VarianceOptions } from "./reduce.ts";
import { amax, amin, countNonzero, mean, norm, std, sum } from "./reduce.ts";

/** Sum over dims in which NaN counts as 0. */
export function nansum(x: Node, options: SumOptions = {}): Node {
  return isFloat(x.dtype) ? sum(where(isnan(x), 0, x), options) : sum(x, options);
}

/** Mean over dims of the elements that are no NaN; NaN where there are none. */
export function nanmean(x: Node, { dim, keepdim, dtype }: SumOptions = {}): Node {
  const source = dtype === undefined ? x : ir.cast(x, dtype);
  if (!isFloat(source.dtype)) return mean(source, { dim, keepdim });
  return inComputeDType(source, (a) => {
    const present = ir.unary("not", isnan(a));
    const count = ir.cast(countNonzero(present, { dim, keepdim }), a.dtype);
    return div(nansum(a, { dim, keepdim }), count);
  });
}

/** Smallest and largest elements over one dim or all; NaN wins. */
export function aminmax(
  x: Node,
  {
    dim,
    keepdim,
  }: { readonly dim?: number | null | undefined; readonly keepdim?: boolean | undefined } = {},
): { readonly min: Node; readonly max: Node } {
  return { min: amin(x, { dim, keepdim }), max: amax(x, { dim, keepdim }) };
}

/** Standard deviation and mean over dims. */
export function stdMean(
  x: Node,
  options: VarianceOptions = {},
): { readonly std: Node; readonly mean: Node } {
  const { dim, keepdim } = options;
  return { std: std(x, options), mean: mean(x, { dim, keepdim }) };
}

/** The p-norm of a − b over all elements. */
export function dist(a: Node, b: Node, { p = 2 }: { readonly p?: number } = {}): Node {
  return norm(sub(a, b), { p });
}

/** x whose slices along `dim` are scaled down to a p-norm of at most `maxnorm`. */
export function renorm(x: Node, p: number, dim: number, maxnorm: number): Node {
  const rank = x.shape.length;
  if (rank < 2)
    throw new ShapeError(`renorm: x must have at least 2 dims, got ${formatShape(x.shape)}`);
  if (!(p > 0) || !(maxnorm >= 0)) {
    throw new ConfigError(`renorm: p must be > 0 and maxnorm ≥ 0, got ${p} and ${maxnorm}`);
  }
  const axis = normalizeDim("renorm", dim, rank);
  const others = x.shape.flatMap((_, d) => (d === axis ? [] : [d]));
  return inComputeDType(x, (a) => {
    const length = norm(a, { p, dim: others, keepdim: true });
    const exceeds = gt(length, maxnorm);
    // torch's own 1e-7, which keeps the result just inside.
    const scale = div(maxnorm, ir.add(where(exceeds, length, 1), ir.fullLike(length, 1e-7)));
    return mul(a, where(exceeds, scale, 1));
  });
}
