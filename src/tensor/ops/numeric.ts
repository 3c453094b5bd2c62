import { ConfigError, DTypeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat, isInteger } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { abs, add, div, log, logaddexp, maximum, minimum, mul, pow, sub } from "./arithmetic.ts";
import { eq, ge, isinf, isnan, le, logicalAnd, logicalOr, lt, where } from "./logic.ts";
import type { Operand } from "./operands.ts";
import { broadcastOperands, commonDType, computeDType, isHalf, toFloat } from "./operands.ts";
import { stopGradient } from "./stop-gradient.ts";
import { isNegative } from "./trigonometry.ts";

/** Operands of a float formula in one shape, computed in f32 (f64 for f64). */
function inFloats(
  op: string,
  operands: readonly Operand[],
  formula: (...nodes: Node[]) => Node,
): Node {
  const common = commonDType(operands);
  const dtype = isFloat(common) ? common : "f32";
  const result = formula(...broadcastOperands(op, operands, computeDType(dtype)));
  return isHalf(dtype) ? ir.cast(result, dtype) : result;
}

/** log₂(2ᵃ + 2ᵇ) without overflow. */
export function logaddexp2(a: Operand, b: Operand): Node {
  return inFloats("logaddexp2", [a, b], (x, y) =>
    mul(logaddexp(mul(x, Math.LN2), mul(y, Math.LN2)), Math.LOG2E),
  );
}

/** a · ln b, and 0 where a is 0 (unless b is NaN). */
export function xlogy(a: Operand, b: Operand): Node {
  return inFloats("xlogy", [a, b], (x, y) => {
    const flat = logicalAnd(eq(x, 0), logicalOr(le(y, 0), eq(y, Infinity)));
    return where(flat, mul(x, 0), mul(x, log(where(flat, 1, y))));
  });
}

/** a · ln(1 + b), and 0 where a is 0 (unless b is NaN). */
export function xlog1py(a: Operand, b: Operand): Node {
  return inFloats("xlog1py", [a, b], (x, y) => {
    const flat = logicalAnd(eq(x, 0), logicalOr(le(y, -1), eq(y, Infinity)));
    return where(flat, mul(x, 0), mul(x, ir.unary("log1p", where(flat, 0, y))));
  });
}

/** √(a² + b²) without overflow on the way. */
export function hypot(a: Operand, b: Operand): Node {
  return inFloats("hypot", [a, b], (x, y) => {
    const largest = stopGradient(maximum(abs(x), abs(y)));
    const endless = logicalOr(isinf(x), isinf(y));
    const scale = where(logicalOr(eq(largest, 0), endless), 1, largest);
    const [p, q] = [div(x, scale), div(y, scale)];
    const length = mul(ir.unary("sqrt", add(mul(p, p), mul(q, q))), scale);
    return where(endless, Infinity, length);
  });
}

/** The size of a with the sign of b; −0 counts as negative. The gradient is 0 where a is 0. */
export function copysign(a: Operand, b: Operand): Node {
  return inFloats("copysign", [a, b], (x, y) => {
    const same = eq(isNegative(x), isNegative(y));
    const source = where(eq(x, 0), stopGradient(x), x);
    return where(same, source, ir.neg(source));
  });
}

/** Whether the sign bit is set, also for −0. */
export function signbit(x: Node): Node {
  return isFloat(x.dtype) ? isNegative(x) : lt(x, 0);
}

/**
 * The next number after a towards b.
 * DTypes: f32 (its bits count as integers).
 */
export function nextafter(a: Operand, b: Operand): Node {
  const dtype = commonDType([a, b]);
  if (dtype !== "f32") {
    throw new DTypeError(`nextafter: operands must be f32, got ${dtype}; cast them`);
  }
  const [x, y] = broadcastOperands("nextafter", [a, b]);
  const bits = ir.bitcast(x, "i32");
  const one = ir.fullLike(bits, 1);
  const away = eq(lt(x, y), lt(0, x));
  const moved = ir.bitcast(ir.where(away, ir.add(bits, one), ir.sub(bits, one)), "f32");
  const smallest = where(lt(0, y), 2 ** -149, -(2 ** -149));
  const next = where(eq(x, y), y, where(eq(x, 0), smallest, moved));
  return where(logicalOr(isnan(x), isnan(y)), NaN, next);
}

/** x · 2ⁿ. */
export function ldexp(x: Operand, exponent: Operand): Node {
  return inFloats("ldexp", [x, exponent], (a, n) => {
    // Two steps: 2ⁿ alone may overflow or vanish while the product does not.
    const half = stopGradient(ir.unary("floor", mul(n, 0.5)));
    return mul(mul(a, pow(2, half)), pow(2, sub(n, half)));
  });
}

