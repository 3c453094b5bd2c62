import { expand, permute, reshape } from "../ir/build.ts";
import type { Node, OpNode } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { product, range } from "../base/integers.ts";

/** An operand of a node being batched: with a leading batch dim, or the same for all elements. */
export interface BatchOperand {
  readonly node: Node;
  readonly isBatched: boolean;
}

/**
 * The node over a leading batch dim of `size`, which the result has in front. Called only if an
 * operand is batched.
 */
export type BatchRule<K extends Op> = (
  node: OpNode<K>,
  operands: readonly BatchOperand[],
  size: number,
) => Node;

/**
 * One batching rule per primitive. `"leaf"`: there is no operand that could be batched; `"region"`:
 * the engine copies the mark, because its boundary moves with the region; `"loop"`: the engine
 * batches the body, and finds the results of what has several.
 */
export type BatchTable = { readonly [K in Op]: BatchRule<K> | "leaf" | "region" | "loop" };

/** The operand with its batch dim; one that has none repeats. */
export function batched({ node, isBatched }: BatchOperand, size: number): Node {
  if (isBatched) return node;
  return expand(reshape(node, [1, ...node.shape]), [size, ...node.shape]);
}

/** Views dim `dim` as several dims of the given sizes. */
export function splitDim(x: Node, dim: number, sizes: readonly number[]): Node {
  return reshape(x, [...x.shape.slice(0, dim), ...sizes, ...x.shape.slice(dim + 1)]);
}

/** Views `count` dims from `dim` on as one. */
export function mergeDims(x: Node, dim: number, count: number): Node {
  const merged = product(x.shape.slice(dim, dim + count));
  return reshape(x, [...x.shape.slice(0, dim), merged, ...x.shape.slice(dim + count)]);
}

/** Moves one dim, the others keep their order. */
export function moveDim(x: Node, from: number, to: number): Node {
  const order = range(x.shape.length).filter((dim) => dim !== from);
  return permute(x, order.toSpliced(to, 0, from));
}

/** Moves the batch dim in front of dim `dim` of the element and merges the two. */
export function foldBatch(x: Node, dim: number): Node {
  return mergeDims(moveDim(x, 0, dim), dim, 2);
}

/** Undoes foldBatch. */
export function unfoldBatch(x: Node, dim: number, size: number): Node {
  return moveDim(splitDim(x, dim, [size, x.shape[dim] / size]), dim, 0);
}
