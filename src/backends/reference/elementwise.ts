import type { BinaryOp, UnaryOp } from "../../ir/build.ts";
import { isFloat, isUnsigned, roundTiesToEven } from "../../ir/dtype.ts";
import type { OpNode } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import { erf, power } from "./special.ts";
import type { Values } from "./values.ts";
import { convertValues, fromHost, makeHost, makeValues, roundToStorage, toHost } from "./values.ts";
import type { DType } from "../../ir/dtype.ts";

type UnaryFunction = (x: number) => number;
type BinaryFunction = (a: number, b: number) => number;

/** Sign with 0 for NaN and for both zeros, as torch.sign. */
const sign: UnaryFunction = (x) => Number(x > 0) - Number(x < 0);

const unaryFunctions: Readonly<Record<UnaryOp, UnaryFunction>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundTiesToEven,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf,
  not: (x) => ~x,
};

const floatFunctions: Readonly<Record<BinaryOp, BinaryFunction>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  pow: power,
  max: Math.max,
  min: Math.min,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
};

/** Integers differ from floats only here; wrapping happens when the result is stored. */
const integerFunctions: Readonly<Record<BinaryOp, BinaryFunction>> = {
  ...floatFunctions,
  mul: Math.imul,
  div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  rem: (a, b) => (b === 0 ? 0 : a % b),
};

const shiftLogical: BinaryFunction = (a, b) => a >>> b;

function binaryFunction(op: BinaryOp, dtype: DType): BinaryFunction {
  if (op === "shr" && isUnsigned(dtype)) return shiftLogical;
  return isFloat(dtype) ? floatFunctions[op] : integerFunctions[op];
}

/** Evaluates an op with one operand. */
export function evaluateUnary(node: OpNode<UnaryOp>, [x]: readonly Values[]): Values {
  if (node.op === "not" && node.dtype === "bool") return x.map((bit: number) => 1 - bit);
  const apply = unaryFunctions[node.op];
  const out = makeValues(node.dtype, x.length);
  for (let i = 0; i < out.length; i++) out[i] = apply(x[i]);
  return roundToStorage(node.dtype, out);
}

/** Evaluates an op with two operands. Shift amounts outside 0 … bits−1 are undefined. */
export function evaluateBinary(node: OpNode<BinaryOp>, [a, b]: readonly Values[]): Values {
  const apply = binaryFunction(node.op, node.src[0].dtype);
  const out = makeValues(node.dtype, a.length);
  for (let i = 0; i < out.length; i++) out[i] = apply(a[i], b[i]);
  return roundToStorage(node.dtype, out);
}

/** Elementwise choice. */
export function evaluateWhere(node: OpNode<"where">, [condition, a, b]: readonly Values[]): Values {
  const out = makeValues(node.dtype, a.length);
  for (let i = 0; i < out.length; i++) out[i] = condition[i] !== 0 ? a[i] : b[i];
  return out;
}

/** Dtype conversion. */
export function evaluateCast(node: OpNode<"cast">, [x]: readonly Values[]): Values {
  return convertValues(x, node.src[0].dtype, node.dtype);
}

/** The same bits read as another dtype. */
export function evaluateBitcast(node: OpNode<"bitcast">, [x]: readonly Values[]): Values {
  const from = makeHost(node.src[0].dtype, numel(node.shape));
  toHost(node.src[0].dtype, x, from);
  const to = makeHost(node.dtype, from.length);
  new Uint8Array(to.buffer).set(new Uint8Array(from.buffer));
  return fromHost(node.dtype, to);
}