/** Mantissa in ±[½, 1) and exponent (i32) with x = mantissa · 2^exponent; 0 and 0 for 0. */
export function frexp(x: Node): { readonly mantissa: Node; readonly exponent: Node } {
  const source = toFloat(x);
  const wide = ir.cast(source, "f64");
  const plain = logicalOr(eq(wide, 0), ir.unary("not", lt(abs(wide), Infinity)));
  const size = where(plain, 1, abs(stopGradient(wide)));
  const guess = ir.unary("floor", mul(log(size), Math.LOG2E));
  const scaled = (by: Node): Node => ldexp(size, ir.neg(by));
  // The logarithm may be off by one next to powers of two.
  const low = where(lt(scaled(guess), 1), sub(guess, 1), guess);
  const exact = add(where(ge(scaled(low), 2), add(low, 1), low), 1);
  const exponent = where(plain, 0, exact);
  const mantissa = ir.cast(ldexp(wide, ir.neg(exponent)), source.dtype);
  return { mantissa, exponent: ir.cast(exponent, "i32") };
}

/** aᵇ in floats: integers count as f32. */
export function floatPower(a: Operand, b: Operand): Node {
  const floats = [a, b].map((x) => (typeof x === "number" ? x : toFloat(x)));
  return pow(floats[0], floats[1]);
}

/** Elementwise maximum that prefers a number to NaN. */
export function fmax(a: Operand, b: Operand): Node {
  return preferNumber("fmax", a, b, maximum);
}

/** Elementwise minimum that prefers a number to NaN. */
export function fmin(a: Operand, b: Operand): Node {
  return preferNumber("fmin", a, b, minimum);
}

function preferNumber(
  op: string,
  a: Operand,
  b: Operand,
  choose: (a: Operand, b: Operand) => Node,
): Node {
  const [x, y] = broadcastOperands(op, [a, b]);
  if (!isFloat(x.dtype)) return choose(x, y);
  return choose(where(isnan(x), y, x), where(isnan(y), x, y));
}

/** 0 below 0, 1 above 0 and `values` at 0. */
export function heaviside(x: Node, values: Operand): Node {
  const [a, b] = broadcastOperands("heaviside", [x, values]);
  return where(eq(a, 0), stopGradient(b), ir.cast(lt(0, a), a.dtype));
}

/** Whether x is +∞. */
export function isposinf(x: Node): Node {
  return isFloat(x.dtype) ? eq(x, Infinity) : ir.full(x.shape, 0, "bool");
}

/** Whether x is −∞. */
export function isneginf(x: Node): Node {
  return isFloat(x.dtype) ? eq(x, -Infinity) : ir.full(x.shape, 0, "bool");
}

/** Options of {@link isclose}. */
export interface CloseOptions {
  /** @defaultValue 1e-5 */
  readonly rtol?: number;
  /** @defaultValue 1e-8 */
  readonly atol?: number;
  /** Whether NaN is close to NaN. */
  readonly equalNan?: boolean;
}

/** |a − b| ≤ atol + rtol · |b|, or a = b, as bool. */
export function isclose(
  a: Node,
  b: Operand,
  { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {},
): Node {
  if (rtol < 0 || atol < 0) {
    throw new ConfigError(`isclose: rtol and atol must be ≥ 0, got ${rtol} and ${atol}`);
  }
  const common = commonDType([a, b]);
  const [x, y] = broadcastOperands("isclose", [a, b], common === "bool" ? "i32" : common);
  const same = eq(x, y);
  if (isInteger(x.dtype) && rtol === 0 && atol < 1) return same;
  const [p, q] = isFloat(x.dtype) ? [x, y] : [ir.cast(x, "f64"), ir.cast(y, "f64")];
  const error = abs(sub(p, q));
  const near = logicalAnd(lt(error, Infinity), le(error, add(mul(abs(q), rtol), atol)));
  const close = logicalOr(same, near);
  return equalNan ? logicalOr(close, logicalAnd(isnan(p), isnan(q))) : close;
}

/** x + value · (a · b), all broadcast. */
export function addcmul(x: Node, a: Node, b: Operand, value = 1): Node {
  const product = mul(a, b);
  return add(x, value === 1 ? product : mul(product, value));
}

/** x + value · (a / b), all broadcast. */
export function addcdiv(x: Node, a: Node, b: Operand, value = 1): Node {
  const quotient = div(a, b);
  return add(x, value === 1 ? quotient : mul(quotient, value));
}

/** Greatest common divisor of integers, ≥ 0, by Euclid's steps over the width of i32. */
export function gcd(a: Operand, b: Operand): Node {
  const dtype = integers("gcd", a, b);
  let [x, y] = broadcastOperands("gcd", [a, b], dtype).map((node) => abs(node));
  // Fibonacci numbers are the slowest; 46 steps reach the largest of them in 32 bits.
  for (let step = 0; step < 46; step++) {
    const done = eq(y, 0);
    const rest = ir.binary("rem", x, where(done, 1, y));
    [x, y] = [where(done, x, y), where(done, 0, rest)];
  }
  return x;
}

/** Least common multiple of integers, ≥ 0. */
export function lcm(a: Operand, b: Operand): Node {
  const dtype = integers("lcm", a, b);
  const [x, y] = broadcastOperands("lcm", [a, b], dtype);
  const divisor = gcd(x, y);
  const none = eq(divisor, 0);
  return where(none, 0, abs(ir.mul(ir.div(x, where(none, 1, divisor)), y)));
}

function integers(op: string, a: Operand, b: Operand): DType {
  const dtype = commonDType([a, b]);
  if (!isInteger(dtype)) throw new DTypeError(`${op}: operands must be integers, got ${dtype}`);
  return dtype;
}
