import { conv, convInputGrad, convWeightGrad, dot } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { ConvAttrs } from "../ir/ops.ts";
import type { BatchOperand, BatchRule, BatchTable } from "./batch-rule.ts";
import { batched, foldBatch, mergeDims, moveDim, splitDim, unfoldBatch } from "./batch-rule.ts";

/** One batched side joins its rows (or columns) with the batch, so the product stays one GEMM. */
const dotRule: BatchRule<"dot"> = (node, [a, b], size) => {
  if (a.isBatched && b.isBatched) return dot(a.node, b.node);
  const rows = node.shape.length - 2;
  if (a.isBatched) return unfoldBatch(dot(foldBatch(a.node, rows), b.node), rows, size);
  return unfoldBatch(dot(a.node, foldBatch(b.node, rows + 1)), rows + 1, size);
};

/** Batch elements become groups: element by element, channels after channels. */
const channelsByElement = (x: Node): Node => foldBatch(x, 1);

/** [B, …, G·C, …] → [N, G·B·C, …]: within each group one copy of the channels per element. */
function channelsByGroup(x: Node, dim: number, groups: number): Node {
  const split = splitDim(x, dim + 1, [groups, x.shape[dim + 1] / groups]);
  return mergeDims(moveDim(split, 0, dim + 1), dim, 3);
}

/** Undoes channelsByGroup on dim `dim` of a result. */
function elementsFirst(x: Node, dim: number, groups: number, size: number): Node {
  const perElement = x.shape[dim] / (groups * size);
  const split = splitDim(x, dim, [groups, size, perElement]);
  return mergeDims(moveDim(split, dim + 1, 0), dim + 1, 2);
}

const grouped = <A extends ConvAttrs>(attrs: A, size: number): A => ({
  ...attrs,
  groups: attrs.groups * size,
});

const onlyFirst = ([a, b]: readonly BatchOperand[]): boolean => a.isBatched && !b.isBatched;
const onlySecond = ([a, b]: readonly BatchOperand[]): boolean => !a.isBatched && b.isBatched;

const convRule: BatchRule<"conv"> = ({ attrs }, operands, size) => {
  const [x, w] = operands;
  if (onlyFirst(operands)) {
    return unfoldBatch(conv(foldBatch(x.node, 0), w.node, attrs), 0, size);
  }
  if (onlySecond(operands)) {
    const out = conv(x.node, channelsByGroup(w.node, 0, attrs.groups), attrs);
    return elementsFirst(out, 1, attrs.groups, size);
  }
  const kernels = mergeDims(batched(w, size), 0, 2);
  const out = conv(channelsByElement(batched(x, size)), kernels, grouped(attrs, size));
  return unfoldBatch(out, 1, size);
};

const inputGradRule: BatchRule<"convInputGrad"> = ({ attrs }, operands, size) => {
  const [g, w] = operands;
  if (onlyFirst(operands)) {
    return unfoldBatch(convInputGrad(foldBatch(g.node, 0), w.node, attrs), 0, size);
  }
  if (onlySecond(operands)) {
    const out = convInputGrad(g.node, foldBatch(w.node, 1), attrs);
    return elementsFirst(out, 1, attrs.groups, size);
  }
  const kernels = mergeDims(batched(w, size), 0, 2);
  const out = convInputGrad(channelsByElement(batched(g, size)), kernels, grouped(attrs, size));
  return unfoldBatch(out, 1, size);
};

const weightGradRule: BatchRule<"convWeightGrad"> = ({ attrs }, operands, size) => {
  const [x, g] = operands;
  if (onlyFirst(operands)) {
    const out = convWeightGrad(channelsByGroup(x.node, 1, attrs.groups), g.node, attrs);
    return unfoldBatch(out, 1, size);
  }
  if (onlySecond(operands)) {
    const out = convWeightGrad(x.node, channelsByGroup(g.node, 1, attrs.groups), attrs);
    return elementsFirst(out, 0, attrs.groups, size);
  }
  const signals = channelsByElement(batched(x, size));
  const out = convWeightGrad(signals, channelsByElement(batched(g, size)), grouped(attrs, size));
  return unfoldBatch(out, 0, size);
};

/** Batching rules of the contractions. */
export const contractionBatch: Pick<
  BatchTable,
  "dot" | "conv" | "convInputGrad" | "convWeightGrad"
> = {
  dot: dotRule,
  conv: convRule,
  convInputGrad: inputGradRule,
  convWeightGrad: weightGradRule,
};
