import { dtypeBytes } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { topologicalOrder } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";
import { castBias } from "./bias.ts";
import { nodeCost } from "./cost.ts";
import type { DeviceTraits } from "./device-traits.ts";
import { isContiguousView, stridedView } from "./lower.ts";
import { rowIndex } from "./scatter-rows.ts";
import { uniformValue } from "./simplify.ts";

/** Scalar chains are redone in each kernel up to this cost: cheaper than a kernel of their own. */
const SCALAR_LIMIT = 60;
const COST_CAP = 1e6;
/** Elements that share one, from which on its cost hardly counts. */
const MANY = 16;
/** Longest chain of operations computed in one expression: keeps kernels and recursion bounded. */
const DEPTH_LIMIT = 100;

const ownKernel: ReadonlySet<Op> = new Set<Op>([
  "reduceSum",
  "reduceProd",
  "reduceMax",
  "reduceMin",
  "scan",
  "scatter",
  "argsort",
  "custom",
  "concat",
  "dot",
  "conv",
  "convInputGrad",
  "convWeightGrad",
  "assign",
  "loop",
  "attention",
  "attentionGrad",
  "part",
]);

/** Ops whose operands must be whole buffers in row-major order. */
const wholeBuffers: ReadonlySet<Op> = new Set<Op>([
  "conv",
  "convInputGrad",
  "convWeightGrad",
  "argsort",
  "custom",
  "loop",
]);

const isMovement = (node: Node): boolean =>
  (opClass[node.op] === "movement" && node.op !== "concat") || node.op === "barrier";

/** Whether each element of the operand is many elements of the node. */
function isWidelyShared(node: Node): boolean {
  return node.op === "expand" && numel(node.shape) >= MANY * numel(node.src[0].shape);
}

/** Operations that cost so much are not done again for every place. */
const PLACE_COST = 6;

/** Tells which nodes are simple arithmetic on places, which threads share along an axis. */
function placeTest(): (node: Node) => boolean {
  const memo = new Map<Node, boolean>();
  const test = (node: Node): boolean => {
    const known = memo.get(node);
    if (known !== undefined) return known;
    const isLeaf = node.op === "iota" || node.op === "constant";
    const isSimple = opClass[node.op] === "elementwise" || isMovement(node);
    const result =
      isLeaf || (isSimple && nodeCost(node) <= PLACE_COST && node.src.every((part) => test(part)));
    memo.set(node, result);
    return result;
  };
  return test;
}

function countUsers(order: readonly Node[]): Map<Node, number> {
  const users = new Map<Node, number>();
  for (const node of order) {
    for (const source of new Set(node.src)) users.set(source, (users.get(source) ?? 0) + 1);
  }
  return users;
}

/** Concatenations that are one part of one other: their parts go straight into its result. */
function nestedConcats(graph: Graph, order: readonly Node[]): Set<Node> {
  const users = countUsers(order);
  const outputs = new Set(graph.outputs);
  const nested = new Set<Node>();
  for (const node of order) {
    if (node.op !== "concat") continue;
    for (const part of node.src) {
      const isOnce = node.src.filter((other) => other === part).length === 1;
      const isOwn = part.op === "concat" && users.get(part) === 1 && !outputs.has(part);
      if (isOwn && isOnce) nested.add(part);
    }
  }
  return nested;
}

/**
 * Decides which nodes get a buffer ("values"); all others are recomputed inside the kernels that
 * use them. `forced` are nodes a later stage found it cannot follow.
 */
