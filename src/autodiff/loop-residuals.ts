import { topologicalOrder } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";

/** Elementwise operations that are saved rather than done twice. */
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
  readonly saved: Set<Node>;
  private readonly carries: ReadonlySet<Node>;
  private readonly varying: ReadonlySet<Node>;

  constructor(carries: ReadonlySet<Node>, varying: ReadonlySet<Node>, saved: Iterable<Node>) {
    this.carries = carries;
    this.varying = varying;
    this.saved = new Set(saved);
  }

  /** Whether nothing cheap leads to the node: it has to be saved if it is read. */
  isCostly(node: Node): boolean {
    if (this.carries.has(node)) return true;
    if (node.op === "input" || !this.varying.has(node)) return false;
    const isView = opClass[node.op] === "movement" && node.op !== "concat";
    const isCheap = opClass[node.op] === "elementwise" && !costly.has(node.op);
    return !(isView || isCheap || identities.has(node.op));
  }

  /** Saves the node, or what it is cheap to compute from if that takes no more memory. */
  add(node: Node): void {
    const missing = this.missing(node);
    const size = missing.reduce((sum, need) => sum + numel(need.shape), 0);
    if (size <= numel(node.shape)) for (const need of missing) this.saved.add(need);
    else this.saved.add(node);
  }

  /** What would have to be saved to compute the node again. */
  private missing(node: Node): Node[] {
    const seen = new Set([node]);
    const pending = [node];
    const found: Node[] = [];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (this.saved.has(at)) continue;
      if (this.isCostly(at)) found.push(at);
      else if (this.varying.has(at)) {
        for (const source of at.src) {
          if (seen.has(source)) continue;
          seen.add(source);
          pending.push(source);
        }
      }
    }
    return found;
  }
}

/**
 * Chooses which values of a forward trip to save for the backward trips: costly ones, and carries;
 * views and cheap arithmetic on saved values are computed again.
 * @param frontier - nodes of the forward trip that the backward trip reads.
 * @param carries - inputs of the body that are carries.
 * @param varying - nodes that differ from trip to trip.
 * @param always - nodes that are saved in any case.
 */
export function chooseResiduals(
  frontier: readonly Node[],
  carries: ReadonlySet<Node>,
  varying: ReadonlySet<Node>,
  { always }: { readonly always: readonly Node[] },
): Set<Node> {
  const residuals = new Residuals(carries, varying, always);
  const ordered = frontier.toSorted((a, b) => a.id - b.id);
  for (const node of ordered) if (residuals.isCostly(node)) residuals.saved.add(node);
  for (const node of ordered) if (!residuals.isCostly(node)) residuals.add(node);
  return residuals.saved;
}
