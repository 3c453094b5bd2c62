import type { Node, OpNode } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";

/**
 * Cotangent of operand number `operand`, built from the cotangent of the node's result. null: the
 * operand gets nothing.
 */
export type OperandRule<K extends Op> = (
  node: OpNode<K>,
  cotangent: Node,
  operand: number,
) => Node | null;

/**
 * How a cotangent passes an op:
 * - a function serves every operand, a list has one entry per operand (null: no gradient);
 * - `"none"`: the result is constant wherever it is differentiable, or not a float;
 * - `"region"`: the engine recomputes the region that the node closes (see region.ts);
 * - `"results"`: the engine collects the cotangents of all results of a node that has several (see
 *   loop-gradient.ts and attention-gradient.ts).
 */
export type VjpRule<K extends Op> =
  | OperandRule<K>
  | readonly (OperandRule<K> | null)[]
  | "none"
  | "region"
  | "results";

/** One gradient rule per primitive. */
export type VjpTable = { readonly [K in Op]: VjpRule<K> };

/** The number a node repeats if it is a broadcast constant. */
export function constantValue(node: Node): number | undefined {
  if (node.op === "constant") return node.attrs.value;
  const isView = node.op === "expand" || node.op === "reshape" || node.op === "permute";
  return isView ? constantValue(node.src[0]) : undefined;
}
