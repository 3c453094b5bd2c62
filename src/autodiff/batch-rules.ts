import { UnsupportedOpError } from "../base/errors.ts";
import { range } from "../base/integers.ts";
import {
  barrier,
  concat,
  custom,
  expand,
  gather,
  narrow,
  pad,
  permute,
  randomBits,
  reshape,
  scatter,
  slice,
  window,
} from "../ir/build.ts";
import { makeNode } from "../ir/node.ts";
import type { DimAttrs, Op, OpAttrs, ReduceAttrs } from "../ir/ops.ts";
import { eachElement } from "../ir/ops.ts";
import type { BatchRule, BatchTable } from "./batch-rule.ts";
import { batched, foldBatch, mergeDims, unfoldBatch } from "./batch-rule.ts";
import { contractionBatch } from "./batch-contraction.ts";

/** Threefry takes one key, so batched keys unroll; beyond this the graph would get too large. */
const mostKeys = 256;

function elementwise<K extends Op>(): BatchRule<K> {
  return (node, operands, size) => {
    const src = operands.map((operand) => batched(operand, size));
    return makeNode(node.op, src, node.attrs);
  };
}

/** Ops with one operand that name dims: the batch dim shifts them by one. */
function reduction<K extends Op>(): BatchRule<K> {
  return (node, [x]) => {
    const attrs = node.attrs as OpAttrs[K] & ReduceAttrs;
    return makeNode(node.op, [x.node], { ...attrs, axes: attrs.axes.map((axis) => axis + 1) });
  };
}

function alongDim<K extends Op>(): BatchRule<K> {
  return (node, [x]) => {
    const attrs = node.attrs as OpAttrs[K] & DimAttrs;
    return makeNode(node.op, [x.node], { ...attrs, dim: attrs.dim + 1 });
  };
}

const randomBitsRule: BatchRule<"randomBits"> = ({ shape }, [keys], size) => {
  if (size > mostKeys) {
    throw new UnsupportedOpError(
      `vmap: at most ${mostKeys} random keys can be batched, got ${size}; ` +
        "draw all numbers from one key outside of vmap",
    );
  }
  const draws = range(size).map((element) => {
    const key = reshape(narrow(keys.node, 0, element, 1), [2]);
    return reshape(randomBits(key, shape), [1, ...shape]);
  });
  return concat(draws, 0);
};

const gatherRule: BatchRule<"gather"> = ({ attrs: { dim } }, [x, index], size) => {
  // A table that all elements share is not repeated: their indices queue along the gathered dim.
  if (!x.isBatched) return unfoldBatch(gather(x.node, foldBatch(index.node, dim), dim), dim, size);
  return gather(x.node, batched(index, size), dim + 1);
};

const scatterRule: BatchRule<"scatter"> = ({ attrs: { dim, mode } }, operands, size) => {
  const [base, index, updates] = operands.map((operand) => batched(operand, size));
  return scatter(base, index, updates, dim + 1, mode);
};

/** Attention has a batch dim already: batch elements queue along it. */
function attentionRule<K extends "attention" | "attentionGrad">(): BatchRule<K> {
  return (node, operands, size) => {
    const src = operands.map((operand) => mergeDims(batched(operand, size), 0, 2));
    return makeNode(node.op, src, node.attrs);
  };
}

/** The batching rule of every primitive: result(b) = op(operands(b)) for each element b. */
export const batchRules: BatchTable = {
  input: "leaf",
  constant: "leaf",
  iota: "leaf",
  randomBits: randomBitsRule,
  neg: elementwise(),
  abs: elementwise(),
  sign: elementwise(),
  floor: elementwise(),
  ceil: elementwise(),
  trunc: elementwise(),
  round: elementwise(),
  sqrt: elementwise(),
  exp: elementwise(),
  expm1: elementwise(),
  log: elementwise(),
  log1p: elementwise(),
  sin: elementwise(),
  cos: elementwise(),
  tanh: elementwise(),
  erf: elementwise(),
  not: elementwise(),
  cast: elementwise(),
  bitcast: elementwise(),
  add: elementwise(),
  sub: elementwise(),
  mul: elementwise(),
  div: elementwise(),
  rem: elementwise(),
  pow: elementwise(),
  max: elementwise(),
  min: elementwise(),
  and: elementwise(),
  or: elementwise(),
  xor: elementwise(),
  shl: elementwise(),
  shr: elementwise(),
  eq: elementwise(),
  ne: elementwise(),
  lt: elementwise(),
  le: elementwise(),
  where: elementwise(),
  reduceSum: reduction(),
  reduceProd: reduction(),
  reduceMax: reduction(),
  reduceMin: reduction(),
  argmax: alongDim(),
  scan: alongDim(),
  argsort: alongDim(),
  topk: alongDim(),
  reshape: ({ shape }, [x], size) => reshape(x.node, [size, ...shape]),
  permute: ({ attrs: { perm } }, [x]) => permute(x.node, [0, ...perm.map((dim) => dim + 1)]),
  expand: ({ shape }, [x], size) => expand(x.node, [size, ...shape]),
  slice: ({ attrs: { start, step }, shape }, [x], size) =>
    slice(x.node, [0, ...start], [size, ...shape], [1, ...step]),
  pad: ({ attrs: { low, high, interior, value } }, [x]) =>
    pad(x.node, [0, ...low], [0, ...high], value, [0, ...interior]),
  concat: ({ attrs: { dim } }, operands, size) =>
    concat(
      operands.map((operand) => batched(operand, size)),
      dim + 1,
    ),
  window: ({ attrs }, [x]) => window(x.node, { ...attrs, dims: attrs.dims.map((dim) => dim + 1) }),
  gather: gatherRule,
  scatter: scatterRule,
  ...contractionBatch,
  assign: (node) => {
    throw new UnsupportedOpError(
      `vmap: a tensor outside must not be updated with one value per batch element, got ` +
        `assign of shape [${node.shape.join(", ")}]; return the value instead`,
    );
  },
  custom: ({ attrs: { name, shape, dtype } }, operands, size) => {
    if (name.startsWith(eachElement)) {
      const nodes = operands.map((operand) => batched(operand, size));
      return custom(nodes, { name, shape: [size, ...shape], dtype });
    }
    throw new UnsupportedOpError(
      `vmap: host function "${name}" has no batching rule; call it outside of vmap`,
      { details: { name } },
    );
  },
  barrier: (_node, [x, ...after], size) =>
    barrier(
      batched(x, size),
      after.map((operand) => operand.node),
    ),
  checkpoint: "region",
  customGradient: "region",
  attention: attentionRule(),
  attentionGrad: attentionRule(),
  loop: "loop",
  part: "loop",
};
