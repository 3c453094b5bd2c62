import { topologicalOrder } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";

const costly: ReadonlySet<Op> = new Set<Op>([
  "div",
  "rem",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tanh",
  "erf",
  "pow",
]);

const identities: ReadonlySet<Op> = new Set<Op>(["barrier", "checkpoint", "customGradient"]);

/** Nodes that depend on one of `from`, among those the roots need. */
export function dependingOn(roots: readonly Node[], from: ReadonlySet<Node>): Set<Node> {
  const found = new Set<Node>();
  for (const node of topologicalOrder(roots)) {
    if (from.has(node) || node.src.some((source) => found.has(source))) found.add(node);
  }
  return found;
}

/** What the backward trips of a loop read of its forward trips. */
class Residuals {
  readonly saved: Set<Node> = new Set();
  private readonly carries: ReadonlySet<Node>;
  private readonly varying: ReadonlySet<Node>;
  private readonly memo: Map<Node, ReadonlySet<Node>> = new Map();

  constructor(carries: ReadonlySet<Node>, varying: ReadonlySet<Node>) {
    this.carries = carries;
    this.varying = varying;
  }

  /** Values from which the node is cheap to compute again; itself if there are none. */
  needs(node: Node): ReadonlySet<Node> {
    const known = this.memo.get(node);
    if (known !== undefined) return known;
    const found = this.find(node);
    this.memo.set(node, found);
    return found;
  }

  private find(node: Node): ReadonlySet<Node> {
    if (this.carries.has(node)) return new Set([node]);
    if (node.op === "input" || !this.varying.has(node)) return new Set();
    const isView = opClass[node.op] === "movement" && node.op !== "concat";
    const isCheap = opClass[node.op] === "elementwise" && !costly.has(node.op);
    if (isView || isCheap || identities.has(node.op)) {
      return new Set(node.src.flatMap((source) => [...this.needs(source)]));
    }
    return new Set([node]);
  }

  /** Saves the node, or what it is computed from if that takes no more memory. */
  add(node: Node): void {
    const missing = [...this.needs(node)].filter((need) => !this.saved.has(need));
    const bytes = missing.reduce((sum, need) => sum + numel(need.shape), 0);
    if (bytes <= numel(node.shape)) for (const need of missing) this.saved.add(need);
    else this.saved.add(node);
  }
}

/**
 * Chooses which values of a forward trip to save for the backward trips: costly ones, and carries;
 * views and cheap arithmetic on saved values are computed again.
 * @param frontier - nodes of the forward trip that the backward trip reads.
 * @param carries - inputs of the body that are carries.
 * @param varying - nodes that differ from trip to trip.
 */
export function chooseResiduals(
  frontier: readonly Node[],
  carries: ReadonlySet<Node>,
  varying: ReadonlySet<Node>,
): Set<Node> {
  const residuals = new Residuals(carries, varying);
  const isOwn = (node: Node): boolean => residuals.needs(node).has(node);
  for (const node of frontier) if (isOwn(node)) residuals.saved.add(node);
  for (const node of frontier) if (!isOwn(node)) residuals.add(node);
  return residuals.saved;
}