export function chooseValues(
  graph: Graph,
  forced: ReadonlySet<Node>,
  traits: DeviceTraits,
): Set<Node> {
  const order = topologicalOrder(graph.outputs);
  const users = countUsers(order);
  const nested = nestedConcats(graph, order);
  const values = new Set<Node>(forced);
  const inlineCost = new Map<Node, number>();
  const inlineDepth = new Map<Node, number>();
  const isPlace = placeTest();
  for (const output of graph.outputs) values.add(output);
  const isValue = (node: Node): boolean => node.op === "input" || values.has(node);

  const costOf = (node: Node): number => {
    if (isValue(node)) return traits.loadCost(dtypeBytes(node.dtype));
    return inlineCost.get(node) ?? 0;
  };
  const materialize = (node: Node): void => {
    if (node.op !== "input" && node.op !== "constant") values.add(node);
  };
  const baseOf = (node: Node): Node => {
    let base = node;
    while (isMovement(base) && !isValue(base)) base = base.src[0];
    return base;
  };
  const materializeOperand = (operand: Node, whole: boolean): void => {
    if (isValue(operand)) return;
    const base = baseOf(operand);
    if (opClass[base.op] === "elementwise" || base.op === "gather") materialize(base);
    const view = stridedView(operand, isValue);
    const isRead =
      view !== null && (whole ? isContiguousView(view, operand) : traits.readsView(operand, view));
    if (!isRead) values.add(operand);
  };
  /** Rows of q, k, v, results and gradients must be contiguous; a bias may repeat. */
  const materializeAttention = (node: Node): void => {
    const hasBias = node.src.length === (node.op === "attention" ? 4 : 7);
    node.src.forEach((source, i) => {
      if (isValue(source)) return;
      const base = baseOf(source);
      if (opClass[base.op] === "elementwise" || base.op === "gather") materialize(base);
      const view = stridedView(source, isValue);
      const isRow = source.shape[source.shape.length - 1] <= 1 || view?.strides.at(-1) === 1;
      const isBias = hasBias && i === 3;
      if (view === null || !(isRow || isBias)) materialize(source);
    });
  };
  const materializeScatter = (node: NodeOf<"scatter">): void => {
    const index = traits.hasRowScatter ? rowIndex(node) : null;
    if (index === null) return;
    const [base, , updates] = node.src;
    if (uniformValue(base) !== 0) materializeOperand(base, true);
    materializeOperand(index, true);
    materializeOperand(updates, true);
  };
  const broadcastSource = (node: Node): void => {
    const growth = numel(node.shape) / Math.max(1, numel(node.src[0].shape));
    const base = baseOf(node.src[0]);
    if (growth < 2 || isValue(base) || opClass[base.op] !== "elementwise") return;
    const isCheap = numel(base.shape) <= 1 || (traits.gathersFast && isPlace(base));
    const limit = isCheap ? SCALAR_LIMIT : traits.repeatLimit;
    if (costOf(base) > limit) materialize(base);
  };

  for (const node of order) {
    if (ownKernel.has(node.op) && !nested.has(node)) values.add(node);
    if (node.op === "dot") for (const source of node.src) materializeOperand(source, false);
    if (node.op === "attention" || node.op === "attentionGrad") materializeAttention(node);
    if (wholeBuffers.has(node.op)) for (const source of node.src) materializeOperand(source, true);
    if (node.op === "scatter") materializeScatter(node);
    if (node.op === "expand") broadcastSource(node);
    if (node.op === "gather" && numel(node.shape) > numel(node.src[0].shape)) {
      const base = baseOf(node.src[0]);
      if (opClass[base.op] === "elementwise") materialize(base);
    }
    const whole = node.src.reduce((sum, source) => sum + costOf(source), nodeCost(node));
    const cost = isWidelyShared(node) ? Math.min(whole, traits.sharedCost) : whole;
    inlineCost.set(node, Math.min(cost, COST_CAP));
    const depthOf = (source: Node): number =>
      isValue(source) ? 0 : (inlineDepth.get(source) ?? 0);
    inlineDepth.set(node, 1 + Math.max(0, ...node.src.map(depthOf)));
    if ((inlineDepth.get(node) ?? 0) > DEPTH_LIMIT) materialize(node);
    const uses = users.get(node) ?? 0;
    const computed = opClass[node.op] === "elementwise" || node.op === "randomBits";
    if (uses < 2 || !computed || isValue(node)) continue;
    const scalar = numel(node.shape) <= 1;
    if (scalar ? cost * uses > SCALAR_LIMIT : cost >= traits.recomputeLimit) materialize(node);
  }
  for (const node of order) {
    const bias = values.has(node) ? castBias(node, traits.addsBias, isValue) : null;
    if (bias !== null) values.add(bias);
  }
  for (const node of order) if (node.op === "assign") values.delete(node);
  for (const node of order) if (node.op === "assign") values.add(node.src[1]);
  return new Set([...values].filter((node) => node.op !== "input"));
}
