import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { abs, add, div, mul, neg, sub } from "./arithmetic.ts";
import { eq, ge, gt, isinf, le, logicalAnd, lt, where } from "./logic.ts";
import { toFloat } from "./operands.ts";
import { inDoubles, polynomial } from "./special-normal.ts";
import { asinh, cosh, sinh } from "./trigonometry.ts";

type Order = 0 | 1;

const euler = 0.5772156649015329;
const cos = (x: Node): Node => ir.unary("cos", x);
const sin = (x: Node): Node => ir.unary("sin", x);
const exp = (x: Node): Node => ir.unary("exp", x);
const log = (x: Node): Node => ir.unary("log", x);
const sqrt = (x: Node): Node => ir.unary("sqrt", x);
const total = (terms: readonly Node[]): Node => terms.reduce((a, b) => add(a, b));

/** Where the sums over angles end and Hankel's asymptotic series begins. */
const reach = 20;

/** Midpoints of a quarter of the circle. */
const angles = (count: number): number[] =>
  range(count).map((j) => (Math.PI * (j + 0.5)) / 2 / count);

/** Σ weight · cos(x sin θ) (order 0) or sin(x sin θ) (order 1). */
function overAngles(
  x: Node,
  order: Order,
  weights: (angle: number) => number,
  count: number,
): Node {
  const wave = order === 0 ? cos : sin;
  return total(angles(count).map((angle) => mul(wave(mul(x, Math.sin(angle))), weights(angle))));
}

/** J_ν(x) for 0 ≤ x ≤ 20: the mean of cos(x sin θ − νθ), which converges geometrically. */
function firstNear(x: Node, order: Order): Node {
  const count = 14;
  return overAngles(x, order, (angle) => (order === 0 ? 1 : Math.sin(angle)) / count, count);
}

/**
 * Weights that give Neumann's series of Y_ν without its logarithm: its Bessel functions of higher
 * order are means over the same angles.
 */
function neumannWeight(angle: number, order: Order, count: number): number {
  const terms = range(count).map((i) => {
    const k = i + 1;
    const sign = k % 2 === 0 ? 1 : -1;
    if (order === 0) return (-4 * sign * Math.cos(2 * k * angle)) / k;
    return (-2 * sign * (2 * k + 1) * Math.sin((2 * k + 1) * angle)) / (k * (k + 1));
  });
  return terms.reduce((a, b) => a + b) / Math.PI / count;
}

/** Y_ν(x) for 0 < x ≤ 20. */
function secondNear(x: Node, order: Order): Node {
  const count = 26;
  const rest = overAngles(x, order, (angle) => neumannWeight(angle, order, count), count);
  const logarithm = add(log(mul(x, 0.5)), euler - order);
  const main = add(mul(mul(logarithm, firstNear(x, order)), 2 / Math.PI), rest);
  return order === 0 ? main : sub(main, div(mul(firstNear(x, 0), 2 / Math.PI), x));
}

/** [J_ν(x), Y_ν(x)] for x ≥ 20 by Hankel's asymptotic series. */
function hankel(x: Node, order: Order): [first: Node, second: Node] {
  const coefficients = [1];
  for (let k = 1; k < 24; k++) {
    coefficients.push((coefficients[k - 1] * (4 * order - (2 * k - 1) ** 2)) / (8 * k));
  }
  const half = (parity: number): number[] =>
    range(12).map((k) => (k % 2 === 0 ? 1 : -1) * coefficients[2 * k + parity]);
  const inverse = div(1, x);
  const squared = mul(inverse, inverse);
  const even = polynomial(squared, half(0));
  const odd = mul(inverse, polynomial(squared, half(1)));
  // cos and sin of x − (2ν + 1)π/4, without subtracting from a large x.
  const [sum, difference] = [add(sin(x), cos(x)), sub(sin(x), cos(x))];
  const [c, s] = order === 0 ? [sum, difference] : [difference, neg(sum)];
  const size = sqrt(div(1 / Math.PI, x));
  return [mul(size, sub(mul(even, c), mul(odd, s))), mul(size, add(mul(even, s), mul(odd, c)))];
}

function bessel(x: Node, order: Order): Node {
  return inDoubles(toFloat(x), (a) => {
    const size = abs(a);
    const isNear = le(size, reach);
    const near = firstNear(where(isNear, a, 0), order);
    const far = hankel(where(isNear, reach, size), order)[0];
    return where(isNear, near, order === 1 ? where(lt(a, 0), neg(far), far) : far);
  });
}

function neumann(x: Node, order: Order): Node {
  return inDoubles(toFloat(x), (a) => {
    const isNear = logicalAnd(gt(a, 0), le(a, reach));
    const near = secondNear(where(isNear, a, 1), order);
    const isFar = gt(a, reach);
    const far = hankel(where(isFar, a, reach), order)[1];
    return where(isNear, near, where(isFar, far, where(eq(a, 0), -Infinity, NaN)));
  });
}

/** Bessel function of the first kind, order 0; computed in f64. */
export const besselJ0 = (x: Node): Node => bessel(x, 0);
/** Bessel function of the first kind, order 1; computed in f64. */
export const besselJ1 = (x: Node): Node => bessel(x, 1);
/** Bessel function of the second kind, order 0; −∞ at 0, NaN below. Computed in f64. */
export const besselY0 = (x: Node): Node => neumann(x, 0);
/** Bessel function of the second kind, order 1; −∞ at 0, NaN below. Computed in f64. */
export const besselY1 = (x: Node): Node => neumann(x, 1);

