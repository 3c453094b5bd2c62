import * as ir from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import * as diagonals from "./ops/diagonals.ts";
import { einsum as einsumNodes } from "./ops/einsum.ts";
import * as joining from "./ops/joining.ts";
import * as linear from "./ops/linear.ts";
import * as logic from "./ops/logic.ts";
import * as shapes from "./ops/shape.ts";
import type { Tensor, TensorLike } from "./tensor.ts";
import { derive, operand } from "./tensor.ts";

const nodesOf = (tensors: readonly Tensor[]): Node[] => tensors.map((tensor) => tensor.node);

const deriveAll = (sources: readonly Tensor[], nodes: readonly Node[]): Tensor[] =>
  nodes.map((node) => derive(sources, node));

/** Joins tensors along an existing dim. @throws {ShapeError} if other dims differ. */
export function cat(tensors: readonly Tensor[], options?: { readonly dim?: number }): Tensor {
  return derive(tensors, joining.cat(nodesOf(tensors), options));
}

/** Joins tensors of one shape along a new dim. */
export function stack(tensors: readonly Tensor[], options?: { readonly dim?: number }): Tensor {
  return derive(tensors, joining.stack(nodesOf(tensors), options));
}

/** `a` where the condition holds, `b` elsewhere; all three broadcast. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return derive([condition, a, b], logic.where(condition.node, operand(a), operand(b)));
}

/** Sum of products named by an equation such as `"bik,bkj->bij"`. */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  return derive(operands, einsumNodes(equation, ...nodesOf(operands)));
}

/** The tensors repeated to their common shape. */
export function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  return deriveAll(tensors, shapes.broadcastTensors(nodesOf(tensors)));
}

/** Grids of coordinates: one tensor per vector, all of the shape of their lengths. */
export function meshgrid(
  tensors: readonly Tensor[],
  options?: { readonly indexing?: "ij" | "xy" },
): Tensor[] {
  return deriveAll(tensors, diagonals.meshgrid(nodesOf(tensors), options));
}

/** Contracts the last dims of `a` with the first of `b`, or the dims named. */
export function tensordot(
  a: Tensor,
  b: Tensor,
  options?: { readonly dims?: number | readonly [readonly number[], readonly number[]] },
): Tensor {
  return derive([a, b], linear.tensordot(a.node, b.node, options));
}

/**
 * x as it is, computed no earlier than the other tensors; keeps programs from growing too large at
 * once and fixes an order where one matters.
 */
export function after(x: Tensor, others: readonly Tensor[]): Tensor {
  return derive([x, ...others], ir.barrier(x.node, nodesOf(others)));
}
