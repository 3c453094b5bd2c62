import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { add, div, expm1, mul, neg, sub } from "./arithmetic.ts";
import { lt, where } from "./logic.ts";
import type { Operand } from "./operands.ts";
import { polynomial } from "./special-normal.ts";
import {
  broadcastOperands,
  commonDType,
  computeDType,
  inComputeDType,
  isHalf,
  toFloat,
} from "./operands.ts";

/** Sine of radians. */
export function sin(x: Node): Node {
  return ir.unary("sin", toFloat(x));
}

/** Cosine of radians. */
export function cos(x: Node): Node {
  return ir.unary("cos", toFloat(x));
}

/** Tangent of radians. */
export function tan(x: Node): Node {
  return inComputeDType(x, (a) => div(sin(a), cos(a)));
}

/** Hyperbolic tangent. */
export function tanh(x: Node): Node {
  return ir.unary("tanh", toFloat(x));
}

/** |x|, with the derivative of x at 0, where `abs` has none. */
function sizeOf(x: Node): Node {
  return where(lt(x, 0), neg(x), x);
}

/**
 * eˣ / 2 as a product of two powers, which overflows only where the result does. They share no node
 * below x: cotangents that meet before they are halved would overflow earlier.
 */
function halfOfExp(x: Node): Node {
  const lower = mul(sub(x, 2 * Math.LN2), 0.5);
  return mul(ir.unary("exp", mul(x, 0.5)), ir.unary("exp", lower));
}

/** (eˣ − e⁻ˣ) / 2, accurate near 0 and finite wherever the result is. */
export function sinh(x: Node): Node {
  return inComputeDType(x, (a) => {
    const small = lt(ir.unary("abs", a), 1);
    // The unused branch sees 0, so that neither it nor its gradient overflows.
    const near = where(small, a, 0);
    const inner = mul(sub(expm1(near), expm1(neg(near))), 0.5);
    const grown = halfOfExp(sizeOf(a));
    const outer = sub(grown, div(0.25, grown));
    return where(small, inner, where(lt(a, 0), neg(outer), outer));
  });
}

/** (eˣ + e⁻ˣ) / 2, finite wherever the result is. */
export function cosh(x: Node): Node {
  return inComputeDType(x, (a) => {
    const grown = halfOfExp(sizeOf(a));
    return add(grown, div(0.25, grown));
  });
}

/** Above it x² + 1 and x² − 1 round to x², and 2x is the whole sum. */
const farOut = 1e8;

/** ln(x + √(x² + 1)), the inverse of sinh, accurate near 0 and free of overflow. */
export function asinh(x: Node): Node {
  return inComputeDType(x, (a) => {
    const below = lt(a, 0);
    const size = where(below, neg(a), a);
    const far = lt(farOut, size);
    const inner = where(far, 1, size);
    const squared = mul(inner, inner);
    const root = ir.unary("sqrt", add(squared, 1));
    const near = ir.unary("log1p", add(inner, div(squared, add(root, 1))));
    const result = where(far, add(ir.unary("log", where(far, size, 1)), Math.LN2), near);
    return where(below, neg(result), result);
  });
}

/** ln(x + √(x² − 1)), the inverse of cosh; NaN below 1. */
export function acosh(x: Node): Node {
  return inComputeDType(x, (a) => {
    const far = lt(farOut, a);
    const above = sub(where(far, 1.5, where(lt(a, 1), NaN, a)), 1);
    const near = ir.unary("log1p", add(above, ir.unary("sqrt", mul(above, add(above, 2)))));
    return where(far, add(ir.unary("log", where(far, a, 1)), Math.LN2), near);
  });
}

/** ln((1 + x) / (1 − x)) / 2, the inverse of tanh; NaN outside [−1, 1]. */
export function atanh(x: Node): Node {
  return inComputeDType(x, (a) => mul(sub(ir.unary("log1p", a), ir.unary("log1p", neg(a))), 0.5));
}

/** Coefficients of sin z / z in z². */
const sincSeries = range(11).map((k) =>
  range(2 * k).reduce((value, i) => value / (i + 2), k % 2 === 0 ? 1 : -1),
);

