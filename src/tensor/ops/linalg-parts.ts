import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { lowerTriangle } from "./diagonals.ts";

/** Transposed matrices. */
export const mT = (x: Node): Node => ir.transpose(x, x.shape.length - 2, x.shape.length - 1);

/** Product of matrices of one batch. */
export const dot = (a: Node, ...others: readonly Node[]): Node =>
  others.reduce((left, right) => ir.dot(left, right), a);

/** x times a number. */
export const scale = (x: Node, factor: number): Node => ir.mul(x, ir.fullLike(x, factor));

/** Vectors [..., K] as rows that repeat down matrices of `like`'s shape. */
export const acrossRows = (v: Node, like: Node): Node =>
  ir.expand(ir.reshape(v, [...v.shape.slice(0, -1), 1, v.shape[v.shape.length - 1]]), like.shape);

/** Vectors [..., K] as columns that repeat across matrices of `like`'s shape. */
export const downColumns = (v: Node, like: Node): Node =>
  ir.expand(ir.reshape(v, [...v.shape, 1]), like.shape);

/** Identity matrices of the size of the last dim of `like`. */
export function identityLike(like: Node): Node {
  const mask = diagonalMask(like);
  return ir.where(mask, ir.fullLike(like, 1), ir.fullLike(like, 0));
}

/** True on the diagonal of matrices. */
export function diagonalMask(like: Node): Node {
  const { shape } = like;
  const rank = shape.length;
  return ir.binary("eq", ir.iota(shape, rank - 2), ir.iota(shape, rank - 1));
}

/** Matrices with zeros above (`lower`) or below a diagonal. */
export function triangleOf(x: Node, side: "lower" | "upper", diagonal = 0): Node {
  const [rows, columns] = x.shape.slice(-2);
  const zero = ir.fullLike(x, 0);
  const lower = (offset: number): Node =>
    ir.broadcastTo(lowerTriangle(rows, columns, offset), x.shape);
  if (side === "lower") return ir.where(lower(diagonal), x, zero);
  return ir.where(lower(diagonal - 1), zero, x);
}

/** Diagonal matrices of vectors [..., K]. */
export function diagonalMatrix(v: Node): Node {
  const size = v.shape[v.shape.length - 1];
  const spread = ir.expand(ir.reshape(v, [...v.shape, 1]), [...v.shape, size]);
  return ir.where(diagonalMask(spread), spread, ir.fullLike(spread, 0));
}
