import { ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import type { Shape } from "../../ir/shape.ts";
import {
  broadcastShapes,
  formatShape,
  normalizeDim,
  normalizeDims,
  numel,
} from "../../ir/shape.ts";
import type { Dims } from "./operands.ts";

/** Fills in the one −1 of a requested shape. */
function resolveShape(op: string, count: number, shape: Shape): number[] {
  const unknown = shape.indexOf(-1);
  if (unknown < 0) return [...shape];
  const known = product(shape.filter((_, i) => i !== unknown));
  const size = count / known;
  if (shape.lastIndexOf(-1) !== unknown || !Number.isInteger(size)) {
    throw new ShapeError(
      `${op}: one size may be -1 and the others must divide ${count} elements, got ${formatShape(shape)}`,
    );
  }
  return shape.with(unknown, size);
}

/** The same elements in row-major order in another shape; one size may be −1. */
export function reshape(x: Node, shape: Shape): Node {
  return ir.reshape(x, resolveShape("reshape", numel(x.shape), shape));
}

/** As {@link reshape}: tensors have no memory layout of their own. */
export function view(x: Node, shape: Shape): Node {
  return reshape(x, shape);
}

/** Joins the dims from `startDim` to `endDim` (inclusive) into one; a scalar becomes [1]. */
export function flatten(
  x: Node,
  { startDim = 0, endDim = -1 }: { readonly startDim?: number; readonly endDim?: number } = {},
): Node {
  const rank = x.shape.length;
  const start = normalizeDim("flatten", startDim, rank);
  const end = normalizeDim("flatten", endDim, rank);
  if (rank === 0) return ir.reshape(x, [1]);
  if (start > end) {
    throw new ShapeError(`flatten: startDim must not exceed endDim, got ${startDim} and ${endDim}`);
  }
  const size = product(x.shape.slice(start, end + 1));
  return ir.reshape(x, [...x.shape.slice(0, start), size, ...x.shape.slice(end + 1)]);
}

/** Splits one dim into several; one of the sizes may be −1. */
export function unflatten(x: Node, dim: number, sizes: Shape): Node {
  const axis = normalizeDim("unflatten", dim, x.shape.length);
  const inner = resolveShape("unflatten", x.shape[axis], sizes);
  return ir.reshape(x, [...x.shape.slice(0, axis), ...inner, ...x.shape.slice(axis + 1)]);
}

/** Reorders dims: result dim i is dim `dims[i]` of x. */
export function permute(x: Node, dims: readonly number[]): Node {
  return ir.permute(
    x,
    dims.map((dim) => normalizeDim("permute", dim, x.shape.length)),
  );
}

/** Swaps two dims. */
export function transpose(x: Node, dim0: number, dim1: number): Node {
  const rank = x.shape.length;
  const a = normalizeDim("transpose", dim0, rank);
  const b = normalizeDim("transpose", dim1, rank);
  return rank === 0 ? x : ir.transpose(x, a, b);
}

/** Transpose of a matrix; vectors and scalars stay. @throws {ShapeError} above two dims. */
export function t(x: Node): Node {
  if (x.shape.length > 2) {
    throw new ShapeError(
      `t: needs at most 2 dims, got ${formatShape(x.shape)}; use transpose or permute`,
    );
  }
  return x.shape.length === 2 ? ir.transpose(x, 0, 1) : x;
}

/** Moves dims to new places; the others keep their order. */
export function movedim(x: Node, source: Dims, destination: Dims): Node {
  const rank = x.shape.length;
  const list = (dims: Dims): number[] =>
    (typeof dims === "number" ? [dims] : dims).map((dim) => normalizeDim("movedim", dim, rank));
  const from = list(source);
  const to = list(destination);
  if (
    from.length !== to.length ||
    new Set(from).size < from.length ||
    new Set(to).size < to.length
  ) {
    throw new ShapeError(
      `movedim: source and destination must be distinct dims of one count, got [${from.join(", ")}] and [${to.join(", ")}]`,
    );
  }
  const rest = range(rank).filter((dim) => !from.includes(dim));
  const perm = range(rank).map((dim) => {
    const at = to.indexOf(dim);
    return at >= 0 ? from[at] : (rest.shift() ?? 0);
  });
  return ir.permute(x, perm);
}

/** Removes dims of size 1: all of them, or those of `dim` that have size 1. */
export function squeeze(x: Node, { dim }: { readonly dim?: Dims | undefined } = {}): Node {
  const axes = normalizeDims("squeeze", dim, x.shape.length);
  return ir.reshape(
    x,
    x.shape.filter((size, i) => size !== 1 || !axes.includes(i)),
  );
}

/** Inserts a dim of size 1 so that it becomes dim `dim` of the result. */
export function unsqueeze(x: Node, dim: number): Node {
  return ir.reshape(x, x.shape.toSpliced(normalizeDim("unsqueeze", dim, x.shape.length + 1), 0, 1));
}

/** Repeats dims of size 1 without copying; −1 keeps a size, new dims come first. */
export function expand(x: Node, shape: Shape): Node {
  const missing = shape.length - x.shape.length;
  const sizes = shape.map((size, dim) =>
    size === -1 && dim >= missing ? x.shape[dim - missing] : size,
  );
  const fits = x.shape.every((size, dim) => size === 1 || size === sizes[dim + missing]);
  if (missing < 0 || !fits || sizes.some((size) => size < 0)) {
    throw new ShapeError(
      `expand: only dims of size 1 can grow and new dims come first, got ${formatShape(x.shape)} to ${formatShape(shape)}`,
    );
  }
  return ir.broadcastTo(x, sizes);
}

/** x repeated to `shape` by NumPy's broadcasting rules. */
export function broadcastTo(x: Node, shape: Shape): Node {
  return expand(x, shape);
}

/** The tensors repeated to their common shape. */
export function broadcastTensors(tensors: readonly Node[]): Node[] {
  const shape = broadcastShapes("broadcastTensors", ...tensors.map((x) => x.shape));
  return tensors.map((x) => ir.broadcastTo(x, shape));
}

/** x repeated `repeats[d]` times along each dim; extra leading entries add dims. */
export function repeat(x: Node, repeats: readonly number[]): Node {
  const missing = repeats.length - x.shape.length;
  if (missing < 0 || repeats.some((count) => !Number.isInteger(count) || count < 0)) {
    throw new ShapeError(
      `repeat: needs a count ≥ 0 for each of ${x.shape.length} dims or more, got [${repeats.join(", ")}]`,
    );
  }
  const shape = [...range(missing).fill(1), ...x.shape];
  const spread = ir.reshape(
    x,
    shape.flatMap((size) => [1, size]),
  );
  const grown = ir.expand(
    spread,
    shape.flatMap((size, dim) => [repeats[dim], size]),
  );
  return ir.reshape(
    grown,
    shape.map((size, dim) => size * repeats[dim]),
  );
}

/** As {@link repeat}, but missing counts are leading ones. */
export function tile(x: Node, dims: readonly number[]): Node {
  const missing = Math.max(x.shape.length - dims.length, 0);
  return repeat(x, [...range(missing).fill(1), ...dims]);
}

/** Each element `repeats` times in a row along `dim`; of the flattened tensor without `dim`. */
export function repeatInterleave(
  x: Node,
  repeats: number,
  { dim }: { readonly dim?: number | undefined } = {},
): Node {
  if (dim === undefined) return repeatInterleave(reshape(x, [-1]), repeats, { dim: 0 });
  const axis = normalizeDim("repeatInterleave", dim, x.shape.length);
  const column = ir.reshape(x, x.shape.toSpliced(axis + 1, 0, 1));
  const grown = ir.expand(column, x.shape.toSpliced(axis + 1, 0, repeats));
  return ir.reshape(grown, x.shape.with(axis, x.shape[axis] * repeats));
}

/** Each place 0 … size−1 as often as its count says. @throws {ShapeError} if counts do not fit. */
export function repeatedPlaces(repeats: readonly number[], size: number): Int32Array {
  if (repeats.length !== size || repeats.some((count) => !Number.isInteger(count) || count < 0)) {
    throw new ShapeError(
      `repeatInterleave: needs a count ≥ 0 for each of ${size} slices, got [${repeats.join(", ")}]`,
    );
  }
  return Int32Array.from(repeats.flatMap((count, place) => range(count).fill(place)));
}
