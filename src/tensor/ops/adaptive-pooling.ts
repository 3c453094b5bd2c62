import { ConfigError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { div } from "./arithmetic.ts";
import { inComputeDType } from "./operands.ts";
import { firstPlaces, maxOver, spatialPlaces } from "./pooling.ts";
import type { ValuesAndIndices } from "./reduce.ts";
import { withBatch } from "./spatial.ts";

/** Result size of adaptive pooling: one for all dims or one per dim, null keeps a size. */
export type OutputSize = number | null | readonly (number | null)[];

/** Folds one window: the tensors cut to it, and the axis to reduce. */
type Fold = (parts: readonly Node[], axis: number) => Node;

/** Window i of `out` over `size` elements is [⌊i·size/out⌋, ⌈(i+1)·size/out⌉). */
function adaptiveDim(tensors: readonly Node[], dim: number, out: number, fold: Fold): Node {
  const size = tensors[0].shape[dim];
  if (size % out === 0) {
    const tiles = tensors.map((x) => ir.reshape(x, x.shape.toSpliced(dim, 1, out, size / out)));
    const folded = fold(tiles, dim + 1);
    return ir.reshape(folded, folded.shape.toSpliced(dim + 1, 1));
  }
  const parts = range(out).map((i) => {
    const start = Math.floor((i * size) / out);
    const length = Math.ceil(((i + 1) * size) / out) - start;
    return fold(
      tensors.map((x) => ir.narrow(x, dim, start, length)),
      dim,
    );
  });
  return ir.concat(parts, dim);
}

function outputSizes(op: string, dims: number, x: Node, outputSize: OutputSize): number[] {
  const given = Array.isArray(outputSize) ? outputSize : range(dims).map(() => outputSize);
  const sizes = range(dims).map((i) => (given[i] ?? x.shape[i + 2]) as number);
  if (given.length !== dims || sizes.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new ConfigError(
      `${op}: outputSize must be ${dims} integers ≥ 1 or null, got ${JSON.stringify(outputSize)}`,
    );
  }
  return sizes;
}

/** Folds dim after dim, the inner ones first: the first of equal maxima is then the first of all. */
function adaptivePool(
  op: string,
  dims: number,
  x: Node,
  outputSize: OutputSize,
  fold: (x: Node, axis: number) => Node,
): Node {
  return withBatch(op, x, dims, (batch) =>
    outputSizes(op, dims, batch, outputSize).reduceRight(
      (y, out, i) =>
        out === y.shape[i + 2]
          ? y
          : adaptiveDim([y], i + 2, out, ([part], axis) => fold(part, axis)),
      batch,
    ),
  );
}

function adaptiveAvgPool(dims: number, x: Node, outputSize: OutputSize): Node {
  const op = `adaptiveAvgPool${dims}d`;
  const meanOver = (a: Node, axis: number): Node => div(ir.reduceSum(a, [axis]), a.shape[axis]);
  return inComputeDType(x, (source) => adaptivePool(op, dims, source, outputSize, meanOver));
}

function adaptiveMaxPool(dims: number, x: Node, outputSize: OutputSize): Node {
  const op = `adaptiveMaxPool${dims}d`;
  return adaptivePool(op, dims, x, outputSize, (a, axis) => maxOver(a, [axis]));
}

/** Flat places of the maxima: those of the inner dims are carried along. */
function adaptiveMaxPlaces(dims: number, x: Node, outputSize: OutputSize): Node {
  const op = `adaptiveMaxPool${dims}d`;
  return withBatch(op, x, dims, (batch) => {
    const sizes = outputSizes(op, dims, batch, outputSize);
    const start = { maxima: batch, places: ir.broadcastTo(spatialPlaces(batch), batch.shape) };
    const end = sizes.reduceRight(({ maxima, places }, out, i) => {
      if (out === maxima.shape[i + 2]) return { maxima, places };
      const both = [maxima, places];
      return {
        maxima: adaptiveDim(both, i + 2, out, ([part], axis) => maxOver(part, [axis])),
        places: adaptiveDim(both, i + 2, out, ([part, spots], axis) =>
          firstPlaces(part, maxOver(part, [axis]), spots, [axis]),
        ),
      };
    }, start);
    return end.places;
  });
}

function adaptiveMaxPoolWithIndices(
  dims: number,
  x: Node,
  outputSize: OutputSize,
): ValuesAndIndices {
  return {
    values: adaptiveMaxPool(dims, x, outputSize),
    indices: adaptiveMaxPlaces(dims, x, outputSize),
  };
}

/** Mean pooling of [N, C, L] to a given size. */
export function adaptiveAvgPool1d(x: Node, outputSize: OutputSize): Node {
  return adaptiveAvgPool(1, x, outputSize);
}

/** Mean pooling of [N, C, H, W] to a given size. */
export function adaptiveAvgPool2d(x: Node, outputSize: OutputSize): Node {
  return adaptiveAvgPool(2, x, outputSize);
}

/** Mean pooling of [N, C, D, H, W] to a given size. */
export function adaptiveAvgPool3d(x: Node, outputSize: OutputSize): Node {
  return adaptiveAvgPool(3, x, outputSize);
}

/** Max pooling of [N, C, L] to a given size. */
export function adaptiveMaxPool1d(x: Node, outputSize: OutputSize): Node {
  return adaptiveMaxPool(1, x, outputSize);
}

/** Max pooling of [N, C, H, W] to a given size. */
export function adaptiveMaxPool2d(x: Node, outputSize: OutputSize): Node {
  return adaptiveMaxPool(2, x, outputSize);
}

/** Max pooling of [N, C, D, H, W] to a given size. */
export function adaptiveMaxPool3d(x: Node, outputSize: OutputSize): Node {
  return adaptiveMaxPool(3, x, outputSize);
}

/** {@link adaptiveMaxPool1d}, and the flat place of each maximum in the spatial dims, i32. */
export function adaptiveMaxPool1dWithIndices(x: Node, outputSize: OutputSize): ValuesAndIndices {
  return adaptiveMaxPoolWithIndices(1, x, outputSize);
}

/** {@link adaptiveMaxPool2d}, and the flat place of each maximum in the spatial dims, i32. */
export function adaptiveMaxPool2dWithIndices(x: Node, outputSize: OutputSize): ValuesAndIndices {
  return adaptiveMaxPoolWithIndices(2, x, outputSize);
}

/** {@link adaptiveMaxPool3d}, and the flat place of each maximum in the spatial dims, i32. */
export function adaptiveMaxPool3dWithIndices(x: Node, outputSize: OutputSize): ValuesAndIndices {
  return adaptiveMaxPoolWithIndices(3, x, outputSize);
}
