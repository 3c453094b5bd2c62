import type { Node } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import { stridedView } from "./lower.ts";
import type { StridedView } from "./lower.ts";

/** The node under reshapes. */
function withoutReshapes(node: Node, isValue: (node: Node) => boolean): Node {
  let base = node;
  while (base.op === "reshape" && !isValue(base)) [base] = base.src;
  return base;
}

/**
 * A row in another dtype that `sum` adds to each row of a product which can do that itself: what
 * the product could read if it was stored in the product's dtype. Null for every other node.
 */
export function castBias(
  sum: Node,
  addsBias: (product: Node) => boolean,
  isValue: (node: Node) => boolean,
): Node | null {
  if (sum.op !== "add") return null;
  for (const [term, row] of [sum.src, sum.src.toReversed()]) {
    const product = withoutReshapes(term, isValue);
    let base = row;
    while ((base.op === "expand" || base.op === "reshape") && !isValue(base)) [base] = base.src;
    if (base.op !== "cast" || isValue(base) || numel(base.shape) !== sum.shape.at(-1)) continue;
    if (product.op === "dot" && addsBias(product)) return base;
  }
  return null;
}

/**
 * The row that `sum` adds to every row of the product, if that is all it is: a view whose last
 * stride is the row's and whose others are 0. Null for every other node.
 */
export function biasOf(
  product: Node,
  sum: Node,
  isValue: (node: Node) => boolean,
): StridedView | null {
  const columns = product.shape[product.shape.length - 1];
  if (product.op !== "dot" || sum.op !== "add" || sum.dtype !== product.dtype) return null;
  if (numel(sum.shape) !== numel(product.shape) || sum.shape.at(-1) !== columns) return null;
  for (const [term, row] of [sum.src, sum.src.toReversed()]) {
    if (withoutReshapes(term, isValue) !== product) continue;
    const view = stridedView(row, isValue);
    if (view === null || view.value === product) continue;
    const last = view.strides.length - 1;
    const isRow = view.strides.every((stride, dim) =>
      dim === last ? stride === 1 || columns === 1 : stride === 0 || sum.shape[dim] === 1,
    );
    if (isRow) return view;
  }
  return null;
}
