import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { withShortAdjoint } from "./resample-adjoint.ts";
import type { Kernel, Resize } from "./resample-kernels.ts";
import { affine, clampIndex, stepOf, takeAlong, weightedSum } from "./resample-kernels.ts";
import { resizeByLookup } from "./resample-lookup.ts";

/** Whole factor by which the dim grows around its pixels' centres, or 0. */
function wholeFactor({ from, to, scale, alignCorners }: Resize): number {
  const factor = to / from;
  const isWhole = Number.isInteger(factor) && factor > 1 && !alignCorners;
  return isWhole && (scale === null || scale === factor) ? factor : 0;
}

/** First and last elements repeated `count` times. */
function repeatEdges(x: Node, dim: number, count: number): Node {
  const edge = (at: number): Node => ir.expand(ir.narrow(x, dim, at, 1), x.shape.with(dim, count));
  return ir.concat([edge(0), x, edge(x.shape[dim] - 1)], dim);
}

/**
 * Enlarging by a whole factor: results at one place between two elements have the same weights, so
 * every tap is a plain strided view of x with repeated edges, and nothing is looked up.
 */
function resizeByPhases(
  padded: Node,
  dim: number,
  size: number,
  factor: number,
  kernel: Kernel,
): Node {
  const half = Math.floor(factor / 2);
  const isEven = factor % 2 === 0;
  // Results before the middle of their element lie right of the element before it.
  const phase = ir.iota([factor], 0);
  const place = ir.cast(phase, padded.dtype);
  const before = ir.binary("lt", phase, ir.fullLike(phase, half));
  const t = ir.where(
    before,
    affine(place, 1 / factor, 0.5 / factor + 0.5),
    affine(place, 1 / factor, 0.5 / factor - 0.5),
  );
  const rank = padded.shape.length;
  const split = isEven ? [2, half] : [factor];
  const shape = padded.shape.with(dim, size).toSpliced(dim + 1, 0, ...split);
  const fold = (line: Node): Node => {
    const ones = shape.map((_, i) => (i === dim + 1 || i === dim + split.length ? shape[i] : 1));
    return ir.expand(ir.reshape(line, ones), shape);
  };
  const shifted = (start: number, source: Node): Node => {
    const column = ir.narrow(source, dim, start, size);
    return ir.expand(
      ir.reshape(column, column.shape.toSpliced(dim + 1, 0, ...split.map(() => 1))),
      shape,
    );
  };
  const tapOf = (k: number): Node => {
    if (!isEven) return ir.where(fold(before), shifted(k, padded), shifted(k + 1, padded));
    // Element i + h: a window of two slid over the elements.
    const slid = { dims: [dim], size: [2], stride: [1], dilation: [1] };
    const pairs =
      kernel.taps === 2
        ? ir.narrow(ir.window(padded, slid), dim, k, size)
        : ir.window(ir.narrow(padded, dim, k, size + 1), slid);
    const order = range(rank).toSpliced(dim + 1, 0, rank);
    const column = ir.permute(pairs, order);
    return ir.expand(ir.reshape(column, column.shape.toSpliced(dim + 2, 0, 1)), shape);
  };
  const taps = range(kernel.taps).map(tapOf);
  const sum = weightedSum(taps, kernel.weights(t).map(fold));
  return ir.reshape(sum, padded.shape.with(dim, size * factor));
}

