import { ConfigError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { abs, add, div, maximum, minimum, mul, neg, sub } from "./arithmetic.ts";
import { eq, ge, gt, isinf, le, logicalAnd, logicalOr, lt, where } from "./logic.ts";
import type { Operand } from "./operands.ts";
import { broadcastOperands, commonDType, toFloat } from "./operands.ts";
import { inDoubles, polynomial } from "./special-normal.ts";

/** B₂, B₄, … */
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510];
/** How far the recurrences shift an argument before the asymptotic series counts. */
const shift = 8;

const log = (x: Node): Node => ir.unary("log", x);
const round = (x: Node): Node => ir.unary("round", x);

/** Applies a formula to operands in f64 and rounds once. */
function inDoublePairs(
  op: string,
  a: Operand,
  b: Operand,
  formula: (a: Node, b: Node) => Node,
): Node {
  const common = commonDType([a, b]);
  const [x, y] = broadcastOperands(op, [a, b], isFloat(common) ? common : "f32");
  return ir.cast(formula(ir.cast(x, "f64"), ir.cast(y, "f64")), x.dtype);
}

/** ln Γ(x) for x ≥ ½, in f64: Stirling's series after eight steps up. */
function logGammaRight(x: Node): Node {
  const isSmall = lt(x, shift);
  const low = where(isSmall, x, 1);
  const product = range(shift - 1).reduce((sum: Node, k) => mul(sum, add(low, k + 1)), low);
  const z = where(isSmall, add(x, shift), x);
  const inverse = div(1, z);
  const coefficients = bernoulli.map((b, j) => b / ((2 * j + 2) * (2 * j + 1)));
  const series = mul(inverse, polynomial(mul(inverse, inverse), coefficients));
  const stirling = add(sub(mul(sub(z, 0.5), log(z)), z), 0.5 * Math.log(2 * Math.PI));
  return add(where(isSmall, sub(stirling, log(product)), stirling), series);
}

/** ln |Γ(x)|; ∞ at 0, −1, −2, …. Computed in f64. */
export function lgamma(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const left = lt(a, 0.5);
    const mirrored = where(left, sub(1, a), a);
    const endless = isinf(a);
    const right = logGammaRight(where(endless, 1, mirrored));
    const fraction = where(logicalAnd(left, lt(-Infinity, a)), sub(a, round(a)), 0.5);
    const sine = abs(ir.unary("sin", mul(fraction, Math.PI)));
    const reflected = sub(sub(Math.log(Math.PI), log(sine)), right);
    return where(endless, Infinity, where(left, reflected, right));
  });
}

/** The logarithmic derivative of Γ for x ≥ ½, in f64. */
function digammaRight(x: Node): Node {
  const isSmall = lt(x, shift);
  const low = where(isSmall, x, 1);
  const steps = range(shift).map((k) => div(1, add(low, k)));
  const sum = steps.reduce((a, b) => add(a, b));
  const z = where(isSmall, add(x, shift), x);
  const inverse = div(1, z);
  const squared = mul(inverse, inverse);
  const coefficients = bernoulli.map((b, j) => b / (2 * j + 2));
  const series = mul(squared, polynomial(squared, coefficients));
  const rest = sub(sub(log(z), mul(inverse, 0.5)), series);
  return where(isSmall, sub(rest, sum), rest);
}

/** ψ(x), the derivative of ln Γ; −∞ at 0, NaN at −1, −2, …. Computed in f64. */
export function digamma(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const left = lt(a, 0.5);
    const whole = logicalAnd(left, eq(a, round(a)));
    const right = digammaRight(where(left, sub(1, a), a));
    const fraction = where(logicalOr(whole, ge(a, 0.5)), 0.25, sub(a, round(a)));
    const angle = mul(fraction, Math.PI);
    const cotangent = div(mul(ir.unary("cos", angle), Math.PI), ir.unary("sin", angle));
    const reflected = sub(right, cotangent);
    const poles = where(eq(a, 0), neg(div(1, a)), NaN);
    return where(whole, poles, where(left, reflected, right));
  });
}

