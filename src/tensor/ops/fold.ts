import { ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import type { Sizes } from "./spatial.ts";
import { perDim, withBatch } from "./spatial.ts";

/** Geometry of sliding blocks. */
export interface FoldOptions {
  /** @defaultValue 1 */
  readonly dilation?: Sizes;
  /** Zeros around the image. @defaultValue 0 */
  readonly padding?: Sizes;
  /** @defaultValue 1 */
  readonly stride?: Sizes;
}

interface Blocks {
  readonly size: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
  readonly stride: readonly number[];
  /** Number of blocks per dim. */
  readonly count: readonly number[];
}

function planBlocks(
  op: string,
  image: readonly number[],
  kernelSize: Sizes,
  options: FoldOptions,
): Blocks {
  const size = perDim(op, "kernelSize", kernelSize, 2, 1);
  const dilation = perDim(op, "dilation", options.dilation ?? 1, 2, 1);
  const padding = perDim(op, "padding", options.padding ?? 0, 2, 0);
  const stride = perDim(op, "stride", options.stride ?? 1, 2, 1);
  const count = image.map((length, i) => {
    const reach = dilation[i] * (size[i] - 1) + 1;
    return Math.floor((length + 2 * padding[i] - reach) / stride[i]) + 1;
  });
  if (count.some((n) => n < 1)) {
    throw new ShapeError(
      `${op}: blocks must fit into the padded image, got kernel [${size.join(", ")}] on ${formatShape(image)} with padding [${padding.join(", ")}]`,
    );
  }
  return { size, dilation, padding, stride, count };
}

/** Sliding blocks of x [N, C, H, W] as columns: [N, C · kH · kW, L] (im2col); N may be absent. */
export function unfoldBlocks(x: Node, kernelSize: Sizes, options: FoldOptions = {}): Node {
  return withBatch("unfold", x, 2, (image) => {
    const [batch, channels, ...spatial] = image.shape;
    const blocks = planBlocks("unfold", spatial, kernelSize, options);
    const border = [0, 0, ...blocks.padding];
    const slid = ir.window(ir.pad(image, border, border), {
      dims: [2, 3],
      size: blocks.size,
      stride: blocks.stride,
      dilation: blocks.dilation,
    });
    const columns = ir.permute(slid, [0, 1, 4, 5, 2, 3]);
    return ir.reshape(columns, [batch, channels * product(blocks.size), product(blocks.count)]);
  });
}

/** Elements of one dim `step` apart from `start` on in a line of `size` zeros. */
function spread(x: Node, dim: number, start: number, step: number, size: number): Node {
  const count = x.shape[dim];
  const gap = count > 1 ? step - 1 : 0;
  const at = (value: number): number[] => x.shape.map((_, i) => (i === dim ? value : 0));
  const end = start + (count - 1) * (gap + 1) + 1;
  return ir.pad(x, at(start), at(size - end), 0, at(gap));
}

/** Sums the blocks' elements where they lie: [.., k, .., count, ..] → [.., size, ..]. */
function foldDim(
  x: Node,
  from: number,
  dim: number,
  size: number,
  blocks: Blocks,
  i: number,
): Node {
  const terms = range(blocks.size[i]).map((k) => {
    const part = ir.narrow(x, from, k, 1);
    const line = ir.reshape(part, part.shape.toSpliced(from, 1));
    return spread(line, dim, k * blocks.dilation[i], blocks.stride[i], size);
  });
  return terms.reduce((a, b) => ir.add(a, b));
}

/**
 * Sums columns [N, C · kH · kW, L] into images [N, C, H, W] of `outputSize` (col2im), the adjoint
 * of {@link unfoldBlocks}; N may be absent.
 */
export function fold(
  x: Node,
  outputSize: Sizes,
  kernelSize: Sizes,
  options: FoldOptions = {},
): Node {
  const size = perDim("fold", "outputSize", outputSize, 2, 1);
  const blocks = planBlocks("fold", size, kernelSize, options);
  return withBatch("fold", x, 1, (columns) => {
    const [batch, rows, length] = columns.shape;
    const elements = product(blocks.size);
    if (rows % elements !== 0 || length !== product(blocks.count)) {
      throw new ShapeError(
        `fold: x must be [N, C · ${elements}, ${product(blocks.count)}] for this geometry, got ${formatShape(x.shape)}`,
      );
    }
    const channels = rows / elements;
    const split = ir.reshape(columns, [batch, channels, ...blocks.size, ...blocks.count]);
    const padded = size.map((n, i) => n + 2 * blocks.padding[i]);
    // [N, C, kH, kW, h, w] → [N, C, kW, H, w] → [N, C, H, W]
    const tall = foldDim(split, 2, 3, padded[0], blocks, 0);
    const whole = foldDim(tall, 2, 3, padded[1], blocks, 1);
    return ir.slice(whole, [0, 0, ...blocks.padding], [batch, channels, ...size]);
  });
}
