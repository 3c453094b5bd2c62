import { product } from "../../base/integers.ts";
import type { Node, NodeOf } from "../../ir/node.ts";
import type { StridedView } from "../lower.ts";
import type { MatmulCall, MatrixView } from "./library-calls.ts";
import { mergeDims } from "./matrix-order.ts";

/** Sizes and strides of a product. */
export type MatmulShape = Pick<MatmulCall, "m" | "n" | "k" | "batch" | "a" | "b" | "d">;

/** Element strides of a tensor in row-major order. */
export function packedStrides(shape: readonly number[]): number[] {
  return shape.map((_, i) => product(shape.slice(i + 1)));
}

/** Sizes and strides of a product, with as few batch dims as there can be. */
export function matmulShape(
  node: NodeOf<"dot">,
  [left, right]: readonly StridedView[],
): MatmulShape {
  const [a, b] = node.src;
  const rank = node.shape.length;
  const [m, n] = node.shape.slice(-2);
  const k = a.shape[rank - 1];
  const packed = packedStrides(node.shape);
  const dims = node.shape.slice(0, -2).map((size, i) => ({
    size,
    strides: [left.strides[i], right.strides[i], packed[i]],
  }));
  const matrix = (
    node_: Node,
    strides: readonly number[],
    batch: readonly number[],
  ): MatrixView => {
    const [rows, columns] = node_.shape.slice(-2);
    return {
      rowStride: rows === 1 ? 0 : strides[rank - 2],
      columnStride: columns === 1 ? 0 : strides[rank - 1],
      batchStrides: batch,
    };
  };
  const batch = mergeDims(dims);
  const batchOf = (i: number): number[] => batch.map((dim) => dim.strides[i]);
  return foldRows({
    m,
    n,
    k,
    batch: batch.map((dim) => dim.size),
    a: matrix(a, left.strides, batchOf(0)),
    b: matrix(b, right.strides, batchOf(1)),
    d: matrix(node, packed, batchOf(2)),
  });
}

/** Batches that all meet the same B are more rows of A. */
function foldRows(shape: MatmulShape): MatmulShape {
  const { m, batch, a, b, d } = shape;
  const last = batch.length - 1;
  if (last < 0 || b.batchStrides[last] !== 0) return shape;
  const aRow = m === 1 ? a.batchStrides[last] : a.rowStride;
  const dRow = m === 1 ? d.batchStrides[last] : d.rowStride;
  if (a.batchStrides[last] !== aRow * m || d.batchStrides[last] !== dRow * m) return shape;
  const rest = (view: MatrixView, rowStride: number): MatrixView => ({
    ...view,
    rowStride,
    batchStrides: view.batchStrides.slice(0, last),
  });
  return foldRows({
    ...shape,
    m: m * batch[last],
    batch: batch.slice(0, last),
    a: rest(a, aRow),
    b: rest(b, b.rowStride),
    d: rest(d, dRow),
  });
}