/** Resizes dims by interpolating between neighbours; x is f32 or f64. */
export function resizeSmoothly(x: Node, resizes: readonly Resize[], kernel: Kernel): Node {
  // As torch, a size that stays is a copy, whatever the factor; but for cubic only with factor 1.
  const live = resizes.filter(
    (resize) => resize.from !== resize.to || (kernel.taps === 4 && stepOf(resize) !== 1),
  );
  const whole = live.filter((resize) => wholeFactor(resize) > 0);
  const border = kernel.taps / 2;
  // Edges first, so that all whole factors can be one kernel.
  const padded = whole.reduce((y, { dim }) => repeatEdges(y, dim, border), x);
  const phases = whole.reduce(
    (y, resize) => resizeByPhases(y, resize.dim, resize.from, wholeFactor(resize), kernel),
    padded,
  );
  const enlargements = whole.map((resize) => ({ ...resize, factor: wholeFactor(resize) }));
  const enlarged = withShortAdjoint(phases, x, kernel.taps, enlargements);
  // What shrinks most goes first; among equals the last dim, whose lookups are the dear ones.
  return live
    .filter((resize) => !whole.includes(resize))
    .toSorted((a, b) => a.to / a.from - b.to / b.from || b.dim - a.dim)
    .reduce((y, resize) => resizeByLookup(y, resize, kernel), enlarged);
}

/** Index of every result's nearest element, computed as torch does: in the dtype of x. */
function nearestIndices(resize: Resize, isExact: boolean, isDouble: boolean): number[] {
  const round = isDouble ? (value: number): number => value : Math.fround;
  const step = round(stepOf(resize));
  return range(resize.to).map((i) =>
    Math.min(Math.floor(round((isExact ? i + 0.5 : i) * step)), resize.from - 1),
  );
}

/** In 2-D torch's nearest copies and doubles exactly, whatever the factor that gave these sizes. */
function withExactDoubling(resize: Resize, dims: number, isExact: boolean): Resize {
  const { from, to } = resize;
  const isPlain = !isExact && dims === 2 && (to === from || to === 2 * from);
  return isPlain ? { ...resize, scale: null } : resize;
}

function isProgression(indices: readonly number[], from: number, step: number): boolean {
  return indices.every((index, i) => index === from + i * step);
}

/** Resizes one dim by repeating or skipping elements. */
export function resizeNearest(x: Node, given: Resize, isExact: boolean): Node {
  const resize = withExactDoubling(given, x.shape.length - 2, isExact);
  const { dim, from, to } = resize;
  const isDouble = x.dtype === "f64";
  const indices = nearestIndices(resize, isExact, isDouble);
  const step = (indices[1] ?? indices[0]) - indices[0];
  if (isProgression(indices, indices[0], step) && (step > 0 || to === 1)) {
    const at = (value: number, other: number): number[] =>
      x.shape.map((_, i) => (i === dim ? value : other));
    return ir.slice(x, at(indices[0], 0), x.shape.with(dim, to), at(Math.max(step, 1), 1));
  }
  const repeats = to / from;
  if (Number.isInteger(repeats) && indices.every((index, i) => index === Math.floor(i / repeats))) {
    const column = ir.reshape(x, x.shape.toSpliced(dim + 1, 0, 1));
    const grown = ir.expand(column, x.shape.toSpliced(dim + 1, 0, repeats));
    return ir.reshape(grown, x.shape.with(dim, to));
  }
  const dtype = isDouble ? "f64" : "f32";
  const place = ir.cast(ir.iota([to], 0), dtype);
  const centre = isExact ? ir.add(place, ir.fullLike(place, 0.5)) : place;
  const scaled = ir.mul(centre, ir.fullLike(place, stepOf(resize)));
  const index = clampIndex(ir.cast(ir.unary("floor", scaled), "i32"), from);
  return takeAlong(x, index, dim);
}

/** Multiplies the lines of x along `dim` by a matrix [to, from]. */
export function multiplyAlong(x: Node, matrix: Node, dim: number): Node {
  const [to, from] = matrix.shape;
  const lead = x.shape.slice(0, dim).reduce((a, b) => a * b, 1);
  const inner = x.shape.slice(dim + 1).reduce((a, b) => a * b, 1);
  const shape = x.shape.with(dim, to);
  if (inner === 1) {
    return ir.reshape(ir.dot(ir.reshape(x, [lead, from]), ir.transpose(matrix, 0, 1)), shape);
  }
  const left = ir.expand(ir.reshape(matrix, [1, to, from]), [lead, to, from]);
  return ir.reshape(ir.dot(left, ir.reshape(x, [lead, from, inner])), shape);
}
