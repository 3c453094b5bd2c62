import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isInteger } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { add, sub } from "./arithmetic.ts";
import type { Sizes } from "./spatial.ts";
import { perDim, withBatch } from "./spatial.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Geometry of the pooling that is undone. */
export interface MaxUnpoolOptions {
  /** @defaultValue the kernel size */
  readonly stride?: Sizes | null | undefined;
  /** @defaultValue 0 */
  readonly padding?: Sizes;
  /**
   * Spatial sizes of the result (or its whole shape), within one stride of
   * (size − 1) · stride − 2 · padding + kernelSize, which is the default.
   */
  readonly outputSize?: readonly number[] | null | undefined;
}

function resultSizes(
  op: string,
  x: Node,
  kernel: readonly number[],
  stride: readonly number[],
  { padding = 0, outputSize }: MaxUnpoolOptions,
): number[] {
  const dims = kernel.length;
  const border = perDim(op, "padding", padding, dims, 0);
  const usual = kernel.map((n, i) => (x.shape[i + 2] - 1) * stride[i] - 2 * border[i] + n);
  if (outputSize == null) return usual;
  const sizes = outputSize.slice(-dims);
  const isWhole = [dims, dims + 1, dims + 2].includes(outputSize.length);
  if (!isWhole || sizes.some((n, i) => n <= usual[i] - stride[i] || n >= usual[i] + stride[i])) {
    throw new ConfigError(
      `${op}: outputSize must be ${dims} sizes within one stride of [${usual.join(", ")}], ` +
        `got [${outputSize.join(", ")}] with stride [${stride.join(", ")}]`,
    );
  }
  return sizes;
}

function maxUnpool(
  dims: number,
  x: Node,
  indices: Node,
  kernelSize: Sizes,
  options: MaxUnpoolOptions,
): Node {
  const op = `maxUnpool${dims}d`;
  if (!isInteger(indices.dtype)) {
    throw new DTypeError(`${op}: indices must be integers, got ${indices.dtype}; cast them to i32`);
  }
  if (!sameShape(x.shape, indices.shape)) {
    throw new ShapeError(
      `${op}: indices must have the shape of x, got ${formatShape(indices.shape)} for ${formatShape(x.shape)}`,
    );
  }
  const size = perDim(op, "kernelSize", kernelSize, dims, 1);
  const stride = perDim(op, "stride", options.stride ?? size, dims, 1);
  return withBatch(op, x, dims, (batch) => {
    const lead = batch.shape.slice(0, 2);
    const sizes = resultSizes(op, batch, size, stride, options);
    const flat = [...lead, product(batch.shape.slice(2))];
    const places = ir.reshape(ir.cast(indices, "i32"), flat);
    const isOverlapping = size.some((n, i) => n > stride[i]);
    const line = place(ir.reshape(batch, flat), places, product(sizes), isOverlapping);
    return ir.reshape(line, [...lead, ...sizes]);
  });
}

/** Zeros [N, C, size] with x at its places. */
function place(x: Node, places: Node, size: number, isOverlapping: boolean): Node {
  const empty = ir.full([...x.shape.slice(0, 2), size], 0, x.dtype);
  const placed = ir.scatter(empty, places, x, 2, "set");
  if (!isOverlapping) return placed;
  // Overlapping windows share a maximum; as in torch each of them receives its whole gradient.
  const sums = ir.scatter(empty, places, x, 2, "add");
  return add(stopGradient(placed), sub(sums, stopGradient(sums)));
}

/** Puts maxima of [N, C, L] back where `maxPool1dWithIndices` found them, zeros elsewhere. */
export function maxUnpool1d(
  x: Node,
  indices: Node,
  kernelSize: Sizes,
  options: MaxUnpoolOptions = {},
): Node {
  return maxUnpool(1, x, indices, kernelSize, options);
}

/** Puts maxima of [N, C, H, W] back where `maxPool2dWithIndices` found them, zeros elsewhere. */
export function maxUnpool2d(
  x: Node,
  indices: Node,
  kernelSize: Sizes,
  options: MaxUnpoolOptions = {},
): Node {
  return maxUnpool(2, x, indices, kernelSize, options);
}

/** Puts maxima of [N, C, D, H, W] back where `maxPool3dWithIndices` found them, zeros elsewhere. */
export function maxUnpool3d(
  x: Node,
  indices: Node,
  kernelSize: Sizes,
  options: MaxUnpoolOptions = {},
): Node {
  return maxUnpool(3, x, indices, kernelSize, options);
}
