import type { Node } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";

const expensive: Partial<Readonly<Record<Op, number>>> = {
  div: 3,
  rem: 6,
  sqrt: 3,
  exp: 8,
  expm1: 10,
  log: 10,
  log1p: 12,
  sin: 14,
  cos: 14,
  tanh: 12,
  erf: 14,
  pow: 24,
};

/** Cost of computing one element of a node from its operands, in simple vector operations. */
export function nodeCost(node: Node): number {
  if (opClass[node.op] === "elementwise") return expensive[node.op] ?? 1;
  if (node.op === "randomBits") return 60;
  return node.op === "gather" || node.op === "pad" ? 2 : 0;
}
