import { ConfigError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { BinaryOp, UnaryOp } from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat, isInteger, isUnsigned } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Operand } from "./operands.ts";
import { broadcastOperands, commonDType, computeDType, isHalf, toFloat } from "./operands.ts";

function elementwise(name: string, op: BinaryOp, a: Operand, b: Operand): Node {
  const [x, y] = broadcastOperands(name, [a, b]);
  return ir.binary(op, x, y);
}

/** a + b with broadcasting; logical or for two bool operands. */
export function add(a: Operand, b: Operand): Node {
  return elementwise("add", commonDType([a, b]) === "bool" ? "or" : "add", a, b);
}

/** a − b with broadcasting. @throws {DTypeError} for bool. */
export function sub(a: Operand, b: Operand): Node {
  return elementwise("sub", "sub", a, b);
}

/** a · b with broadcasting; logical and for two bool operands. */
export function mul(a: Operand, b: Operand): Node {
  return elementwise("mul", commonDType([a, b]) === "bool" ? "and" : "mul", a, b);
}

/** Options of {@link div}. */
export interface DivOptions {
  /** `"floor"` as floorDivide, `"trunc"` towards zero; without it the quotient is exact. */
  readonly roundingMode?: "floor" | "trunc" | null;
}

/** a / b. Without `roundingMode` integers divide as f32. */
export function div(a: Operand, b: Operand, { roundingMode }: DivOptions = {}): Node {
  const dtype = commonDType([a, b]);
  if (roundingMode === "floor") return floorDivide(a, b);
  if (roundingMode === "trunc" && isInteger(dtype)) return elementwise("div", "div", a, b);
  const [x, y] = broadcastOperands("div", [a, b], isFloat(dtype) ? dtype : "f32");
  const quotient = ir.div(x, y);
  return roundingMode === "trunc" ? ir.unary("trunc", quotient) : quotient;
}

/** Where a truncated remainder is not zero and has the other sign than the divisor. */
function needsFloor(remainder: Node, divisor: Node): Node {
  const zero = ir.fullLike(remainder, 0);
  const differ = ir.binary("xor", ir.binary("lt", remainder, zero), ir.binary("lt", divisor, zero));
  return ir.binary("and", ir.binary("ne", remainder, zero), differ);
}

function integerDType(op: string, a: Operand, b: Operand): DType {
  const dtype = commonDType([a, b]);
  if (dtype === "bool")
    throw new ConfigError(`${op}: operands must be numbers, got bool; cast one`);
  return dtype;
}

/** ⌊a / b⌋; for floats exact as Python's `//`. An integer divided by 0 gives 0. */
export function floorDivide(a: Operand, b: Operand): Node {
  const dtype = integerDType("floorDivide", a, b);
  if (isHalf(dtype)) {
    const [x, y] = broadcastOperands("floorDivide", [a, b], "f32");
    return ir.cast(floorDivide(x, y), dtype);
  }
  const [x, y] = broadcastOperands("floorDivide", [a, b]);
  if (isUnsigned(dtype)) return ir.div(x, y);
  const rest = ir.binary("rem", x, y);
  const down = needsFloor(rest, y);
  const one = ir.fullLike(x, 1);
  if (isInteger(dtype)) {
    const quotient = ir.div(x, y);
    return ir.where(down, ir.sub(quotient, one), quotient);
  }
  // (x − rest) / y is whole up to rounding, which `round` removes.
  const quotient = ir.unary("round", ir.div(ir.sub(x, rest), y));
  const floored = ir.where(down, ir.sub(quotient, one), quotient);
  return ir.where(ir.binary("eq", y, ir.fullLike(y, 0)), ir.div(x, y), floored);
}

/** a − b ⌊a / b⌋: the remainder with the divisor's sign (Python's `%`). */
export function remainder(a: Operand, b: Operand): Node {
  const dtype = integerDType("remainder", a, b);
  const [x, y] = broadcastOperands("remainder", [a, b]);
  const rest = ir.binary("rem", x, y);
  return isUnsigned(dtype) ? rest : ir.where(needsFloor(rest, y), ir.add(rest, y), rest);
}

