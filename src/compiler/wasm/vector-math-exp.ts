import type { Expr, VectorCode } from "./vector-math-code.ts";

const LOG2_E = 1.4426950408889634;
/** ln 2 in two parts; the first of the split without FMA has 15 bits, so n times it is exact. */
const LN2_FMA = [0.6931471824645996, -1.9046542121259336e-9];
const LN2_SPLIT = [0.693145751953125, 1.428606765330187e-6];
/** 1.5·2²³: adding it rounds to an integer, which then stands in the low bits. */
const ROUNDER = 12582912;
const ROUNDER_BITS = 0x4b400000;
/** (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2. */
const EXP = [0.49999994, 0.166665211, 0.0416682549, 0.00836867094, 0.00138217059];
const EXPM1 = [0.5, 0.166666687, 0.0416664742, 0.00833283924, 0.00139340374, 0.000201538816];
/** (tanh x − x) / x³ in x² on |x| ≤ 0.625. */
const TANH = [
  -0.333333313, 0.133332223, -0.0539484397, 0.0217084866, -0.00819410477, 0.00215645763,
];
/** erf x / x − 1 in x² on |x| ≤ 0.93, and −log(erfc t) / t − 1 on 0.92 ≤ t ≤ 3.95. */
const ERF_SMALL = [
  0.128379166, -0.376126319, 0.112836771, -0.0268585924, 0.0051993141, -0.000812513521,
  8.30120262e-5,
];
const ERF_LARGE = [
  0.128555119, 0.635609269, 0.105294511, -0.0227084346, 0.00295180315, -5.75801823e-5,
  -4.39824253e-5, 4.80463041e-6,
];

interface Reduced {
  /** n as the low bits of an i32 over ROUNDER_BITS. */
  readonly bits: Expr;
  readonly r: Expr;
}

/** x = n·ln 2 + r with |r| ≤ ln 2 / 2. */
function reduce(k: VectorCode, x: Expr): Reduced {
  const bits = k.let(k.madd(x, k.f32(LOG2_E), k.f32(ROUNDER)));
  const n = k.let(k.sub(bits, k.f32(ROUNDER)));
  const [high, low] = k.fma ? LN2_FMA : LN2_SPLIT;
  return { bits, r: k.let(k.nmadd(n, k.f32(low), k.nmadd(n, k.f32(high), x))) };
}

/** 2^n split into two factors, so that 2^128 and the denormals come out right. */
function twoFactors(k: VectorCode, bits: Expr): [Expr, Expr] {
  const n = k.let(k.op("i32x4.sub", bits, k.bits(ROUNDER_BITS)));
  const half = k.let(k.shift("i32x4.shr_s", n, 1));
  return [k.powerOfTwo(half), k.powerOfTwo(k.op("i32x4.sub", n, half))];
}

/** eʳ, with relative error below 2⁻²⁵ plus rounding. */
function expReduced(k: VectorCode, r: Expr): Expr {
  const square = k.let(k.mul(r, r));
  return k.add(k.madd(k.poly(r, EXP), square, r), k.f32(1));
}

/** eˣ for −87 ≤ x ≤ 88, where one power of two suffices. */
function expModerate(k: VectorCode, x: Expr): Expr {
  const { bits, r } = reduce(k, x);
  return k.mul(expReduced(k, r), k.powerOfTwo(bits));
}

/** Up to here one power of two, in one factor, is enough on both sides. */
const MODERATE = 87;

/** eˣ. Vectors with an element beyond ±87 (or NaN) are rare and take the longer way. */
export function exp(k: VectorCode, x: Expr): Expr {
  const moderate = k.let(expModerate(k, x));
  return () => {
    k.op("f32x4.le", k.abs(x), k.f32(MODERATE))();
    k.f.emit("i32x4.bitmask").i32(15).emit("i32.eq");
    k.f.if(
      () => moderate(),
      () => expExtreme(k, x)(),
      "v128",
    );
  };
}

/** eˣ for x ≤ 0: exact 0 where the result would not be a normal number. */
export function expNonPositive(k: VectorCode, x: Expr): Expr {
  return expModerate(k, k.let(k.atLeast(x, -88)));
}

/** eˣ for every x, with overflow, denormal results and NaN. */
function expExtreme(k: VectorCode, x: Expr): Expr {
  const clamped = k.let(k.atLeast(k.atMost(x, 89), -104));
  const { bits, r } = reduce(k, clamped);
  const [first, second] = twoFactors(k, bits);
  return k.mul(k.mul(expReduced(k, r), first), second);
}

/** eˣ − 1 = 2ⁿ·((eʳ − 1) + (1 − 2⁻ⁿ)). */
export function expm1(k: VectorCode, x: Expr): Expr {
  const clamped = k.let(k.atLeast(k.atMost(x, 89), -18));
  const { bits, r } = reduce(k, clamped);
  const [first, second] = twoFactors(k, bits);
  const square = k.let(k.mul(r, r));
  const p = k.let(k.madd(k.poly(r, EXPM1), square, r));
  // 2⁻ⁿ; for n = 128 the exponent field would turn negative, and 0 is as good.
  const negated = k.op("i32x4.sub", k.bits(ROUNDER_BITS + 127), bits);
  const field = k.op("i32x4.max_s", negated, k.bits(0));
  const rest = k.sub(k.f32(1), k.shift("i32x4.shl", field, 23));
  const result = k.mul(k.mul(k.add(p, rest), first), second);
  return k.withSign(result, k.signOf(x));
}

/** tanh x: an odd polynomial below 0.625, above it 1 − 2 / (e²ˣ + 1). */
export function tanh(k: VectorCode, x: Expr): Expr {
  const magnitude = k.let(k.abs(x));
  const doubled = k.atMost(k.add(magnitude, magnitude), 20);
  const power = k.add(expModerate(k, k.let(doubled)), k.f32(1));
  const large = k.let(k.sub(k.f32(1), k.op("f32x4.div", k.f32(2), power)));
  const square = k.let(k.mul(x, x));
  const cube = k.let(k.mul(square, magnitude));
  const small = k.madd(k.poly(square, TANH), cube, magnitude);
  const isSmall = k.op("f32x4.lt", magnitude, k.f32(0.625));
  return k.withSign(k.select(isSmall, small, large), k.signOf(x));
}

/** erf x: an odd polynomial below 0.92, above it 1 − exp(−t·(1 + Q(t))). */
export function erf(k: VectorCode, x: Expr): Expr {
  const magnitude = k.let(k.abs(x));
  const t = k.let(k.atMost(magnitude, 3.95));
  const exponent = k.let(k.nmadd(k.poly(t, ERF_LARGE), t, k.op("f32x4.neg", t)));
  const large = k.let(k.sub(k.f32(1), expModerate(k, exponent)));
  const square = k.let(k.mul(t, t));
  const small = k.madd(k.poly(square, ERF_SMALL), magnitude, magnitude);
  const isSmall = k.op("f32x4.lt", magnitude, k.f32(0.92));
  return k.withSign(k.select(isSmall, small, large), k.signOf(x));
}