/** sin(πx) / (πx), 1 at 0. */
export function sinc(x: Node): Node {
  return inComputeDType(x, (a) => {
    const small = lt(ir.unary("abs", a), 0.25);
    const angle = mul(where(small, 1, a), Math.PI);
    // The series keeps the digits of the derivatives, which vanish with x.
    const inner = mul(where(small, a, 0), Math.PI);
    const series = polynomial(mul(inner, inner), sincSeries);
    return where(small, series, div(ir.unary("sin", angle), angle));
  });
}

/** Degrees to radians. */
export function deg2rad(x: Node): Node {
  return inComputeDType(x, (a) => mul(a, Math.PI / 180));
}

/** Radians to degrees. */
export function rad2deg(x: Node): Node {
  return inComputeDType(x, (a) => mul(a, 180 / Math.PI));
}

/**
 * Arctangent for 0 ≤ q ≤ 1: above tan(π/8) the identity atan q = π/4 + atan((q − 1) / (q + 1))
 * leaves |r| ≤ tan(π/8), where the alternating series converges by a factor of six per term.
 */
function atanOfUnitInterval(q: Node): Node {
  const far = ir.binary("lt", ir.fullLike(q, Math.SQRT2 - 1), q);
  const r = ir.where(far, div(sub(q, 1), add(q, 1)), q);
  const z = mul(r, r);
  const last = q.dtype === "f64" ? 20 : 8;
  const coefficient = (k: number): number => (k % 2 === 0 ? 1 : -1) / (2 * k + 1);
  let series = ir.fullLike(z, coefficient(last));
  for (let k = last - 1; k >= 0; k--) series = add(mul(series, z), coefficient(k));
  return add(mul(r, series), ir.where(far, ir.fullLike(q, Math.PI / 4), ir.fullLike(q, 0)));
}

/** Whether the sign bit is set, also for −0. */
export function isNegative(x: Node): Node {
  const zero = ir.fullLike(x, 0);
  const inverse = ir.div(ir.fullLike(x, 1), x);
  const isZero = ir.binary("eq", x, zero);
  return ir.binary("lt", ir.where(isZero, inverse, x), zero);
}

/**
 * Angle of the point (x, y) in (−π, π].
 * @param a - y, the sine's side.
 * @param b - x, the cosine's side.
 */
export function atan2(a: Operand, b: Operand): Node {
  const dtype = commonDType([a, b]);
  const [y, x] = broadcastOperands("atan2", [a, b], computeDType(dtype));
  const below = isNegative(y);
  const left = isNegative(x);
  // Selections instead of abs, min and max: they keep the gradient exact on the axes and diagonals.
  const height = ir.where(below, ir.neg(y), y);
  const width = ir.where(left, ir.neg(x), x);
  const steep = ir.binary("lt", width, height);
  const small = ir.where(steep, width, height);
  const large = ir.where(steep, height, width);
  // 0/0 and ∞/∞ have no quotient: the first counts as 0, the second as 1.
  const undecided = ir.binary("and", ir.binary("eq", small, large), isZeroOrInfinite(large));
  const limit = ir.where(isZero(large), ir.fullLike(large, 0), ir.fullLike(large, 1));
  const safe = ir.where(undecided, ir.fullLike(large, 1), large);
  const ratio = ir.where(undecided, limit, ir.div(small, safe));
  const acute = atanOfUnitInterval(ratio);
  const turned = ir.where(steep, sub(Math.PI / 2, acute), acute);
  const upper = ir.where(left, sub(Math.PI, turned), turned);
  const angle = ir.where(below, ir.neg(upper), upper);
  return isHalf(dtype) ? ir.cast(angle, dtype) : angle;
}

const isZero = (x: Node): Node => ir.binary("eq", x, ir.fullLike(x, 0));
const isZeroOrInfinite = (x: Node): Node =>
  ir.binary("or", isZero(x), ir.binary("eq", x, ir.fullLike(x, Infinity)));

/** Arctangent in [−π/2, π/2]. */
export function atan(x: Node): Node {
  return atan2(x, 1);
}

/** Arcsine in [−π/2, π/2]; NaN outside [−1, 1]. */
export function asin(x: Node): Node {
  return inComputeDType(x, (a) => atan2(a, ir.unary("sqrt", mul(sub(1, a), add(1, a)))));
}

/** Arccosine in [0, π]; NaN outside [−1, 1]. */
export function acos(x: Node): Node {
  return inComputeDType(x, (a) => atan2(ir.unary("sqrt", mul(sub(1, a), add(1, a))), a));
}
