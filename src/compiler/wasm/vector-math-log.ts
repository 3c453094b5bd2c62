import type { Expr, VectorCode } from "./vector-math-code.ts";

/** ln 2 in two parts; the first has 11 bits, so an exponent times it is exact. */
const LN2_HIGH = 0.69287109375;
const LN2_LOW = 0.0002760868228506297;
const SQRT_HALF_BITS = 0x3f3504f3;
/** (log(1 + f) − f + f²/2) / f³ for √½ ≤ 1 + f ≤ √2. */
const LOG = [
  0.333333105, -0.249999866, 0.20002225, -0.166692525, 0.142186701, -0.123842873, 0.118729286,
  -0.117903791, 0.0691613704,
];

interface Split {
  /** Exponent lanes (i32), relative to a mantissa in √½ … √2. */
  readonly exponent: Expr;
  readonly mantissa: Expr;
}

/** x = 2^exponent · mantissa for positive normal x. */
export function splitExponent(k: VectorCode, x: Expr): Split {
  const offset = k.op("i32x4.sub", x, k.bits(SQRT_HALF_BITS));
  const exponent = k.let(k.shift("i32x4.shr_s", offset, 23));
  const mantissa = k.let(k.op("i32x4.sub", x, k.shift("i32x4.shl", exponent, 23)));
  return { exponent, mantissa };
}

/** e·ln 2 + log(1 + f). */
function assemble(k: VectorCode, e: Expr, f: Expr): Expr {
  const square = k.let(k.mul(f, f));
  const cube = k.mul(k.poly(f, LOG), k.let(k.mul(square, f)));
  const tail = k.madd(e, k.f32(LN2_LOW), k.let(cube));
  const small = k.let(k.nmadd(square, k.f32(0.5), k.let(tail)));
  return k.madd(e, k.f32(LN2_HIGH), k.add(f, small));
}

/** The value for x ≤ 0, +inf and NaN; `edge` is where the logarithm is −inf. */
function withSpecials(k: VectorCode, x: Expr, edge: number, regular: Expr): Expr {
  const finite = k.select(k.op("f32x4.lt", x, k.f32(Infinity)), regular, x);
  const outside = k.select(k.op("f32x4.eq", x, k.f32(edge)), k.f32(-Infinity), k.f32(NaN));
  return k.select(k.op("f32x4.le", x, k.f32(edge)), outside, finite);
}

/** log x. */
export function log(k: VectorCode, x: Expr): Expr {
  const isTiny = k.let(k.op("f32x4.lt", x, k.f32(2 ** -126)));
  const scaled = k.let(k.select(isTiny, k.mul(x, k.f32(2 ** 25)), x));
  const { exponent, mantissa } = splitExponent(k, scaled);
  const shift = k.op("v128.and", isTiny, k.f32(-25));
  const e = k.let(k.add(k.op("f32x4.convert_i32x4_s", exponent), shift));
  const f = k.let(k.sub(mantissa, k.f32(1)));
  return withSpecials(k, x, 0, k.let(assemble(k, e, f)));
}

/** log(1 + x), with the rounding error of 1 + x added back to the mantissa. */
export function log1p(k: VectorCode, x: Expr): Expr {
  const one = k.f32(1);
  const sum = k.let(k.add(x, one));
  const larger = k.op("f32x4.pmax", x, one);
  const smaller = k.op("f32x4.pmin", x, one);
  const error = k.let(k.sub(smaller, k.sub(sum, larger)));
  const { exponent, mantissa } = splitExponent(k, sum);
  // Exponents above 126 have no error to add, and their 2^-e would leave the format.
  const negated = k.op("i32x4.max_s", k.op("i32x4.neg", exponent), k.bits(-126));
  const correction = k.mul(error, k.powerOfTwo(negated));
  const e = k.let(k.op("f32x4.convert_i32x4_s", exponent));
  const f = k.let(k.add(k.sub(mantissa, one), correction));
  const regular = k.let(assemble(k, e, f));
  const isZero = k.op("f32x4.eq", x, k.f32(0));
  return k.select(isZero, x, k.let(withSpecials(k, x, -1, regular)));
}
