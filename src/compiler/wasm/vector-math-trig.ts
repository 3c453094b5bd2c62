import type { FunctionBuilder } from "./assembler-function.ts";
import type { Expr, VectorCode } from "./vector-math-code.ts";

/** Above this the fast reduction loses bits; such lanes take the scalar path. */
export const FAST_LIMIT = 100_000;

const TWO_OVER_PI = 0.6366197723675814;
/** π/2 in f32 parts for FMA, and in f64 parts whose first has 33 bits, so that q·part is exact. */
const HALF_PI_F32 = [1.5707963705062866, -4.371138828673793e-8, -1.7151245100058819e-15];
const HALF_PI_F64 = [1.5707963267341256, 6.077100506506192e-11];
const ROUNDER = 12582912;
/** (sin r − r) / r³ and (cos r − 1 + r²/2) / r⁴ in r² on |r| ≤ π/4. */
const SIN = [-0.166666672, 0.00833337288, -0.000198502923, 2.80430027e-6];
const COS = [0.0416666456, -0.00138873095, 2.4432331e-5];

/** x − q·π/2; FMA keeps the first difference exact. */
function remainder(k: VectorCode, x: Expr, q: Expr): Expr {
  return HALF_PI_F32.reduce<Expr>((rest, part) => k.nmadd(q, k.f32(part), rest), x);
}

/** x − q·π/2 through f64 lanes. */
function remainderInF64(k: VectorCode, x: Expr, q: Expr): Expr {
  const half = (value: Expr, turns: Expr): Expr => {
    const count = k.let(k.op("f64x2.promote_low_f32x4", turns));
    const start = k.op("f64x2.promote_low_f32x4", value);
    const rest = HALF_PI_F64.reduce<Expr>(
      (left, part) => k.op("f64x2.sub", left, k.op("f64x2.mul", count, k.f64(part))),
      start,
    );
    return k.let(k.op("f32x4.demote_f64x2_zero", rest));
  };
  const low = half(x, q);
  const high = half(k.upperHalf(x), k.upperHalf(q));
  return k.joinHalves(low, high);
}

/** sin(x + quarterTurns·π/2) for |x| ≤ FAST_LIMIT. */
export function sineFast(k: VectorCode, x: Expr, quarterTurns: 0 | 1): Expr {
  const rounded = k.let(k.madd(x, k.f32(TWO_OVER_PI), k.f32(ROUNDER)));
  const q = k.let(k.sub(rounded, k.f32(ROUNDER)));
  const r = k.let(k.fma ? remainder(k, x, q) : remainderInF64(k, x, q));
  const quadrant =
    quarterTurns === 0 ? rounded : k.let(k.op("i32x4.add", rounded, k.bits(quarterTurns)));
  const square = k.let(k.mul(r, r));
  const unsigned = k.madd(k.poly(square, SIN), k.mul(square, r), r);
  // r = −0 would come out as +0; every other r has the sign of its sine.
  const sine = k.let(k.withSign(unsigned, k.signOf(r)));
  const tail = k.let(k.nmadd(square, k.f32(0.5), k.f32(1)));
  const cosine = k.let(k.madd(k.poly(square, COS), k.mul(square, square), tail));
  const isOdd = k.shift("i32x4.shr_s", k.shift("i32x4.shl", quadrant, 31), 31);
  const flip = k.signOf(k.shift("i32x4.shl", quadrant, 30));
  return k.op("v128.xor", k.select(isOdd, cosine, sine), flip);
}

/** Pushes an i32: whether any lane is larger than FAST_LIMIT, infinite or NaN. */
export function isBeyondFast(k: VectorCode, x: Expr): Expr {
  return k.op("v128.any_true", k.op("v128.not", k.op("f32x4.le", k.abs(x), k.f32(FAST_LIMIT))));
}

/** 2/π as a binary fraction, after one word of zeros. */
const TWO_OVER_PI_WORDS = [
  0n,
  0xa2f9836e4e441529n,
  0xfc2757d1f534ddc0n,
  0xdb6295993c439041n,
  0xfe5163abdebbc561n,
];

/** Pushes the word of 2/π with a run-time index. */
function pushWord(f: FunctionBuilder, index: number, ahead: number): void {
  f.i64(0);
  TWO_OVER_PI_WORDS.forEach((word, position) => {
    f.i64(word)
      .get(index)
      .i32(position - ahead)
      .emit("i32.ne", "select");
  });
}

