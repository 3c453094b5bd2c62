import { ShapeError } from "../base/errors.ts";
import { product, sameNumbers } from "../base/integers.ts";

/** Sizes of a tensor, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements of a shape. */
export function numel(shape: Shape): number {
  return product(shape);
}

/** Whether two shapes are equal. */
export function sameShape(a: Shape, b: Shape): boolean {
  return sameNumbers(a, b);
}

/** `[2, 3]` as text. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Element strides of a contiguous row-major tensor. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** Turns a possibly negative dim into 0 … rank-1. @throws {ShapeError} if out of range. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const limit = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -limit || dim >= limit) {
    throw new ShapeError(
      `${op}: dim must be an integer in [${-limit}, ${limit - 1}] for a tensor of ${rank} dims, got ${dim}`,
      { details: { dim, rank } },
    );
  }
  return dim < 0 ? dim + limit : dim;
}

/** As {@link normalizeDim}, where a scalar, which has no dim, is refused. */
export function existingDim(op: string, dim: number, rank: number): number {
  if (rank === 0) {
    throw new ShapeError(`${op}: a scalar has no dims, got dim ${dim}; reshape it to [1]`);
  }
  return normalizeDim(op, dim, rank);
}

/** Normalised, sorted, distinct dims; `undefined` means all. */
export function normalizeDims(
  op: string,
  dims: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (dims === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = typeof dims === "number" ? [dims] : dims;
  const normal = list.map((dim) => normalizeDim(op, dim, rank)).filter((dim) => dim < rank);
  if (new Set(normal).size !== normal.length) {
    throw new ShapeError(`${op}: dims must be distinct, got [${list.join(", ")}]`);
  }
  return normal.sort((a, b) => a - b);
}

/** Shape two operands broadcast to (NumPy rules). @throws {ShapeError} if they do not fit. */
export function broadcastShapes(op: string, ...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      if (shape[i] === 1 || shape[i] === result[at]) continue;
      if (result[at] !== 1) {
        throw new ShapeError(
          `${op}: shapes must broadcast, got ${shapes.map(formatShape).join(" and ")}; ` +
            `sizes ${result[at]} and ${shape[i]} differ at dim ${at - rank}`,
          { details: { shapes } },
        );
      }
      result[at] = shape[i];
    }
  }
  return result;
}
