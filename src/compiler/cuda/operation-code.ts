import { CompileError } from "../../base/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { ElementwiseOp, ReduceOp } from "../kernel.ts";
import { registerOf, registerType } from "./register-code.ts";

/** Operations that give halves of halves without rounding. */
const exactOps: ReadonlySet<ElementwiseOp> = new Set([
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "round",
  "max",
  "min",
  "where",
]);

const operators: Partial<Readonly<Record<ElementwiseOp, string>>> = {
  add: "+",
  sub: "-",
  and: "&",
  or: "|",
  xor: "^",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
};

const comparisons: ReadonlySet<ElementwiseOp> = new Set(["eq", "ne", "lt", "le"]);
const bitOps: ReadonlySet<ElementwiseOp> = new Set(["and", "or", "xor"]);

/** Functions `name_f32` and `name_f64` of the prelude. */
const floatFunctions: ReadonlySet<ElementwiseOp> = new Set([
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "round",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tanh",
  "erf",
  "mul",
  "div",
  "rem",
  "pow",
  "max",
  "min",
]);

/** Brings a result in registers to what the dtype can hold. */
export function roundedText(dtype: DType, text: string): string {
  switch (dtype) {
    case "f16":
    case "bf16":
      return `round_${dtype}(${text})`;
    case "i8":
    case "u8":
      return `wrap_${dtype}(${text})`;
    default:
      return text;
  }
}

/** One operation on registers; `from` is the dtype of its operands, `to` that of its result. */
export function operationText(
  op: ElementwiseOp,
  from: DType,
  to: DType,
  operands: readonly string[],
): string {
  const [a, b, c] = operands;
  if (op === "cast") return castText(from, to, a);
  if (op === "bitcast") return bitcastText(from, to, a);
  if (op === "where") return `(${a} ? ${b} : ${c})`;
  if (op === "threefry") return `threefry(${a}, ${b}, ${c})`;
  if (op === "fma") return `fma_f32(${a}, ${b}, ${c})`;
  if (comparisons.has(op)) return `(${a} ${operators[op]} ${b})`;
  if (isFloat(from)) {
    const text = floatText(op, from, operands);
    return exactOps.has(op) ? text : roundedText(to, text);
  }
  if (from === "bool") return boolText(op, a, b);
  return integerText(op, from, operands);
}

function unknown(op: ElementwiseOp, dtype: DType): CompileError {
  return new CompileError(`cuda: ${op} has no code for ${dtype}`);
}

function floatText(op: ElementwiseOp, dtype: DType, operands: readonly string[]): string {
  const register = registerOf(dtype);
  const [a, b] = operands;
  if (op === "neg") return `(-${a})`;
  if (op === "add" || op === "sub") return `(${a} ${operators[op]} ${b})`;
  if (op === "expNonPositive") {
    return register === "f32" ? `exp_non_positive_f32(${a})` : `exp_f64(${a})`;
  }
  // A quotient of bf16 never lies near the middle between two: two ulp of f32 round to the same.
  if (op === "div" && dtype === "bf16") return `div_full_f32(${a}, ${b})`;
  if (!floatFunctions.has(op)) throw unknown(op, dtype);
  return `${op}_${register}(${operands.join(", ")})`;
}

function boolText(op: ElementwiseOp, a: string, b: string): string {
  if (op === "not") return `(!${a})`;
  if (op === "max") return `(${a} | ${b})`;
  if (op === "min") return `(${a} & ${b})`;
  if (!bitOps.has(op)) throw unknown(op, "bool");
  return `(${a} ${operators[op]} ${b})`;
}

/** Signed arithmetic goes through functions: it wraps, where C leaves overflow undefined. */
function integerText(op: ElementwiseOp, dtype: DType, operands: readonly string[]): string {
  const register = registerOf(dtype);
  const [a, b] = operands;
  if (bitOps.has(op)) return `(${a} ${operators[op]} ${b})`;
  const text = ((): string => {
    switch (op) {
      case "not":
        return `(~${a})`;
      case "neg":
        return register === "u32" ? `(0u - ${a})` : `neg_i32(${a})`;
      case "abs":
        return register === "u32" ? a : `abs_i32(${a})`;
      case "sign":
        return register === "u32" ? `(u32)(${a} != 0u)` : `sign_i32(${a})`;
      case "add":
      case "sub":
        if (register === "u32") return `(${a} ${operators[op]} ${b})`;
        return `${op}_i32(${a}, ${b})`;
      case "mul":
      case "div":
      case "rem":
      case "max":
      case "min":
      case "shl":
      case "shr":
        return `${op}_${register}(${a}, ${b})`;
      case "floor":
      case "ceil":
      case "trunc":
      case "round":
        return a;
      default:
        throw unknown(op, dtype);
    }
  })();
  return op === "max" || op === "min" || op === "rem" ? text : roundedText(dtype, text);
}

function castText(from: DType, to: DType, a: string): string {
  if (from === to) return a;
  if (to === "bool") return `(${a} != 0)`;
  if (isFloat(to)) {
    const wanted = registerType(to);
    const same = registerType(from) === wanted;
    // f16 and bf16 hold different numbers; i8, u8 and bool are exact in both.
    const exact = isFloat(from) ? from === to : from === "i8" || from === "u8" || from === "bool";
    const text = same ? a : `(${wanted})${a}`;
    return exact ? text : roundedText(to, text);
  }
  if (isFloat(from)) {
    const source = registerOf(from);
    if (to === "i32" || to === "u32") return `${to}_from_${source}(${a})`;
    return `clamp_${to}(i32_from_${source}(${a}))`;
  }
  const text = registerOf(from) === registerOf(to) ? a : `(${registerType(to)})${a}`;
  return to === "i8" || to === "u8" ? roundedText(to, text) : text;
}

/** The bits of a register value as an unsigned word, and back. */
function bitcastText(from: DType, to: DType, a: string): string {
  if (from === to || registerOf(from) === "f64") return a;
  const bits = ((): string => {
    if (from === "f32") return `bits_f32(${a})`;
    return from === "f16" || from === "bf16" ? `bits_${from}(${a})` : `(u32)${a}`;
  })();
  switch (to) {
    case "f32":
      return `from_bits_f32(${bits})`;
    case "f16":
    case "bf16":
      return `value_${to}((u16)${bits})`;
    case "i8":
      return `wrap_i8((int)${bits})`;
    case "u8":
      return `wrap_u8(${bits})`;
    default:
      return `(${registerType(to)})${bits}`;
  }
}

/** Name of a fold over the register type of a dtype: `sum` adds without rounding halves. */
export function foldText(op: ReduceOp, dtype: DType, a: string, b: string): string {
  const register = registerOf(dtype);
  const name = op === "sum" ? "add" : op === "prod" ? "mul" : op;
  return `${name}_${register}(${a}, ${b})`;
}