/**
 * The body of (f32, i32 quarterTurns) → f32: sin(x + quarterTurns·π/2) for any |x| ≥ 2^−100. The
 * mantissa is multiplied with the 96 bits of 2/π that matter for x modulo 2π.
 */
export function sineScalar(f: FunctionBuilder): void {
  const [x, turns] = [0, 1];
  const [bits, shift, word] = f.locals("i32", 3);
  const [high, low, mantissa, product] = f.locals("i64", 4);
  f.get(x).emit("i32.reinterpret_f32").i32(0x7fffffff).emit("i32.and").set(bits);
  f.get(bits).i32(0x7f800000).emit("i32.ge_u");
  f.if(() => f.get(x).get(x).emit("f32.sub", "return"));
  // x = mantissa · 2^(field − 150): skip the bits of 2/π whose product is a multiple of 4.
  f.get(bits)
    .i32(23)
    .emit("i32.shr_u")
    .i32(150 + 2 - 64)
    .emit("i32.sub")
    .set(shift);
  f.get(bits).i32(0x7fffff).emit("i32.and").i32(0x800000).emit("i32.or", "i64.extend_i32_u");
  f.set(mantissa);
  f.get(shift).i32(6).emit("i32.shr_u").set(word);
  f.get(shift).i32(63).emit("i32.and").set(shift);
  for (const [target, ahead] of [
    [high, 0],
    [low, 1],
  ] as const) {
    pushWord(f, word, ahead);
    f.get(shift).emit("i64.extend_i32_u", "i64.shl");
    // Two shifts, because a shift by 64 would be a shift by 0.
    pushWord(f, word, ahead + 1);
    f.i64(1).emit("i64.shr_u").i64(63).get(shift).emit("i64.extend_i32_u", "i64.sub");
    f.emit("i64.shr_u", "i64.or").set(target);
  }
  f.get(mantissa).get(high).emit("i64.mul").get(low).i64(32).emit("i64.shr_u").get(mantissa);
  f.emit("i64.mul").i64(32).emit("i64.shr_u", "i64.add").set(product);
  scalarQuadrant(f, { x, turns, product, quadrant: bits });
}

interface ScalarLocals {
  readonly x: number;
  readonly turns: number;
  /** |x|·2/π modulo 4 as a 64-bit fixed-point number with two integer bits. */
  readonly product: number;
  readonly quadrant: number;
}

/** Evaluates sine or cosine in f64 and leaves the f32 result. */
function scalarQuadrant(f: FunctionBuilder, { x, turns, product, quadrant }: ScalarLocals): void {
  const [r, square, sign] = f.locals("f64", 3);
  // Round to the nearest quadrant; what is left is a signed fraction of 2^-62.
  f.get(product)
    .i64(1n << 61n)
    .emit("i64.add")
    .i64(62)
    .emit("i64.shr_u", "i32.wrap_i64");
  f.set(quadrant);
  f.get(product).get(quadrant).emit("i64.extend_i32_u").i64(62).emit("i64.shl", "i64.sub");
  f.emit("f64.convert_i64_s")
    .f64((Math.PI / 2) * 2 ** -62)
    .emit("f64.mul")
    .set(r);
  // sin(−x) = −sin x turns the quadrant and the remainder around.
  f.f64(1).get(x).emit("f64.promote_f32", "f64.copysign").set(sign);
  f.get(r).get(sign).emit("f64.mul").set(r);
  f.get(quadrant).get(sign).emit("i32.trunc_sat_f64_s", "i32.mul");
  f.get(turns).emit("i32.add").set(quadrant);
  f.get(r).get(r).emit("f64.mul").set(square);
  const poly = (coefficients: readonly number[]): void => {
    f.f64(coefficients[coefficients.length - 1]);
    for (const value of coefficients.slice(0, -1).toReversed()) {
      f.get(square).emit("f64.mul").f64(value).emit("f64.add");
    }
  };
  f.get(quadrant).i32(1).emit("i32.and");
  f.if(
    () => poly([1, -0.5, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800]),
    () => {
      poly([1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800]);
      f.get(r).emit("f64.mul");
    },
    "f64",
  );
  f.f64(1).f64(-1).get(quadrant).i32(2).emit("i32.and", "i32.eqz", "select", "f64.mul");
  f.emit("f32.demote_f64");
}