/** K_ν(x) for 0 < x ≤ 2: the power series beside the logarithm. */
function thirdNear(x: Node, order: Order): Node {
  const plain: number[] = [];
  const harmonic: number[] = [];
  let [coefficient, sum] = [1, 0];
  for (let k = 0; k < 16; k++) {
    if (k > 0) {
      coefficient /= k * (k + order);
      sum += 1 / k;
    }
    // ½ (ψ(k + 1) + ψ(k + 1 + ν))
    const digamma = sum - euler + (order === 1 ? 0.5 / (k + 1) : 0);
    plain.push(coefficient);
    harmonic.push(coefficient * digamma);
  }
  const squared = mul(mul(x, x), 0.25);
  const logarithm = log(mul(x, 0.5));
  const series = sub(polynomial(squared, harmonic), mul(logarithm, polynomial(squared, plain)));
  return order === 0 ? series : sub(div(1, x), mul(mul(x, 0.5), series));
}

/** eˣ · K_ν(x) for x ≥ 2: the trapezoidal rule on ∫ cosh(νt) e^(−x (cosh t − 1)) dt over t ≥ 0. */
function scaledThirdFar(x: Node, order: Order): Node {
  const count = 20;
  const step = mul(asinh(sqrt(div(20, x))), 2 / count);
  const terms = range(count).map((i) => {
    const t = mul(step, i + 1);
    const rise = sinh(mul(t, 0.5));
    const value = exp(mul(mul(mul(rise, rise), x), -2));
    return order === 0 ? value : mul(value, cosh(t));
  });
  return mul(step, add(total(terms), 0.5));
}

function modifiedThird(x: Node, order: Order, isScaled: boolean): Node {
  return inDoubles(toFloat(x), (a) => {
    const isNear = logicalAnd(gt(a, 0), le(a, 2));
    const isFar = logicalAnd(gt(a, 2), lt(a, Infinity));
    const nearly = where(isNear, a, 1);
    const farther = where(isFar, a, 2);
    const near = thirdNear(nearly, order);
    const far = scaledThirdFar(farther, order);
    const ends = where(eq(a, 0), Infinity, where(eq(a, Infinity), 0, NaN));
    const [left, right] = isScaled
      ? [mul(near, exp(nearly)), far]
      : [near, mul(far, exp(neg(farther)))];
    return where(isNear, left, where(isFar, right, ends));
  });
}

/** Modified Bessel function of the second kind, order 0; ∞ at 0, NaN below. */
export const modifiedBesselK0 = (x: Node): Node => modifiedThird(x, 0, false);
/** Modified Bessel function of the second kind, order 1; ∞ at 0, NaN below. */
export const modifiedBesselK1 = (x: Node): Node => modifiedThird(x, 1, false);
/** eˣ · K₀(x). */
export const scaledModifiedBesselK0 = (x: Node): Node => modifiedThird(x, 0, true);
/** eˣ · K₁(x). */
export const scaledModifiedBesselK1 = (x: Node): Node => modifiedThird(x, 1, true);

/** sin x / x, 1 at 0 and 0 at ±∞; computed in f64. */
export function sphericalBesselJ0(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const isSmall = lt(abs(a), 0.1);
    const near = where(isSmall, a, 0);
    const series = polynomial(mul(near, near), [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880]);
    const endless = isinf(a);
    const far = where(endless, 1, where(isSmall, 1, a));
    return where(isSmall, series, where(endless, 0, div(sin(far), far)));
  });
}

/** Values of Airy's function and minus its slope at 0. */
const airyAtZero = [0.3550280538878172, 0.2588194037928068] as const;

/** Airy's function for |x| ≤ 4 by its power series. */
function airyNear(x: Node): Node {
  const series = (offset: number): number[] => {
    const coefficients = [1];
    for (let k = 1; k < 20; k++) {
      const order = 3 * k + offset;
      coefficients.push(coefficients[k - 1] / (order * (order - 1)));
    }
    return coefficients;
  };
  const cubed = mul(mul(x, x), x);
  const even = mul(polynomial(cubed, series(0)), airyAtZero[0]);
  return sub(even, mul(mul(x, polynomial(cubed, series(1))), airyAtZero[1]));
}

/**
 * Airy's function at x or −x, for x ≥ 4: the trapezoidal rule on the integral along the path of
 * steepest descent, ∫ e^(−√x t²) cos(t³/3) dt, turned by π/6 for −x.
 */
function airyFar(x: Node, isLeft: boolean): Node {
  const count = 32;
  const root = sqrt(x);
  const action = mul(mul(x, root), 2 / 3);
  const decay = isLeft ? mul(root, Math.sqrt(3) / 2) : root;
  const step = mul(sqrt(div(40, decay)), 1 / count);
  const value = (t: Node): Node => {
    const squared = mul(t, t);
    const size = mul(exp(neg(mul(decay, squared))), cos(mul(mul(squared, t), 1 / 3)));
    if (!isLeft) return size;
    const phase = sub(Math.PI / 3, add(action, mul(mul(root, squared), 0.5)));
    return mul(mul(size, cos(phase)), 2);
  };
  const inner = total(range(count).map((i) => value(mul(step, i + 1))));
  const integral = mul(mul(step, add(inner, mul(value(mul(step, 0)), 0.5))), 1 / Math.PI);
  return isLeft ? integral : mul(integral, exp(neg(action)));
}

/** Airy's function Ai; NaN at ±∞, as torch. Computed in f64. */
export function airyAi(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const isRight = logicalAnd(gt(a, 4), lt(a, Infinity));
    const isLeft = logicalAnd(lt(a, -4), gt(a, -Infinity));
    const isNear = logicalAnd(le(a, 4), ge(a, -4));
    const right = airyFar(where(isRight, a, 4), false);
    const left = airyFar(where(isLeft, neg(a), 4), true);
    const near = airyNear(where(isNear, a, 0));
    return where(isRight, right, where(isLeft, left, where(isNear, near, NaN)));
  });
}