/** The remainder with the dividend's sign (C's fmod). */
export function fmod(a: Operand, b: Operand): Node {
  return elementwise("fmod", "rem", a, b);
}

/** aᵇ. Common number exponents become products, roots or reciprocals. */
export function pow(a: Operand, b: Operand): Node {
  if (typeof b === "number" && typeof a !== "number") {
    const special = powNumber(a, b);
    if (special !== undefined) return special;
  }
  const dtype = commonDType([a, b]);
  const [x, y] = broadcastOperands("pow", [a, b], dtype === "bool" ? "i32" : dtype);
  return isFloat(dtype) ? ir.binary("pow", x, y) : integerPow(x, y);
}

function powNumber(x: Node, exponent: number): Node | undefined {
  if (x.dtype === "bool") return undefined;
  switch (exponent) {
    case 0:
      return ir.fullLike(x, 1);
    case 1:
      return x;
    case 2:
      return square(x);
    case 3:
      return ir.mul(ir.mul(x, x), x);
    default:
  }
  if (!isFloat(x.dtype)) return undefined;
  switch (exponent) {
    case 0.5:
      return sqrt(x);
    case -0.5:
      return rsqrt(x);
    case -1:
      return reciprocal(x);
    case -2:
      return reciprocal(square(x));
    default:
      return undefined;
  }
}

/** Square and multiply over the five bits that can matter before i32 overflows. */
function integerPow(base: Node, exponent: Node): Node {
  const number = (value: number): Node => ir.fullLike(base, value);
  const magnitude = abs(exponent);
  const parity = ir.binary("and", magnitude, number(1));
  const large = ir.binary("or", parity, number(30));
  let bits = ir.where(ir.binary("lt", number(31), magnitude), large, magnitude);
  let result = number(1);
  let power = base;
  for (let bit = 0; bit < 5; bit++) {
    const odd = ir.binary("ne", ir.binary("and", bits, number(1)), number(0));
    result = ir.where(odd, ir.mul(result, power), result);
    power = ir.mul(power, power);
    bits = ir.binary("shr", bits, number(1));
  }
  if (isUnsigned(base.dtype)) return result;
  // A negative exponent leaves ±1 for the bases ±1 and rounds to 0 for the others.
  const fraction = ir.binary("lt", number(1), ir.unary("abs", base));
  const negative = ir.binary("lt", exponent, number(0));
  return ir.where(ir.binary("and", fraction, negative), number(0), result);
}

/** −x. */
export function neg(x: Node): Node {
  return ir.neg(x);
}

/** |x|. */
export function abs(x: Node): Node {
  return x.dtype === "bool" || isUnsigned(x.dtype) ? x : ir.unary("abs", x);
}

/** −1, 0 or 1; NaN stays NaN. */
export function sign(x: Node): Node {
  return x.dtype === "bool" ? x : ir.unary("sign", x);
}

/** x². */
export function square(x: Node): Node {
  return mul(x, x);
}

/** 1 / x. */
export function reciprocal(x: Node): Node {
  return div(1, toFloat(x));
}

function floatUnary(op: UnaryOp, x: Node): Node {
  return ir.unary(op, toFloat(x));
}

/** √x. */
export function sqrt(x: Node): Node {
  return floatUnary("sqrt", x);
}

/** 1 / √x. */
export function rsqrt(x: Node): Node {
  return reciprocal(sqrt(x));
}

/** eˣ. */
export function exp(x: Node): Node {
  return floatUnary("exp", x);
}

/** eˣ − 1, accurate near 0. */
export function expm1(x: Node): Node {
  return floatUnary("expm1", x);
}

/** 2ˣ. */
export function exp2(x: Node): Node {
  return pow(2, toFloat(x));
}

/** Natural logarithm. */
export function log(x: Node): Node {
  return floatUnary("log", x);
}

/** ln(1 + x), accurate near 0. */
export function log1p(x: Node): Node {
  return floatUnary("log1p", x);
}