/** Hurwitz ζ(s, q) for s > 1 and q > 0 in f64 by the Euler-Maclaurin formula. */
function zetaRight(s: Node | number, q: Node): Node {
  const power = (x: Node, exponent: Operand): Node => ir.binary("pow", x, filled(exponent, x));
  const negated = typeof s === "number" ? -s : neg(s);
  const sum = range(10)
    .map((k) => power(add(q, k), negated))
    .reduce((a, b) => add(a, b));
  const z = add(q, 10);
  const last = power(z, negated);
  const integral = div(mul(last, z), typeof s === "number" ? s - 1 : sub(s, 1));
  let total = add(add(sum, integral), mul(last, 0.5));
  const inverse = div(1, z);
  let factor: Node = mul(mul(last, inverse), s);
  let factorial = 2;
  for (const [j, b] of bernoulli.entries()) {
    total = add(total, mul(factor, b / factorial));
    const next = 2 * j + 1;
    const growth =
      typeof s === "number" ? (s + next) * (s + next + 1) : mul(add(s, next), add(s, next + 1));
    factor = mul(mul(factor, mul(inverse, inverse)), growth);
    factorial *= (2 * j + 3) * (2 * j + 4);
  }
  return total;
}

function filled(x: Operand, like: Node): Node {
  return typeof x === "number" ? ir.fullLike(like, x) : x;
}

/**
 * Hurwitz zeta function Σ (q + k)⁻ˢ over k ≥ 0; ∞ at s = 1 or q = 0, −1, …, NaN for s < 1 and for
 * other negative q. Computed in f64.
 */
export function zeta(s: Operand, q: Operand): Node {
  return inDoublePairs("zeta", s, q, (a, b) => {
    const valid = logicalAnd(gt(a, 1), gt(b, 0));
    const inner = zetaRight(where(valid, a, 2), where(valid, b, 1));
    const pole = logicalOr(eq(a, 1), logicalAnd(le(b, 0), eq(b, round(b))));
    const outside = where(logicalAnd(pole, ge(a, 1)), Infinity, NaN);
    return where(valid, inner, outside);
  });
}

/** Coefficients in cot πx of dⁿ/dxⁿ π·cot πx. */
function cotangentDerivative(n: number): number[] {
  let coefficients = [0, Math.PI];
  for (let order = 0; order < n; order++) {
    const next = new Array<number>(coefficients.length + 1).fill(0);
    for (let k = 1; k < coefficients.length; k++) {
      // d/dx cᵏ = −π·k·(cᵏ⁻¹ + cᵏ⁺¹).
      next[k - 1] -= Math.PI * k * coefficients[k];
      next[k + 1] -= Math.PI * k * coefficients[k];
    }
    coefficients = next;
  }
  return coefficients;
}

/**
 * The n-th derivative of digamma; n = 0 is digamma itself. Computed in f64.
 * @throws {ConfigError} if n is no integer ≥ 0.
 */
export function polygamma(n: number, x: Node): Node {
  if (!Number.isInteger(n) || n < 0) {
    throw new ConfigError(`polygamma: n must be an integer ≥ 0, got ${n}`);
  }
  if (n === 0) return digamma(x);
  const sign = n % 2 === 0 ? -1 : 1;
  const factorial = range(n).reduce((product, k) => product * (k + 1), 1);
  return inDoubles(toFloat(x), (a) => {
    const left = lt(a, 0.5);
    const whole = logicalAnd(left, eq(a, round(a)));
    const right = mul(zetaRight(n + 1, where(left, sub(1, a), a)), sign * factorial);
    const fraction = where(logicalOr(whole, ge(a, 0.5)), 0.25, sub(a, round(a)));
    const angle = mul(fraction, Math.PI);
    const cotangent = div(ir.unary("cos", angle), ir.unary("sin", angle));
    const bend = polynomial(cotangent, cotangentDerivative(n));
    // ψₙ(1 − x) + (−1)ⁿ⁺¹ ψₙ(x) = (−1)ⁿ dⁿ/dxⁿ π·cot πx
    const reflected = sub(n % 2 === 0 ? right : neg(right), bend);
    const poles = sign > 0 ? Infinity : NaN;
    return where(whole, poles, where(left, reflected, right));
  });
}

/** ln of the multivariate gamma function of dimension p: Σ lgamma(x − i/2) + p(p − 1)/4 · ln π. */
export function multigammaln(x: Node, p: number): Node {
  if (!Number.isInteger(p) || p < 1) {
    throw new ConfigError(`multigammaln: p must be an integer ≥ 1, got ${p}`);
  }
  const terms = range(p).map((i) => lgamma(sub(toFloat(x), i / 2)));
  const offset = ((p * (p - 1)) / 4) * Math.log(Math.PI);
  return add(
    terms.reduce((a, b) => add(a, b)),
    offset,
  );
}

