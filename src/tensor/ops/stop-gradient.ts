import type { Node } from "../../ir/node.ts";
import { makeNode } from "../../ir/node.ts";

/**
 * x as a constant for differentiation: a cast of bits to themselves has no gradient and costs
 * nothing once compiled.
 */
export function stopGradient(x: Node): Node {
  return makeNode("bitcast", [x], { dtype: x.dtype });
}
