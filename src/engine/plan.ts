import { UsageError } from "../base/errors.ts";
import { input } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { withSources } from "../ir/graph.ts";
import { callsHost } from "../ir/loop.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { attributesKey } from "../ir/node.ts";
import { formatShape } from "../ir/shape.ts";

/** A graph in canonical form: equal keys mean equal programs, with leaves in the same order. */
export interface GraphPlan {
  readonly key: string;
  /** Nodes whose values enter the program, in first-visit order. */
  readonly leaves: readonly Node[];
  /** Whether host functions run in the middle of the program. */
  readonly hasCustom: boolean;
  /** The graph over fresh or existing inputs; needed only when the key is new. */
  build(): Graph;
}

/** Whether a node's value is at hand, so that the graph ends there. */
export type IsLeaf = (node: Node) => boolean;

/** Skips nodes that mean something to autodiff only: checkpoints, gradient rules and stops. */
export function resolveIdentity(node: Node, isLeaf: IsLeaf): Node {
  let at = node;
  while (!isLeaf(at)) {
    if (at.op === "checkpoint" || at.op === "customGradient") at = at.src[0];
    else if (at.op === "bitcast" && at.src[0].dtype === at.dtype) at = at.src[0];
    else break;
  }
  return at;
}

function refuseInput(node: Node): never {
  throw new UsageError(
    `tensor: a value this computation needs is gone, got a freed ${node.dtype}${formatShape(node.shape)}; ` +
      "it was disposed, or it belongs to a jit trace that has ended",
  );
}

/** Numbers the nodes in depth-first order; numbering starts with 0 for the first one finished. */
class Planner {
  readonly numbers = new Map<Node, number>();
  readonly leaves: Node[] = [];
  readonly order: Node[] = [];
  readonly parts: string[] = [];
  readonly isLeaf: IsLeaf;

  constructor(isLeaf: IsLeaf) {
    this.isLeaf = isLeaf;
  }

  visit(root: Node): void {
    const stack = [resolveIdentity(root, this.isLeaf)];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (this.numbers.has(node)) stack.pop();
      else if (this.isLeaf(node)) this.#finishLeaf(node);
      else if (!this.#pushSources(node, stack)) this.#finish(node);
    }
  }

  number(node: Node): number | undefined {
    return this.numbers.get(resolveIdentity(node, this.isLeaf));
  }

  #pushSources(node: Node, stack: Node[]): boolean {
    if (node.op === "input") refuseInput(node);
    const before = stack.length;
    for (let i = node.src.length - 1; i >= 0; i--) {
      const source = resolveIdentity(node.src[i], this.isLeaf);
      if (!this.numbers.has(source)) stack.push(source);
    }
    return stack.length > before;
  }

  #finishLeaf(node: Node): void {
    this.numbers.set(node, this.numbers.size);
    this.leaves.push(node);
    this.parts.push(`${node.dtype}${node.shape.join("x")}`);
  }

  #finish(node: Node): void {
    let key: string = node.op;
    if (node.op === "constant") key += node.dtype;
    for (const source of node.src) key += ` ${this.number(source)}`;
    this.numbers.set(node, this.numbers.size);
    this.order.push(node);
    this.parts.push(`${key} ${attributesKey(node.attrs)}`);
  }
}

const extrema: ReadonlySet<Node["op"]> = new Set<Node["op"]>(["reduceMax", "reduceMin"]);

/**
 * Numbers the graph of `roots`. An extremum that is at hand is computed again where its operand is:
 * its gradient looks for the element equal to it, and what another program computed may differ in
 * the last bit, so that no element would be.
 */
function planConsistently(roots: readonly Node[], isLeaf: IsLeaf): Planner {
  const again = new Set<Node>();
  for (;;) {
    const planner = new Planner((node) => isLeaf(node) && !again.has(node));
    for (const root of roots) planner.visit(root);
    const found = planner.leaves.filter((leaf) => {
      if (!extrema.has(leaf.op)) return false;
      const operand = resolveIdentity(leaf.src[0], planner.isLeaf);
      return planner.numbers.has(operand) && !planner.isLeaf(operand);
    });
    if (found.length === 0) return planner;
    for (const leaf of found) again.add(leaf);
  }
}

function asInput(node: Node): NodeOf<"input"> {
  const leaf = node.op === "input" ? node : input(node.shape, node.dtype);
  if (leaf.op !== "input") throw new UsageError("internal: an input is expected");
  return leaf;
}

/**
 * Plans the graph of `roots`, which must be distinct and no leaves themselves.
 * @throws {UsageError} if the graph reaches an input without a value.
 */
export function planGraph(roots: readonly Node[], isLeaf: IsLeaf): GraphPlan {
  const planner = planConsistently(roots, isLeaf);
  planner.parts.push(roots.map((root) => planner.number(root)).join(" "));
  const build = (): Graph => {
    const inputs = planner.leaves.map(asInput);
    const built = new Map<Node, Node>();
    planner.leaves.forEach((leaf, i) => built.set(leaf, inputs[i]));
    const get = (node: Node): Node => {
      const resolved = resolveIdentity(node, planner.isLeaf);
      return built.get(resolved) ?? resolved;
    };
    for (const node of planner.order) built.set(node, withSources(node, node.src.map(get)));
    return { inputs, outputs: roots.map(get) };
  };
  const hasCustom = planner.order.some(callsHost);
  return { key: planner.parts.join("\n"), leaves: planner.leaves, hasCustom, build };
}
