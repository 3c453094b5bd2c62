import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { normalizeDim } from "../../ir/shape.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { isfinite, where } from "./logic.ts";
import type { Dims } from "./operands.ts";
import { inComputeDType, toFloat } from "./operands.ts";
import { dropAxes, reduceAxes, reduceCount } from "./reduce.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of {@link softmax} and {@link logSoftmax}. */
export interface SoftmaxOptions {
  /** Dtype of computation and result. */
  readonly dtype?: DType | undefined;
}

/** x − max over the axes: the exponentials of it neither overflow nor all vanish. */
export function shiftByMax(x: Node, axes: readonly number[]): Node {
  return sub(x, stopGradient(ir.extremum("reduceMax", x, axes)));
}

function alongDim(
  op: string,
  x: Node,
  dim: number,
  { dtype }: SoftmaxOptions,
  formula: (x: Node, axes: readonly number[]) => Node,
): Node {
  const axis = normalizeDim(op, dim, x.shape.length);
  const source = toFloat(dtype === undefined ? x : ir.cast(x, dtype));
  const axes = x.shape.length === 0 ? [] : [axis];
  if (reduceCount(source, axes) === 0) return source;
  return inComputeDType(source, (a) => formula(a, axes));
}

/** eˣ / Σ eˣ along `dim`, computed in f32 for half types. */
export function softmax(x: Node, dim: number, options: SoftmaxOptions = {}): Node {
  return alongDim("softmax", x, dim, options, (a, axes) => {
    const powers = ir.unary("exp", shiftByMax(a, axes));
    const total = ir.reduceSum(powers, axes);
    // One division per row instead of one per element.
    return mul(powers, ir.div(ir.fullLike(total, 1), total));
  });
}

/** e⁻ˣ / Σ e⁻ˣ along `dim`. */
export function softmin(x: Node, dim: number, options: SoftmaxOptions = {}): Node {
  return softmax(ir.neg(toFloat(x)), dim, options);
}

/** ln softmax(x) along `dim` without a detour over small numbers. */
export function logSoftmax(x: Node, dim: number, options: SoftmaxOptions = {}): Node {
  return alongDim("logSoftmax", x, dim, options, (a, axes) => {
    const shifted = shiftByMax(a, axes);
    return sub(shifted, ir.unary("log", ir.reduceSum(ir.unary("exp", shifted), axes)));
  });
}

/** ln Σ eˣ over dims without overflow; −∞ over no elements. */
export function logsumexp(
  x: Node,
  dim: Dims,
  { keepdim }: { readonly keepdim?: boolean | undefined } = {},
): Node {
  const axes = reduceAxes("logsumexp", x, dim);
  return inComputeDType(toFloat(x), (a) => {
    if (reduceCount(a, axes) === 0) {
      return dropAxes(ir.unary("log", ir.reduceSum(a, axes)), axes, keepdim);
    }
    const largest = ir.extremum("reduceMax", a, axes);
    // A row of equal infinities has no difference; it is not shifted.
    const shift = stopGradient(where(isfinite(largest), largest, 0));
    const total = ir.reduceSum(ir.unary("exp", sub(a, shift)), axes);
    return dropAxes(add(ir.unary("log", total), shift), axes, keepdim);
  });
}
