import { ConfigError, ShapeError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isInteger } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim, numel } from "../../ir/shape.ts";
import { unsqueeze } from "./shape.ts";

/** Column − row of every element of a matrix, i32. */
function columnMinusRow(rows: number, columns: number): Node {
  const shape = [rows, columns];
  return ir.sub(ir.iota(shape, 1), ir.iota(shape, 0));
}

/** Where column − row compares with `diagonal`, as bool [rows, columns]. */
function triangle(rows: number, columns: number, diagonal: number, side: "lower" | "upper"): Node {
  const offset = columnMinusRow(rows, columns);
  const limit = ir.fullLike(offset, diagonal);
  return side === "lower" ? ir.binary("le", offset, limit) : ir.binary("le", limit, offset);
}

/** True on and below the diagonal: who may be attended to in causal attention. */
export function lowerTriangle(rows: number, columns: number, diagonal = 0): Node {
  return triangle(rows, columns, diagonal, "lower");
}

function keepTriangle(op: string, x: Node, diagonal: number, side: "lower" | "upper"): Node {
  const rank = x.shape.length;
  if (rank < 2) throw new ShapeError(`${op}: needs at least 2 dims, got ${formatShape(x.shape)}`);
  const mask = triangle(x.shape[rank - 2], x.shape[rank - 1], diagonal, side);
  return ir.where(ir.broadcastTo(mask, x.shape), x, ir.fullLike(x, 0));
}

/** Options of {@link tril} and {@link triu}. */
export interface TriangleOptions {
  /** Which diagonal bounds the triangle; positive ones lie above the main one. @defaultValue 0 */
  readonly diagonal?: number;
}

/** Matrices with zeros above a diagonal. */
export function tril(x: Node, { diagonal = 0 }: TriangleOptions = {}): Node {
  return keepTriangle("tril", x, diagonal, "lower");
}

/** Matrices with zeros below a diagonal. */
export function triu(x: Node, { diagonal = 0 }: TriangleOptions = {}): Node {
  return keepTriangle("triu", x, diagonal, "upper");
}

/** Options of {@link diagonal}. */
export interface DiagonalOptions {
  /** Positive: above the main diagonal. @defaultValue 0 */
  readonly offset?: number;
  /** @defaultValue 0 */
  readonly dim1?: number;
  /** @defaultValue 1 */
  readonly dim2?: number;
}

/** The diagonal of the plane of two dims, as the last dim of the result; a view. */
export function diagonal(x: Node, { offset = 0, dim1 = 0, dim2 = 1 }: DiagonalOptions = {}): Node {
  const rank = x.shape.length;
  const a = normalizeDim("diagonal", dim1, rank);
  const b = normalizeDim("diagonal", dim2, rank);
  if (rank < 2 || a === b) {
    throw new ShapeError(
      `diagonal: dim1 and dim2 must be two dims of ${formatShape(x.shape)}, got ${dim1} and ${dim2}`,
    );
  }
  const outer = range(rank).filter((dim) => dim !== a && dim !== b);
  const plane = ir.permute(x, [...outer, a, b]);
  const [row, column] = offset >= 0 ? [0, offset] : [-offset, 0];
  const length = Math.max(0, Math.min(x.shape[a] - row, x.shape[b] - column));
  const lead = outer.map((dim) => x.shape[dim]);
  if (length === 0) return ir.full([...lead, 0], 0, x.dtype);
  const zeros = lead.map(() => 0);
  const square = ir.slice(plane, [...zeros, row, column], [...lead, length, length]);
  const flat = ir.reshape(square, [...lead, length * length]);
  const step = [...lead.map(() => 1), length + 1];
  return ir.slice(flat, [...zeros, 0], [...lead, length], step);
}