/** Nodes and weights of Gauss-Legendre quadrature on [0, 1]. */
function gaussLegendre(count: number): { readonly at: number; readonly weight: number }[] {
  return range(count).map((i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let step = 0; step < 8; step++) {
      let [before, value] = [1, x];
      for (let k = 2; k <= count; k++) {
        [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      }
      slope = (count * (x * value - before)) / (x * x - 1);
      x -= value / slope;
    }
    return { at: (1 - x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}

const largeShape = 100;
const seriesTerms = 112;
const quadrature = gaussLegendre(48);

/** Σ over the new last dim of x / (a + 1), x² / ((a + 1)(a + 2)), …: converges for x ≤ a + 1. */
function gammaSeries(a: Node, x: Node): Node {
  const shape = [...a.shape, seriesTerms];
  const dim = a.shape.length;
  const wide = (node: Node): Node => ir.expand(ir.reshape(node, [...node.shape, 1]), shape);
  const steps = ir.cast(ir.iota(shape, dim), "f64");
  const ratios = div(wide(x), add(wide(a), add(steps, 1)));
  const sum = ir.reduceSum(ir.scan(ratios, dim, "prod"), [dim]);
  return add(ir.reshape(sum, a.shape), 1);
}

/** ∫ t^(a−1) e^(−t) dt / Γ(a) from `low` to `high`, where the integrand is smooth. */
function gammaIntegral(a: Node, low: Node, high: Node): Node {
  const width = sub(high, low);
  const norm = logGammaRight(a);
  const terms = quadrature.map(({ at, weight }) => {
    const t = add(low, mul(width, at));
    const exponent = sub(sub(mul(sub(a, 1), log(t)), t), norm);
    return mul(ir.unary("exp", exponent), weight);
  });
  return mul(
    terms.reduce((p, q) => add(p, q)),
    width,
  );
}

/** [P(a, x), Q(a, x)], the regularised incomplete gamma functions, in f64. */
function incompleteGamma(a: Node, x: Node): [lower: Node, upper: Node] {
  const inside = logicalAnd(
    logicalAnd(gt(a, 0), gt(x, 0)),
    logicalAnd(lt(a, Infinity), lt(x, Infinity)),
  );
  const shape = where(inside, a, 1);
  const at = where(inside, x, 1);
  const isRight = gt(at, add(shape, 1));
  const isSeries = logicalAnd(le(at, add(shape, 1)), lt(shape, largeShape));
  const small = where(isSeries, shape, 1);
  const position = where(isSeries, at, 1);
  const scale = sub(sub(mul(small, log(position)), position), logGammaRight(add(small, 1)));
  const series = mul(ir.unary("exp", scale), gammaSeries(small, position));
  const reach = add(mul(ir.unary("sqrt", shape), 12), 40);
  const from = where(isSeries, add(at, 1), at);
  const low = where(isRight, from, maximum(sub(shape, reach), mul(at, 1e-3)));
  const high = where(isRight, add(from, reach), maximum(from, mul(low, 1.001)));
  const broad = where(isSeries, 1, shape);
  const area = gammaIntegral(broad, where(isSeries, 1, low), where(isSeries, 2, high));
  const integral = minimum(area, 1);
  const atZero = logicalAnd(ge(a, 0), eq(x, 0));
  const atEnd = logicalAnd(ge(a, 0), logicalOr(eq(x, Infinity), logicalAnd(eq(a, 0), gt(x, 0))));
  const lower = where(isSeries, series, where(isRight, sub(1, integral), integral));
  const upper = where(isSeries, sub(1, series), where(isRight, integral, sub(1, integral)));
  const close = (value: Node, zero: number): Node =>
    where(inside, value, where(atZero, zero, where(atEnd, 1 - zero, NaN)));
  return [close(lower, 0), close(upper, 1)];
}

/** P(a, x) = ∫₀ˣ t^(a−1) e^(−t) dt / Γ(a); computed in f64. */
export function gammainc(a: Operand, x: Operand): Node {
  return inDoublePairs("gammainc", a, x, (p, q) => incompleteGamma(p, q)[0]);
}

/** Q(a, x) = 1 − P(a, x), accurate where it is small; computed in f64. */
export function gammaincc(a: Operand, x: Operand): Node {
  return inDoublePairs("gammaincc", a, x, (p, q) => incompleteGamma(p, q)[1]);
}
