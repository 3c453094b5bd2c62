import type { Expr, VectorCode } from "./vector-math-code.ts";
import { splitExponent } from "./vector-math-log.ts";

/** log₂((1 + s) / (1 − s)) / s in s². */
const LOG2 = [
  2.885390081790199, 0.9617966731931129, 0.5770836135352737, 0.4116709957426368, 0.3407622120001729,
];
/** 2^t on |t| ≤ ½. */
const EXP2 = [
  0.999999999959485, 0.69314718053499, 0.24022651214206614, 0.0555041097623089,
  0.009618025521169304, 0.00133334225451726, 0.00015469758204551126, 1.5316485305864316e-5,
];
/** 1.5·2⁵²: adding it rounds to an integer, which then stands in the low bits. */
const ROUNDER = 6755399441055744;

interface Base {
  readonly magnitude: Expr;
  readonly exponent: Expr;
  readonly mantissa: Expr;
}

/**
 * x^y as IEEE 754 and torch define it (x⁰ = 1, 1^y = 1, negative bases with integer exponents),
 * through log₂ and 2^t in f64 lanes.
 */
export function pow(k: VectorCode, x: Expr, y: Expr): Expr {
  const magnitude = k.let(k.abs(x));
  const isTiny = k.let(k.op("f32x4.lt", magnitude, k.f32(2 ** -126)));
  const scaled = k.let(k.select(isTiny, k.mul(magnitude, k.f32(2 ** 25)), magnitude));
  const { exponent: raw, mantissa } = splitExponent(k, scaled);
  const exponent = k.let(k.op("i32x4.sub", raw, k.op("v128.and", isTiny, k.bits(25))));
  const base: Base = { magnitude, exponent, mantissa };
  const low = k.let(powerOfHalf(k, base, y));
  const upper = (value: Expr): Expr => k.let(k.upperHalf(value));
  const upperBase: Base = {
    magnitude: upper(magnitude),
    exponent: upper(exponent),
    mantissa: upper(mantissa),
  };
  const high = k.let(powerOfHalf(k, upperBase, upper(y)));
  const power = k.let(k.joinHalves(low, high));
  return withSpecials(k, x, y, power);
}

/** |x|^y of the two lower lanes, as f32 in the two lower lanes. */
function powerOfHalf(k: VectorCode, base: Base, y: Expr): Expr {
  const mantissa = k.let(k.op("f64x2.promote_low_f32x4", base.mantissa));
  const one = k.f64(1);
  const s = k.let(
    k.op("f64x2.div", k.op("f64x2.sub", mantissa, one), k.op("f64x2.add", mantissa, one)),
  );
  const square = k.let(k.op("f64x2.mul", s, s));
  const fraction = k.op("f64x2.mul", k.poly64(square, LOG2), s);
  const whole = k.op("f64x2.convert_low_i32x4_s", base.exponent);
  const log2 = k.let(k.op("f64x2.add", whole, fraction));
  const edges = k.op("f64x2.promote_low_f32x4", base.magnitude);
  const limit = k.let(edges);
  const atZero = k.op("f64x2.eq", limit, k.f64(0));
  const withZero = k.let(k.select(atZero, k.f64(-Infinity), log2));
  // +inf and NaN are their own logarithms.
  const isFinite = k.op("f64x2.lt", limit, k.f64(Infinity));
  const full = k.let(k.select(isFinite, withZero, limit));
  const t = k.let(k.op("f64x2.mul", full, k.op("f64x2.promote_low_f32x4", y)));
  return k.op("f32x4.demote_f64x2_zero", exp2(k, t));
}

/** 2^t; a NaN stays. */
function exp2(k: VectorCode, t: Expr): Expr {
  const below = k.op("f64x2.pmin", t, k.f64(200));
  const clamped = k.let(k.op("f64x2.pmax", below, k.f64(-200)));
  const bits = k.let(k.op("f64x2.add", clamped, k.f64(ROUNDER)));
  const rest = k.let(k.op("f64x2.sub", clamped, k.op("f64x2.sub", bits, k.f64(ROUNDER))));
  const scale = k.op("i64x2.add", k.shift("i64x2.shl", bits, 52), k.f64(1));
  return k.op("f64x2.mul", k.poly64(rest, EXP2), scale);
}

function withSpecials(k: VectorCode, x: Expr, y: Expr, power: Expr): Expr {
  const isWhole = k.let(k.op("f32x4.eq", k.op("f32x4.trunc", y), y));
  const half = k.let(k.mul(y, k.f32(0.5)));
  const isOdd = k.let(
    k.op("v128.andnot", isWhole, k.op("f32x4.eq", k.op("f32x4.trunc", half), half)),
  );
  const signed = k.let(k.op("v128.xor", power, k.op("v128.and", isOdd, k.signOf(x))));
  // A finite negative base has no real power with a broken exponent.
  const isNegative = k.op(
    "v128.and",
    k.op("f32x4.lt", x, k.f32(0)),
    k.op("f32x4.gt", x, k.f32(-Infinity)),
  );
  const isBroken = k.op("v128.andnot", isNegative, isWhole);
  const real = k.let(k.select(isBroken, k.f32(NaN), signed));
  // x⁰ and 1^y are 1 even for NaN; (−1)^±inf is 1.
  const isUnit = k.op("f32x4.eq", x, k.f32(1));
  const isEndless = k.op(
    "v128.and",
    k.op("f32x4.eq", x, k.f32(-1)),
    k.op("f32x4.eq", k.abs(y), k.f32(Infinity)),
  );
  const isOne = k.op("v128.or", k.op("v128.or", isUnit, isEndless), k.op("f32x4.eq", y, k.f32(0)));
  return k.select(isOne, k.f32(1), real);
}
