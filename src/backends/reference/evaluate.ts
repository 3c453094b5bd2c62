import { CompileError, UnsupportedOpError } from "../../base/errors.ts";
import type { BinaryOp, UnaryOp } from "../../ir/build.ts";
import type { Node, OpNode } from "../../ir/node.ts";
import type { Op } from "../../ir/ops.ts";
import { numel } from "../../ir/shape.ts";
import { customKernel } from "../../runtime/backend.ts";
import { evaluateAttention, evaluateAttentionGrad } from "./attention.ts";
import {
  evaluateConv,
  evaluateConvInputGrad,
  evaluateConvWeightGrad,
  evaluateDot,
} from "./contraction.ts";
import {
  evaluateBinary,
  evaluateBitcast,
  evaluateCast,
  evaluateUnary,
  evaluateWhere,
} from "./elementwise.ts";
import { evaluateArgsort, evaluateGather, evaluateScatter, evaluateTopk } from "./indexing.ts";
import { evaluateLoop } from "./loop.ts";
import {
  evaluateConcat,
  evaluateExpand,
  evaluatePad,
  evaluatePermute,
  evaluateSlice,
  evaluateWindow,
} from "./movement.ts";
import { randomWords } from "./random.ts";
import { evaluateArgmax, evaluateReduce, evaluateScan } from "./reduce.ts";
import { evaluatePart } from "./results.ts";
import type { Values } from "./values.ts";
import { convertNumber, fromHost, makeHost, makeValues, toHost } from "./values.ts";

/** Values of one node from the values of its operands, which it must not change. */
type Evaluate<K extends Op> = (node: OpNode<K>, src: readonly Values[]) => Values;

const unary: Evaluate<UnaryOp> = evaluateUnary;
const binary: Evaluate<BinaryOp> = evaluateBinary;
const first: Evaluate<Op> = (_node, src) => src[0];

const evaluators: { readonly [K in Op]: Evaluate<K> } = {
  input: (node) => {
    throw new CompileError(`internal: input ${node.attrs.id} has no value; please report this`);
  },
  constant: (node) => makeValues(node.dtype, 1).fill(convertNumber(node.attrs.value, node.dtype)),
  iota: (node) => Int32Array.from({ length: node.attrs.size }, (_, i) => i),
  randomBits: (node, [key]) => randomWords(key[0], key[1], numel(node.shape)),
  neg: unary,
  abs: unary,
  sign: unary,
  floor: unary,
  ceil: unary,
  trunc: unary,
  round: unary,
  sqrt: unary,
  exp: unary,
  expm1: unary,
  log: unary,
  log1p: unary,
  sin: unary,
  cos: unary,
  tanh: unary,
  erf: unary,
  not: unary,
  cast: evaluateCast,
  bitcast: evaluateBitcast,
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  rem: binary,
  pow: binary,
  max: binary,
  min: binary,
  and: binary,
  or: binary,
  xor: binary,
  shl: binary,
  shr: binary,
  eq: binary,
  ne: binary,
  lt: binary,
  le: binary,
  where: evaluateWhere,
  reduceSum: evaluateReduce,
  reduceProd: evaluateReduce,
  reduceMax: evaluateReduce,
  reduceMin: evaluateReduce,
  argmax: evaluateArgmax,
  scan: evaluateScan,
  reshape: first,
  permute: evaluatePermute,
  expand: evaluateExpand,
  slice: evaluateSlice,
  pad: evaluatePad,
  concat: evaluateConcat,
  window: evaluateWindow,
  gather: evaluateGather,
  scatter: evaluateScatter,
  argsort: evaluateArgsort,
  topk: evaluateTopk,
  dot: evaluateDot,
  conv: evaluateConv,
  convInputGrad: evaluateConvInputGrad,
  convWeightGrad: evaluateConvWeightGrad,
  assign: (_node, [, value]) => value,
  custom: evaluateCustom,
  barrier: first,
  checkpoint: first,
  customGradient: first,
  attention: evaluateAttention,
  attentionGrad: evaluateAttentionGrad,
  loop: (node, src) => evaluateLoop(node, src, evaluateNode),
  part: evaluatePart,
};

function evaluateCustom(node: OpNode<"custom">, src: readonly Values[]): Values {
  const kernel = customKernel(node.attrs.name);
  if (kernel === undefined) {
    throw new UnsupportedOpError(
      `custom: "${node.attrs.name}" must be registered before it runs; call registerCustomKernel()`,
    );
  }
  const inputs = node.src.map((source, i) => {
    const data = makeHost(source.dtype, numel(source.shape));
    toHost(source.dtype, src[i], data);
    return data;
  });
  const output = makeHost(node.dtype, numel(node.shape));
  kernel(inputs, output);
  return fromHost(node.dtype, output);
}

/** Computes one node. */
export function evaluateNode(node: Node, src: readonly Values[]): Values {
  // The table is indexed by the node's own op, which TypeScript cannot correlate.
  const evaluate = evaluators[node.op] as unknown as (node: Node, src: readonly Values[]) => Values;
  return evaluate(node, src);
}
