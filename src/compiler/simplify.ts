import type { DType } from "../ir/dtype.ts";
import {
  bf16FromNumber,
  bf16ToNumber,
  f16FromNumber,
  f16ToNumber,
  isInteger,
} from "../ir/dtype.ts";
import { binary, cast, expand, full, mul, neg, permute, reduce, reshape } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { rewrite } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import { joinPads } from "./join-pads.ts";
import { joinSlices } from "./join-slices.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";

type Fold = (...values: readonly number[]) => number;

/**
 * Ops on constants that are folded: those whose double result, rounded, is what the kernel would
 * compute, so that folding changes no bits.
 */
const folds: Partial<Readonly<Record<Op, Fold>>> = {
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  sqrt: (a) => Math.sqrt(a),
  floor: (a) => Math.floor(a),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
};

const integerFolds: ReadonlySet<Op> = new Set([
  "neg",
  "add",
  "sub",
  "eq",
  "ne",
  "lt",
  "le",
  "max",
  "min",
]);
const viewOps: ReadonlySet<Op> = new Set(["reshape", "permute", "expand", "slice", "window"]);

/** The number every element of the node has, if the graph alone tells; undefined otherwise. */
export function uniformValue(node: Node): number | undefined {
  let base = node;
  while (viewOps.has(base.op)) base = base.src[0];
  return base.op === "constant" ? asStored(base.attrs.value, base.dtype) : undefined;
}

/** A constant as its dtype holds it, which is what kernels compute with. */
function asStored(value: number, dtype: DType): number {
  if (dtype === "f16") return f16ToNumber(f16FromNumber(value));
  if (dtype === "bf16") return bf16ToNumber(bf16FromNumber(value));
  return roundTo(value, dtype) ?? value;
}

function roundTo(value: number, dtype: DType): number | undefined {
  if (dtype === "f32") return Math.fround(value);
  if (dtype === "f64") return value;
  if (dtype === "i32") return value | 0;
  if (dtype === "u32") return value >>> 0;
  return dtype === "bool" ? value : undefined;
}

/** What an operation on constants gives, or undefined if it is not folded. */
export function foldScalars(
  op: string,
  from: DType,
  to: DType,
  values: readonly number[],
): number | undefined {
  const fold = folds[op as Op];
  if (fold === undefined || values.length === 0) return undefined;
  if (isInteger(from) && !integerFolds.has(op as Op)) return undefined;
  if (from === "f16" || from === "bf16") return undefined;
  return roundTo(fold(...values), to);
}

function foldConstants(node: Node): Node | undefined {
  if (folds[node.op] === undefined || node.src.length === 0) return undefined;
  const values: number[] = [];
  for (const source of node.src) {
    const value = uniformValue(source);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const result = foldScalars(node.op, node.src[0].dtype, node.dtype, values);
  return result === undefined ? undefined : full(node.shape, result, node.dtype);
}

/**
 * What has no elements is a constant without any: a kernel over it would still prepare its first
 * element, and report a bad index where none was asked for.
 */
function foldEmpty(node: Node): Node | undefined {
  const isPlain =
    opClass[node.op] === "elementwise" || viewOps.has(node.op) || node.op === "gather";
  if (!isPlain || numel(node.shape) > 0 || uniformValue(node) !== undefined) return undefined;
  return full(node.shape, 0, node.dtype);
}

/** x ∘ c for a constant c that changes nothing, or something simpler. */
function foldIdentity(node: Node): Node | undefined {
  const [a, b] = node.src;
  const left = a === undefined ? undefined : uniformValue(a);
  const right = b === undefined ? undefined : uniformValue(b);
  switch (node.op) {
    case "add":
      if (Object.is(right, -0) || right === 0) return a;
      return left === 0 ? b : undefined;
    case "sub":
      return right === 0 ? a : undefined;
    case "mul":
      if (right === 1) return a;
      if (left === 1) return b;
      if (right === -1) return neg(a);
      return left === -1 ? neg(b) : undefined;
    case "div":
      return right === 1 ? a : undefined;
    case "pow":
      if (right === 1) return a;
      return right === 2 ? mul(a, a) : undefined;
    case "neg":
      return a.op === "neg" ? a.src[0] : undefined;
    case "where":
      if (left === undefined) return foldRectifier(node);
      return left !== 0 ? node.src[1] : node.src[2];
    case "bitcast":
      // To the same dtype it is autodiff's stop sign, which has done its work.
      return a.dtype === node.dtype ? a : undefined;
    case "cast":
      return foldCast(node, a);
    default:
      return undefined;
  }
}

/** x ≤ 0 ? 0 : x, which autodiff wants for its gradient at 0, is max(x, 0): one instruction. */
function foldRectifier(node: Node): Node | undefined {
  const [condition, zero, x] = node.src;
  const isRectifier =
    condition.op === "le" &&
    condition.src[0] === x &&
    uniformValue(condition.src[1]) === 0 &&
    uniformValue(zero) === 0;
  return isRectifier ? binary("max", x, zero) : undefined;
}

function foldCast(node: Node, operand: Node): Node | undefined {
  if (operand.dtype === node.dtype) return operand;
  const value = uniformValue(operand);
  if (value === undefined || !Number.isFinite(value)) return undefined;
  if (node.dtype === "bool") return full(node.shape, value === 0 ? 0 : 1, "bool");
  const exact = isInteger(node.dtype) ? Math.trunc(value) : value;
  if (Math.abs(exact) >= 2 ** 24 || exact < 0) return undefined;
  const rounded = roundTo(exact, node.dtype);
  return rounded === undefined ? undefined : full(node.shape, rounded, node.dtype);
}

/** Movement and reductions through their smart constructors, and without trivial axes. */
function foldMovement(node: Node): Node | undefined {
  const x = node.src[0];
  switch (node.op) {
    case "reshape":
      return reshape(x, node.shape);
    case "permute":
      return permute(x, node.attrs.perm);
    case "expand":
      return expand(x, node.shape);
    case "reduceSum":
    case "reduceProd": {
      const axes = node.attrs.axes.filter((axis) => x.shape[axis] !== 1);
      return axes.length === node.attrs.axes.length ? undefined : reduce(node.op, x, axes);
    }
    case "cast":
      return x.op === "cast" && x.src[0].dtype === "bool" ? cast(x.src[0], node.dtype) : undefined;
    default:
      return undefined;
  }
}

/** Folds constants, identities and movement chains; values stay the same to the bit. */
export function simplify(graph: Graph): Graph {
  const outputs = rewrite(
    graph.outputs,
    (node) =>
      foldEmpty(node) ??
      foldConstants(node) ??
      foldIdentity(node) ??
      foldMovement(node) ??
      joinPads(node) ??
      joinSlices(node) ??
      node,
  );
  return { inputs: graph.inputs, outputs };
}
