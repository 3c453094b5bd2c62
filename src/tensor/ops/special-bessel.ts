import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { abs, add, div, mul, neg, sub } from "./arithmetic.ts";
import { gt, lt, where } from "./logic.ts";
import { toFloat } from "./operands.ts";
import { inDoubles, polynomial } from "./special-normal.ts";

/** Where the integral's midpoint rule ends and the asymptotic series begins. */
const farOut = 30;
const nodes = range(12).map((k) => Math.cos((Math.PI * (k + 0.5)) / 24));

/** Coefficients of I_ν(x) · e⁻ˣ · √(2πx) in 1/x. */
function asymptotic(order: 0 | 1): number[] {
  const coefficients = [1];
  for (let k = 1; k <= 16; k++) {
    const factor = (4 * order * order - (2 * k - 1) ** 2) / (8 * k);
    coefficients.push(-coefficients[k - 1] * factor);
  }
  return coefficients;
}

/**
 * e^−|x| · I_ν(x) in f64: the midpoint rule on ∫ cos(νθ) e^(x cos θ) dθ / π, which converges
 * geometrically, for |x| ≤ 30.
 */
function scaledBessel(x: Node, order: 0 | 1): Node {
  const size = abs(x);
  const isFar = gt(size, farOut);
  const near = where(isFar, 0, x);
  const width = abs(near);
  const terms = nodes.map((node) => {
    const along = mul(near, node);
    const up = ir.unary("exp", sub(along, width));
    const down = ir.unary("exp", neg(add(along, width)));
    return order === 0 ? add(up, down) : mul(sub(up, down), node);
  });
  const inner = mul(
    terms.reduce((a, b) => add(a, b)),
    1 / 24,
  );
  const far = where(isFar, size, farOut);
  const series = polynomial(div(1, far), asymptotic(order));
  const outer = div(series, ir.unary("sqrt", mul(far, 2 * Math.PI)));
  const signed = order === 0 ? outer : where(lt(x, 0), neg(outer), outer);
  return where(isFar, signed, inner);
}

/** Modified Bessel function of the first kind, order 0; computed in f64. */
export function i0(x: Node): Node {
  return inDoubles(toFloat(x), (a) => mul(scaledBessel(a, 0), ir.unary("exp", abs(a))));
}

/** e^−|x| · I₀(x). */
export function i0e(x: Node): Node {
  return inDoubles(toFloat(x), (a) => scaledBessel(a, 0));
}

/** Modified Bessel function of the first kind, order 1; computed in f64. */
export function i1(x: Node): Node {
  return inDoubles(toFloat(x), (a) => mul(scaledBessel(a, 1), ir.unary("exp", abs(a))));
}

/** e^−|x| · I₁(x). */
export function i1e(x: Node): Node {
  return inDoubles(toFloat(x), (a) => scaledBessel(a, 1));
}
