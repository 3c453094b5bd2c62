import { add, dot, reduceSum, reshape, transpose } from "../ir/build.ts";
import { withSources } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";

/** A sum over trips, computed once from values that the trips stack. */
export interface TripSum {
  /** Values of a trip that it needs stacked. */
  readonly needs: readonly Node[];
  readonly build: (stackOf: (node: Node) => Node) => Node;
}

/** Linear views: the sum of views is the view of the sum. */
const views: ReadonlySet<Op> = new Set<Op>(["reshape", "permute", "expand", "slice", "neg"]);

/** The operand of a product as [K, M], as it has to be stacked. */
function columns(left: Node): Node {
  return transpose(left, 0, 1);
}

/**
 * Sums over the trips of a loop that need not be carried: Σ aₜ·bₜ is one product of the stacked
 * factors, which is faster than a short product per trip that reads and writes the whole sum.
 */
export class TripSums {
  private readonly canStack: (node: Node) => boolean;
  private readonly candidates: Set<Node> = new Set();

  /** @param canStack - whether a node differs from trip to trip. */
  constructor(results: readonly Node[], canStack: (node: Node) => boolean) {
    this.canStack = canStack;
    for (const result of results) this.collect(result);
  }

  /** How to sum a result of a trip, or null if it has to be carried. */
  plan(node: Node): TripSum | null {
    if (views.has(node.op)) {
      const inner = this.plan(node.src[0]);
      if (inner === null) return null;
      return { ...inner, build: (stackOf) => withSources(node, [inner.build(stackOf)]) };
    }
    if (node.op === "add") {
      const [left, right] = [this.plan(node.src[0]), this.plan(node.src[1])];
      if (left === null || right === null) return null;
      return {
        needs: [...left.needs, ...right.needs],
        build: (stackOf) => add(left.build(stackOf), right.build(stackOf)),
      };
    }
    if (node.op === "dot" && this.isWorthStacking(node)) return productSum(node);
    if (node.op !== "reduceSum" || !this.candidates.has(node.src[0])) return null;
    const [x] = node.src;
    const { axes } = node.attrs;
    const above = [0, ...axes.map((axis) => axis + 1)];
    return {
      needs: [x],
      build: (stackOf) => reshape(reduceSum(stackOf(x), above), node.shape),
    };
  }

  private collect(node: Node): void {
    if (views.has(node.op) || node.op === "add") node.src.forEach((source) => this.collect(source));
    else if (node.op === "dot" && this.isWorthStacking(node)) {
      this.candidates.add(columns(node.src[0])).add(node.src[1]);
    }
  }

  private isWorthStacking(product: Node): boolean {
    const [a, b] = product.src;
    if (product.shape.length !== 2 || !this.canStack(columns(a)) || !this.canStack(b)) return false;
    return numel(a.shape) + numel(b.shape) <= 2 * numel(product.shape);
  }
}

function productSum(product: Node): TripSum {
  const [a, b] = product.src;
  const left = columns(a);
  const rows = (stack: Node): Node =>
    reshape(stack, [stack.shape[0] * stack.shape[1], stack.shape[2]]);
  return {
    needs: [left, b],
    build: (stackOf) => dot(transpose(rows(stackOf(left)), 0, 1), rows(stackOf(b))),
  };
}
