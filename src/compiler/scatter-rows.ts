import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";

/** Rows below which a scatter in order is as good as a sorted one. */
const FEW_ROWS = 64;

/**
 * The n row numbers of a scatter that moves whole rows, out[index[i], …] ⊕= updates[i, …]; null for
 * scatters whose indices differ within a row, or that are short.
 */
export function rowIndex(node: NodeOf<"scatter">): Node | null {
  const index = node.src[1];
  const rows = index.shape[0];
  if (node.attrs.dim !== 0 || rows < FEW_ROWS || numel(node.shape) === 0) return null;
  if (index.shape.length === 1) return index;
  const columns = index.shape.slice(1);
  if (columns.some((size, i) => size !== node.shape[i + 1])) return null;
  if (columns.every((size) => size === 1)) return index;
  if (index.op !== "expand") return null;
  const [source] = index.src;
  return source.shape[0] === rows && numel(source.shape) === rows ? source : null;
}
