import { isDifferentiable } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import { severalResults } from "../ir/ops.ts";
import { vjpRules } from "./vjp-rules.ts";

/** The nodes through which a gradient reaches `targets`, of nodes listed operands first. */
export function dependents(order: readonly Node[], targets: ReadonlySet<Node>): Set<Node> {
  const found = new Set<Node>();
  for (const node of order) {
    if (!severalResults.has(node.op) && !isDifferentiable(node)) continue;
    const passes = vjpRules[node.op] !== "none" && node.src.some((source) => found.has(source));
    if (passes || targets.has(node)) found.add(node);
  }
  return found;
}
