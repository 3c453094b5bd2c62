import { CompileError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { LaunchFacts } from "./program-code.ts";

/** Multiplications and additions of a contraction, and the bytes it must touch. */
export function contractionFacts(node: Node): LaunchFacts {
  const [a, b] = node.src;
  const tensors = [node, a, b];
  const bytes = tensors.reduce((sum, { shape }) => sum + numel(shape), 0) * dtypeBytes(node.dtype);
  return { name: node.op, bytes, flops: 2 * multiplications(node) };
}

function multiplications(node: Node): number {
  const [a, b] = node.src;
  switch (node.op) {
    case "dot":
      return numel(node.shape) * a.shape[a.shape.length - 1];
    case "conv":
      return numel(node.shape) * product(b.shape.slice(1));
    case "convInputGrad":
      return numel(a.shape) * product(b.shape.slice(1));
    case "convWeightGrad":
      return numel(b.shape) * product(node.shape.slice(1));
    default:
      throw new CompileError(`contractionFacts: ${node.op} is no contraction`);
  }
}
