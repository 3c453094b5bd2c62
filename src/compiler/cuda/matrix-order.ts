/** How a strided matrix lies in memory, as product libraries see it. */
export interface MatrixOrder {
  /** Whether rows follow each other, each contiguous, or columns. */
  readonly order: "rows" | "columns";
  /** Elements from one row (column) to the next. */
  readonly leading: number;
}

/**
 * The order of a matrix with one contiguous dim, or null: neither stride is 1, or rows overlap.
 * Strides of dims of size 1 mean nothing.
 */
export function matrixOrder(
  rows: number,
  columns: number,
  rowStride: number,
  columnStride: number,
): MatrixOrder | null {
  if (columns === 1 || columnStride === 1) {
    if (rows === 1) return { order: "rows", leading: columns };
    if (rowStride >= columns) return { order: "rows", leading: rowStride };
  }
  if (rows === 1 || rowStride === 1) {
    if (columns === 1) return { order: "columns", leading: rows };
    if (columnStride >= rows) return { order: "columns", leading: columnStride };
  }
  return null;
}

/** Dims of the same sizes in several tensors: one stride per tensor. */
export interface SharedDim {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Merges neighbouring dims that are one dim in every tensor, and drops those of size 1. */
export function mergeDims(dims: readonly SharedDim[]): SharedDim[] {
  const merged: SharedDim[] = [];
  for (const dim of dims) {
    if (dim.size === 1) continue;
    const last = merged.at(-1);
    if (last !== undefined && last.strides.every((s, i) => s === dim.strides[i] * dim.size)) {
      merged[merged.length - 1] = { size: last.size * dim.size, strides: dim.strides };
    } else merged.push(dim);
  }
  return merged;
}
