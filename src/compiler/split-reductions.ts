import { binary, extremum, narrow, reduce, reshape } from "../ir/build.ts";
import type { BinaryOp } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { rewrite } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";

type Reduction = NodeOf<"reduceSum" | "reduceProd" | "reduceMax" | "reduceMin">;

/** Reductions of at least this many elements to fewer than MANY results are cut into parts. */
const LONG = 1 << 16;
const MANY = 16;
const PARTS = 64;

const combine: Readonly<Record<Reduction["op"], BinaryOp>> = {
  reduceSum: "add",
  reduceProd: "mul",
  reduceMax: "max",
  reduceMin: "min",
};

function fold(op: Reduction["op"], x: Node, axes: readonly number[]): Node {
  return op === "reduceMax" || op === "reduceMin" ? extremum(op, x, axes) : reduce(op, x, axes);
}

function isReduction(node: Node): node is Reduction {
  return node.op in combine;
}

/** Σ over the axes in PARTS partial results along `dim`, which must divide. */
function inParts(node: Reduction, x: Node, dim: number): Node {
  const { axes } = node.attrs;
  const split = [...x.shape.slice(0, dim), PARTS, x.shape[dim] / PARTS, ...x.shape.slice(dim + 1)];
  const moved = axes.map((axis) => (axis >= dim ? axis + 1 : axis));
  const partial = fold(node.op, reshape(x, split), moved);
  return reshape(fold(node.op, partial, [dim]), node.shape);
}

function splitReduction(node: Reduction): Node {
  const [x] = node.src;
  const { axes } = node.attrs;
  const results = numel(node.shape);
  if (results >= MANY || numel(x.shape) < LONG * Math.max(results, 1)) return node;
  const dim = axes.reduce((best, axis) => (x.shape[axis] > x.shape[best] ? axis : best), axes[0]);
  const size = x.shape[dim];
  const rest = size % PARTS;
  if (size < 2 * PARTS) return node;
  if (rest === 0) return inParts(node, x, dim);
  const main = inParts(node, narrow(x, dim, 0, size - rest), dim);
  return binary(combine[node.op], main, fold(node.op, narrow(x, dim, size - rest, rest), axes));
}

/**
 * Cuts long reductions to few results into parts, so that threads share them and f32 sums keep
 * their accuracy. The cut depends on the shape alone: results do not change with the machine.
 */
export function splitReductions(graph: Graph): Graph {
  const outputs = rewrite(graph.outputs, (node) =>
    isReduction(node) ? splitReduction(node) : node,
  );
  return { inputs: graph.inputs, outputs };
}
