import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim } from "../../ir/shape.ts";
import { cat } from "./joining.ts";
import { split } from "./slicing.ts";

const rankOf = (x: Node): number => x.shape.length;

/** x with at least one dim. */
export function atLeast1d(x: Node): Node {
  return rankOf(x) === 0 ? ir.reshape(x, [1]) : x;
}

/** x with at least two dims; a vector becomes a row. */
export function atLeast2d(x: Node): Node {
  return rankOf(x) >= 2 ? x : ir.reshape(x, [1, ...atLeast1d(x).shape]);
}

/** x with at least three dims: [N] becomes [1, N, 1] and [M, N] becomes [M, N, 1]. */
export function atLeast3d(x: Node): Node {
  return rankOf(x) >= 3 ? x : ir.reshape(x, [...atLeast2d(x).shape, 1]);
}

/** Joins along the second dim, vectors along their only one. */
export function hstack(tensors: readonly Node[]): Node {
  const parts = tensors.map(atLeast1d);
  return cat(parts, { dim: parts.every((x) => rankOf(x) === 1) ? 0 : 1 });
}

/** Joins as rows: vectors become matrices of one row. */
export function vstack(tensors: readonly Node[]): Node {
  return cat(tensors.map(atLeast2d));
}

/** Joins along the third dim. */
export function dstack(tensors: readonly Node[]): Node {
  return cat(tensors.map(atLeast3d), { dim: 2 });
}

/** Joins as columns: vectors become matrices of one column. */
export function columnStack(tensors: readonly Node[]): Node {
  const columns = tensors.map((x) => (rankOf(x) <= 1 ? ir.reshape(x, [product(x.shape), 1]) : x));
  return hstack(columns);
}

/** The matrix with the given matrices along its diagonal and zeros elsewhere. */
export function blockDiag(tensors: readonly Node[]): Node {
  const blocks = tensors.map(atLeast2d);
  if (blocks.length === 0) return ir.full([1, 0], 0, "f32");
  for (const { shape } of blocks) {
    if (shape.length !== 2) {
      throw new ShapeError(`blockDiag: needs tensors of at most 2 dims, got ${formatShape(shape)}`);
    }
  }
  const dtype = blocks.map((x) => x.dtype).reduce(promote);
  const width = blocks.reduce((sum, { shape }) => sum + shape[1], 0);
  let left = 0;
  const rows = blocks.map((x) => {
    const start = left;
    left += x.shape[1];
    return ir.pad(ir.cast(x, dtype), [0, start], [0, width - left]);
  });
  return ir.concat(rows, 0);
}

/**
 * Parts along a dim: `sections` of them, the first ones one longer where the size does not divide,
 * or cut before each of the given indices.
 */
export function tensorSplit(
  x: Node,
  sections: number | readonly number[],
  { dim = 0 }: { readonly dim?: number } = {},
): Node[] {
  if (rankOf(x) === 0) throw new ShapeError("tensorSplit: x must have at least one dim, got []");
  const axis = normalizeDim("tensorSplit", dim, rankOf(x));
  const size = x.shape[axis];
  if (typeof sections === "number") {
    if (!Number.isInteger(sections) || sections < 1) {
      throw new ConfigError(`tensorSplit: sections must be an integer ≥ 1, got ${sections}`);
    }
    const short = Math.floor(size / sections);
    const sizes = range(sections).map((i) => short + (i < size % sections ? 1 : 0));
    return split(x, sizes, { dim: axis });
  }
  const clip = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const cuts = [0, ...sections.map(clip), size];
  return range(cuts.length - 1).map((i) =>
    ir.narrow(x, axis, cuts[i], Math.max(cuts[i + 1] - cuts[i], 0)),
  );
}

function splitAlong(
  op: string,
  x: Node,
  sections: number | readonly number[],
  dim: number,
): Node[] {
  if (rankOf(x) <= dim) {
    throw new ShapeError(`${op}: x must have more than ${dim} dims, got ${formatShape(x.shape)}`);
  }
  if (typeof sections === "number" && x.shape[dim] % sections !== 0) {
    throw new ShapeError(
      `${op}: sections must divide dim ${dim} of ${formatShape(x.shape)}, got ${sections}; use tensorSplit`,
    );
  }
  return tensorSplit(x, sections, { dim });
}

/** Parts along the second dim, of a vector along its only one. */
export function hsplit(x: Node, sections: number | readonly number[]): Node[] {
  return splitAlong("hsplit", x, sections, rankOf(x) === 1 ? 0 : 1);
}

/** Parts along the first dim of a tensor of at least two. */
export function vsplit(x: Node, sections: number | readonly number[]): Node[] {
  if (rankOf(x) < 2) {
    throw new ShapeError(`vsplit: x must have at least 2 dims, got ${formatShape(x.shape)}`);
  }
  return splitAlong("vsplit", x, sections, 0);
}

/** Parts along the third dim. */
export function dsplit(x: Node, sections: number | readonly number[]): Node[] {
  return splitAlong("dsplit", x, sections, 2);
}

/** All combinations of one element of each vector, as rows; a vector itself if it is alone. */
export function cartesianProd(tensors: readonly Node[]): Node {
  if (tensors.length === 0)
    throw new ShapeError("cartesianProd: needs at least one vector, got none");
  for (const { shape } of tensors) {
    if (shape.length !== 1) {
      throw new ShapeError(`cartesianProd: needs vectors, got ${formatShape(shape)}`);
    }
  }
  if (tensors.length === 1) return tensors[0];
  const dtype = tensors.map((x) => x.dtype).reduce(promote);
  const sizes = tensors.map((x) => x.shape[0]);
  const count = product(sizes);
  const columns = tensors.map((x, i) => {
    const line = sizes.map((size, dim) => (dim === i ? size : 1));
    return ir.reshape(ir.expand(ir.reshape(ir.cast(x, dtype), line), sizes), [count, 1]);
  });
  return ir.concat(columns, 1);
}

/** All subsets of `r` of the indices 0 … n−1, in lexicographic order. */
export function subsets(n: number, r: number, withReplacement: boolean): number[][] {
  let rows: number[][] = [[]];
  for (let i = 0; i < r; i++) {
    rows = rows.flatMap((row) => {
      const first = row.length === 0 ? 0 : row[row.length - 1] + (withReplacement ? 0 : 1);
      return range(Math.max(n - first, 0)).map((k) => [...row, first + k]);
    });
  }
  return rows;
}

/** [row, column] of the elements of a triangle of a matrix, row by row. */
export function trianglePlaces(
  rows: number,
  columns: number,
  offset: number,
  side: "lower" | "upper",
): [row: number, column: number][] {
  return range(rows).flatMap((row) => {
    const edge = Math.min(Math.max(row + offset + (side === "lower" ? 1 : 0), 0), columns);
    const [first, end] = side === "lower" ? [0, edge] : [edge, columns];
    return range(end - first).map((i): [number, number] => [row, first + i]);
  });
}