/** Matrices over dims `dim1` and `dim2` with the last dim of x on a diagonal and zeros elsewhere. */
export function diagEmbed(
  x: Node,
  { offset = 0, dim1 = -2, dim2 = -1 }: DiagonalOptions = {},
): Node {
  const rank = x.shape.length;
  if (rank === 0) throw new ShapeError("diagEmbed: needs at least 1 dim, got a scalar");
  const row = normalizeDim("diagEmbed", dim1, rank + 1);
  const column = normalizeDim("diagEmbed", dim2, rank + 1);
  if (row === column) {
    throw new ShapeError(`diagEmbed: dim1 and dim2 must differ, got ${dim1} and ${dim2}`);
  }
  const size = x.shape[rank - 1] + Math.abs(offset);
  const none = x.shape.map(() => 0);
  const gap = none.with(rank - 1, Math.abs(offset));
  // With offset ≥ 0 the row tells the element, otherwise the column.
  const line = unsqueeze(ir.pad(x, none, gap), offset >= 0 ? rank : rank - 1);
  const shape = [...x.shape.slice(0, -1), size, size];
  const distance = columnMinusRow(size, size);
  const mask = ir.binary("eq", distance, ir.fullLike(distance, offset));
  const spread = ir.broadcastTo(line, shape);
  const last = ir.where(ir.broadcastTo(mask, shape), spread, ir.fullLike(spread, 0));
  const rest = range(rank + 1).filter((dim) => dim !== row && dim !== column);
  return ir.permute(
    last,
    range(rank + 1).map((dim) =>
      dim === row ? rank - 1 : dim === column ? rank : rest.indexOf(dim),
    ),
  );
}

/** Diagonal of a matrix, or the matrix with a vector on its diagonal. */
export function diag(x: Node, { diagonal: offset = 0 }: TriangleOptions = {}): Node {
  if (x.shape.length === 1) return diagEmbed(x, { offset });
  if (x.shape.length === 2) return diagonal(x, { offset });
  throw new ShapeError(`diag: needs 1 or 2 dims, got ${formatShape(x.shape)}; use diagonal`);
}

/** Sum of the main diagonal of a matrix. */
export function trace(x: Node): Node {
  if (x.shape.length !== 2) {
    throw new ShapeError(`trace: x must have 2 dims, got ${formatShape(x.shape)}`);
  }
  const line = diagonal(x);
  return ir.reshape(ir.reduceSum(line, [line.shape.length - 1]), line.shape.slice(0, -1));
}

/** Grids of coordinates: one tensor per vector, all of the shape of their lengths. */
export function meshgrid(
  tensors: readonly Node[],
  { indexing = "ij" }: { readonly indexing?: "ij" | "xy" } = {},
): Node[] {
  const shape = tensors.map((x) => numel(x.shape));
  if (tensors.some((x) => x.shape.length > 1)) {
    const shapes = tensors.map((x) => formatShape(x.shape)).join(", ");
    throw new ShapeError(`meshgrid: needs vectors, got ${shapes}`);
  }
  const grids = tensors.map((x, dim) => {
    const line = ir.reshape(
      x,
      shape.map((size, i) => (i === dim ? size : 1)),
    );
    return ir.expand(line, shape);
  });
  if (indexing === "ij" || shape.length < 2) return grids;
  return grids.map((grid) => ir.transpose(grid, 0, 1));
}

/** i32 [..., numClasses] with a 1 at each class index. @throws {ConfigError} without a class count. */
export function oneHot(x: Node, numClasses: number): Node {
  if (!isInteger(x.dtype) || !Number.isInteger(numClasses) || numClasses < 1) {
    throw new ConfigError(
      `oneHot: needs integer indices and numClasses ≥ 1, got ${x.dtype} and ${numClasses}`,
    );
  }
  const shape = [...x.shape, numClasses];
  const index = ir.broadcastTo(unsqueeze(ir.cast(x, "i32"), -1), shape);
  return ir.cast(ir.binary("eq", index, ir.iota(shape, x.shape.length)), "i32");
}