/** Logarithm to base 2. */
export function log2(x: Node): Node {
  return mul(log(x), Math.LOG2E);
}

/** Logarithm to base 10. */
export function log10(x: Node): Node {
  return mul(log(x), Math.LOG10E);
}

/** Gauss error function. */
export function erf(x: Node): Node {
  return floatUnary("erf", x);
}

/** Largest integer ≤ x; integers stay as they are. */
export function floor(x: Node): Node {
  return isFloat(x.dtype) ? ir.unary("floor", x) : x;
}

/** Smallest integer ≥ x; integers stay as they are. */
export function ceil(x: Node): Node {
  return isFloat(x.dtype) ? ir.unary("ceil", x) : x;
}

/** x without its fraction; integers stay as they are. */
export function trunc(x: Node): Node {
  return isFloat(x.dtype) ? ir.unary("trunc", x) : x;
}

/** x − trunc(x). */
export function frac(x: Node): Node {
  return sub(x, trunc(x));
}

/** Nearest integer, halves to the even one; with `decimals` to that many decimal places. */
export function round(x: Node, { decimals = 0 }: { readonly decimals?: number } = {}): Node {
  if (!isFloat(x.dtype)) return x;
  if (decimals === 0) return ir.unary("round", x);
  const scale = 10 ** Math.abs(decimals);
  const scaled = ir.unary("round", decimals > 0 ? mul(x, scale) : div(x, scale));
  return decimals > 0 ? div(scaled, scale) : mul(scaled, scale);
}

/** Elementwise maximum; NaN wins. Equal operands share the gradient. */
export function maximum(a: Operand, b: Operand): Node {
  return elementwise("maximum", "max", a, b);
}

/** Elementwise minimum; NaN wins. Equal operands share the gradient. */
export function minimum(a: Operand, b: Operand): Node {
  return elementwise("minimum", "min", a, b);
}

/** Limits of {@link clamp}. */
export interface ClampOptions {
  readonly min?: Operand | null | undefined;
  readonly max?: Operand | null | undefined;
}

/**
 * x limited to [min, max]; NaN stays NaN. At a limit x itself receives the gradient.
 * @throws {ConfigError} if neither limit is given.
 */
export function clamp(x: Node, { min, max }: ClampOptions): Node {
  if (min == null && max == null) throw new ConfigError("clamp: needs min or max, got neither");
  let result = x;
  if (min != null) {
    const [value, low] = broadcastOperands("clamp", [result, min]);
    result = ir.where(ir.binary("lt", value, low), low, value);
  }
  if (max != null) {
    const [value, high] = broadcastOperands("clamp", [result, max]);
    result = ir.where(ir.binary("lt", high, value), high, value);
  }
  return result;
}

/** start + weight · (end − start), exact at weight 0 and 1. */
export function lerp(start: Node, end: Node, weight: Operand): Node {
  const span = sub(end, start);
  if (typeof weight === "number") {
    if (Math.abs(weight) < 0.5) return add(start, mul(span, weight));
    return sub(end, mul(span, 1 - weight));
  }
  const near = add(start, mul(span, weight));
  const far = sub(end, mul(span, sub(1, weight)));
  const [a, b, w] = broadcastOperands("lerp", [near, far, weight]);
  return ir.where(ir.binary("lt", ir.unary("abs", w), ir.fullLike(w, 0.5)), a, b);
}

/** ln(eᵃ + eᵇ) without overflow. */
export function logaddexp(a: Operand, b: Operand): Node {
  const dtype = commonDType([a, b]);
  const [x, y] = broadcastOperands("logaddexp", [a, b], computeDType(dtype));
  // Equal infinities have no difference; their gap is 0.
  const gap = ir.where(ir.binary("eq", x, y), ir.fullLike(x, 0), ir.sub(x, y));
  const rest = ir.unary("log1p", ir.unary("exp", ir.neg(ir.unary("abs", gap))));
  const sum = ir.add(ir.binary("max", x, y), rest);
  return isHalf(dtype) ? ir.cast(sum, dtype) : sum;
}
