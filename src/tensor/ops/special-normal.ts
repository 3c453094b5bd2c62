import { ConfigError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { abs, add, clamp, div, mul, neg, sub } from "./arithmetic.ts";
import { eq, ge, gt, logicalAnd, lt, where } from "./logic.ts";
import { inComputeDType, toFloat } from "./operands.ts";

/** Applies a formula in f64 and rounds once: for functions whose formulas lose digits on the way. */
export function inDoubles(x: Node, formula: (x: Node) => Node): Node {
  const dtype = isFloat(x.dtype) ? x.dtype : "f32";
  return ir.cast(formula(ir.cast(x, "f64")), dtype);
}

/** The polynomial Σ coefficients[k] · xᵏ. */
export function polynomial(x: Node, coefficients: readonly number[]): Node {
  const last = ir.fullLike(x, coefficients[coefficients.length - 1]);
  return coefficients.slice(0, -1).reduceRight((sum: Node, c) => add(mul(sum, x), c), last);
}

/**
 * e^(x²) · erfc x for x ≥ 1 by the trapezoidal rule with step ½, whose pole adds the last term.
 * @see Chiarella and Reichel 1968, "On the evaluation of integrals related to the error function"
 */
function scaledTail(x: Node): Node {
  const squared = mul(x, x);
  let sum = div(1, squared);
  for (let k = 1; k <= 12; k++) {
    sum = add(sum, div(2 * Math.exp((-k * k) / 4), add(squared, (k * k) / 4)));
  }
  const smooth = mul(mul(x, 0.5 / Math.PI), sum);
  // Beyond 2π the pole lies outside the contour; its term would only overflow.
  const near = where(lt(x, 2 * Math.PI), x, 1);
  const pole = div(
    mul(ir.unary("exp", mul(near, near)), 2),
    sub(1, ir.unary("exp", mul(near, 4 * Math.PI))),
  );
  const far = where(gt(x, 1e8), div(1 / Math.sqrt(Math.PI), x), smooth);
  return where(lt(x, 2 * Math.PI), add(smooth, pole), far);
}

/** e^(x²) · erfc x; computed in f64. */
export function erfcx(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const large = ge(a, 1);
    const small = where(large, 0, a);
    const direct = mul(ir.unary("exp", mul(small, small)), sub(1, ir.unary("erf", small)));
    return where(large, scaledTail(where(large, a, 1)), direct);
  });
}

/** 1 − erf x, with relative accuracy in the tail; computed in f64. */
export function erfc(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const large = ge(a, 1);
    const tail = where(large, a, 1);
    const far = mul(ir.unary("exp", neg(mul(tail, tail))), scaledTail(tail));
    // Infinity times the vanished exponential has no value.
    const closed = where(gt(a, 30), 0, far);
    return where(large, closed, sub(1, ir.unary("erf", where(large, 0, a))));
  });
}

const central = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
  67265.7709270087, 33430.57558358813, 2509.0809287301227,
] as const;
const centralBelow = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
  28729.085735721943, 5226.495278852854,
] as const;
const middle = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
  0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
] as const;
const middleBelow = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008,
  0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-9,
] as const;
const outer = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487,
  0.026532189526576124, 0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
] as const;
const outerBelow = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
  0.000018463183175100548, 1.421511758316446e-7, 2.0442631033899397e-15,
] as const;

/**
 * The x with Φ(x) = ½ + centered; `tail` is ½ − |centered|, known to the caller without cancellation.
 * @see Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution"
 */
function normalQuantile(centered: Node, tail: Node): Node {
  const below = lt(centered, 0);
  const size = where(below, neg(centered), centered);
  const isCentral = lt(size, 0.425);
  const inside = where(isCentral, centered, 0);
  const r = sub(0.180625, mul(inside, inside));
  const mid = mul(inside, div(polynomial(r, central), polynomial(r, centralBelow)));
  const valid = logicalAnd(gt(tail, 0), ge(size, 0.425));
  const depth = ir.unary("sqrt", neg(ir.unary("log", where(valid, tail, 0.05))));
  const isFar = gt(depth, 5);
  const near = sub(where(isFar, 5, depth), 1.6);
  const far = sub(where(isFar, depth, 5), 5);
  const quantile = where(
    isFar,
    div(polynomial(far, outer), polynomial(far, outerBelow)),
    div(polynomial(near, middle), polynomial(near, middleBelow)),
  );
  const ends = where(valid, quantile, where(eq(tail, 0), Infinity, NaN));
  return where(isCentral, mid, where(below, neg(ends), ends));
}

/** The inverse of erf on (−1, 1); ±∞ at ±1, NaN outside. */
export function erfinv(x: Node): Node {
  return inComputeDType(toFloat(x), (a) => {
    const half = mul(a, 0.5);
    return mul(normalQuantile(half, mul(sub(1, abs(a)), 0.5)), Math.SQRT1_2);
  });
}

/** The inverse of ndtr: the x below which a standard normal variable lies with this probability. */
export function ndtri(p: Node): Node {
  return inComputeDType(toFloat(p), (a) =>
    normalQuantile(sub(a, 0.5), where(lt(a, 0.5), a, sub(1, a))),
  );
}

/** Φ(x): the probability that a standard normal variable is below x. */
export function ndtr(x: Node): Node {
  return mul(erfc(mul(toFloat(x), -Math.SQRT1_2)), 0.5);
}

/** ln Φ(x), accurate in both tails; computed in f64. */
export function logNdtr(x: Node): Node {
  return inDoubles(toFloat(x), (a) => {
    const left = lt(a, -1);
    const endless = eq(a, -Infinity);
    const deep = where(left, where(endless, -2, a), -1);
    const scaled = erfcx(mul(deep, -Math.SQRT1_2));
    const lower = sub(ir.unary("log", mul(scaled, 0.5)), mul(mul(deep, deep), 0.5));
    const rest = mul(erfc(mul(where(left, 0, a), Math.SQRT1_2)), -0.5);
    return where(endless, a, where(left, lower, ir.unary("log1p", rest)));
  });
}

/** ln(x / (1 − x)), the inverse of sigmoid; with `eps`, x is first limited to [eps, 1 − eps]. */
export function logit(x: Node, { eps }: { readonly eps?: number | null | undefined } = {}): Node {
  if (eps != null && !(eps >= 0 && eps < 1)) {
    throw new ConfigError(`logit: eps must be in [0, 1), got ${eps}`);
  }
  return inComputeDType(toFloat(x), (a) => {
    const inside = eps == null ? a : clamp(a, { min: eps, max: 1 - eps });
    return sub(ir.unary("log", inside), ir.unary("log1p", neg(inside)));
  });
}

/** −x ln x, 0 at 0 and −∞ below. */
export function entr(x: Node): Node {
  return inComputeDType(toFloat(x), (a) => {
    const positive = gt(a, 0);
    const safe = where(positive, a, 1);
    const inner = neg(mul(safe, ir.unary("log", safe)));
    const outside = where(eq(a, 0), 0, where(lt(a, 0), -Infinity, a));
    return where(positive, inner, outside);
  });
}
