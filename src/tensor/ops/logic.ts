import { DTypeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { BinaryOp } from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes } from "../../ir/shape.ts";
import type { Operand } from "./operands.ts";
import { broadcastOperands, commonDType, toNode } from "./operands.ts";

function compare(name: string, op: BinaryOp, a: Operand, b: Operand): Node {
  const [x, y] = broadcastOperands(name, [a, b]);
  return ir.binary(op, x, y);
}

/** a = b, as bool. */
export function eq(a: Operand, b: Operand): Node {
  return compare("eq", "eq", a, b);
}

/** a ≠ b, as bool; true for NaN. */
export function ne(a: Operand, b: Operand): Node {
  return compare("ne", "ne", a, b);
}

/** a < b, as bool. */
export function lt(a: Operand, b: Operand): Node {
  return compare("lt", "lt", a, b);
}

/** a ≤ b, as bool. */
export function le(a: Operand, b: Operand): Node {
  return compare("le", "le", a, b);
}

/** a > b, as bool. */
export function gt(a: Operand, b: Operand): Node {
  return compare("gt", "lt", b, a);
}

/** a ≥ b, as bool. */
export function ge(a: Operand, b: Operand): Node {
  return compare("ge", "le", b, a);
}

/** x ≠ 0, as bool. */
export function toBool(x: Node): Node {
  return x.dtype === "bool" ? x : ir.binary("ne", x, ir.fullLike(x, 0));
}

function logical(name: string, op: BinaryOp, a: Operand, b: Operand): Node {
  return compare(name, op, toBool(toNode(a, "f32")), toBool(toNode(b, "f32")));
}

/** Whether both are not zero. */
export function logicalAnd(a: Operand, b: Operand): Node {
  return logical("logicalAnd", "and", a, b);
}

/** Whether one is not zero. */
export function logicalOr(a: Operand, b: Operand): Node {
  return logical("logicalOr", "or", a, b);
}

/** Whether exactly one is not zero. */
export function logicalXor(a: Operand, b: Operand): Node {
  return logical("logicalXor", "xor", a, b);
}

/** Whether x is zero. */
export function logicalNot(x: Node): Node {
  return ir.unary("not", toBool(x));
}

function bitwise(name: string, op: BinaryOp, a: Operand, b: Operand): Node {
  const dtype = commonDType([a, b]);
  if (isFloat(dtype))
    throw new DTypeError(`${name}: operands must be integers or bool, got ${dtype}`);
  return compare(name, op, a, b);
}

/** Bitwise and of integers, logical and of bool. */
export function bitwiseAnd(a: Operand, b: Operand): Node {
  return bitwise("bitwiseAnd", "and", a, b);
}

/** Bitwise or of integers, logical or of bool. */
export function bitwiseOr(a: Operand, b: Operand): Node {
  return bitwise("bitwiseOr", "or", a, b);
}

/** Bitwise exclusive or of integers, logical of bool. */
export function bitwiseXor(a: Operand, b: Operand): Node {
  return bitwise("bitwiseXor", "xor", a, b);
}

/** All bits inverted; logical not of bool. */
export function bitwiseNot(x: Node): Node {
  return ir.unary("not", x);
}

/** a · 2ᵇ by shifting bits. */
export function bitwiseLeftShift(a: Operand, b: Operand): Node {
  return bitwise("bitwiseLeftShift", "shl", a, b);
}

/** ⌊a / 2ᵇ⌋ by shifting bits; the sign stays. */
export function bitwiseRightShift(a: Operand, b: Operand): Node {
  return bitwise("bitwiseRightShift", "shr", a, b);
}

const never = (x: Node): Node => ir.full(x.shape, 0, "bool");
const magnitude = (x: Node): Node => ir.unary("abs", x);

/** Whether x is not a number. */
export function isnan(x: Node): Node {
  return isFloat(x.dtype) ? ir.binary("ne", x, x) : never(x);
}

/** Whether x is ∞ or −∞. */
export function isinf(x: Node): Node {
  return isFloat(x.dtype) ? eq(magnitude(x), Infinity) : never(x);
}

/** Whether x is neither infinite nor NaN. */
export function isfinite(x: Node): Node {
  return isFloat(x.dtype) ? lt(magnitude(x), Infinity) : ir.full(x.shape, 1, "bool");
}

/** Elementwise choice: a where the condition holds, otherwise b. Gradients flow to the chosen. */
export function where(condition: Node, a: Operand, b: Operand): Node {
  if (condition.dtype !== "bool") {
    throw new DTypeError(
      `where: condition must be bool, got ${condition.dtype}; compare it with ne`,
    );
  }
  const dtype = commonDType([a, b]);
  const shapes = [a, b].map((operand) => (typeof operand === "number" ? [] : operand.shape));
  const shape = broadcastShapes("where", condition.shape, ...shapes);
  const fit = (operand: Operand): Node =>
    ir.broadcastTo(ir.cast(toNode(operand, dtype), dtype), shape);
  return ir.where(ir.broadcastTo(condition, shape), fit(a), fit(b));
}

/** x with `value` where the mask holds. The mask broadcasts; x keeps its dtype. */
export function maskedFill(x: Node, mask: Node, value: Operand): Node {
  const filler = typeof value === "number" ? ir.constant(value, x.dtype) : ir.cast(value, x.dtype);
  return where(mask, filler, x);
}

const largest: Readonly<Partial<Record<DType, number>>> = {
  f64: Number.MAX_VALUE,
  f32: 3.4028234663852886e38,
  f16: 65504,
  bf16: 3.3895313892515355e38,
};

/** Replacements of {@link nanToNum}. */
export interface NanToNumOptions {
  /** @defaultValue 0 */
  readonly nan?: number;
  /** @defaultValue the largest finite number */
  readonly posinf?: number;
  /** @defaultValue the lowest finite number */
  readonly neginf?: number;
}

/** x with finite numbers in place of NaN, ∞ and −∞. */
export function nanToNum(x: Node, { nan = 0, posinf, neginf }: NanToNumOptions = {}): Node {
  const limit = largest[x.dtype];
  if (limit === undefined) return x;
  const number = where(isnan(x), nan, x);
  const below = where(eq(x, Infinity), posinf ?? limit, number);
  return where(eq(x, -Infinity), neginf ?? -limit, below);
}
