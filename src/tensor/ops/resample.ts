import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { computeDType } from "./operands.ts";
import { withShortAdjoint } from "./resample-adjoint.ts";
import { resizeByGather } from "./resample-gather.ts";
import type { Kernel, Resize } from "./resample-kernels.ts";
import { affine, along, clampIndex, stepOf, takeAlong, weightedSum } from "./resample-kernels.ts";
import { lookUpResults, resizeByLookup } from "./resample-lookup.ts";

/** Whole factor by which the dim grows around its pixels' centres, or 0. */
function wholeFactor({ from, to, scale, alignCorners }: Resize): number {
  const factor = to / from;
  const isWhole = Number.isInteger(factor) && factor > 1 && !alignCorners;
  return isWhole && (scale === null || scale === factor) ? factor : 0;
}

/** Elements of a dim between whose taps results lie, before and after which ends are looked up. */
const innerCount = ({ from }: Resize, taps: number): number => from - taps + 1;

/**
 * Results between elements, for dims in order: there results at one place have the same weights, so
 * that every tap is a plain view of x.
 */
function resizeInside(x: Node, resizes: readonly Resize[], kernel: Kernel): Node {
  const split = x.shape.flatMap((size, dim) => {
    const resize = resizes.find((candidate) => candidate.dim === dim);
    return resize === undefined ? [size] : [innerCount(resize, kernel.taps), wholeFactor(resize)];
  });
  const sumTaps = (view: Node, left: readonly Resize[]): Node => {
    const resize = left.at(-1);
    if (resize === undefined) {
      const ones = resizes.reduceRight(
        (shape, { dim }) => shape.toSpliced(dim + 1, 0, 1),
        view.shape,
      );
      return ir.expand(ir.reshape(view, ones), split);
    }
    const { dim } = resize;
    const factor = wholeFactor(resize);
    const count = innerCount(resize, kernel.taps);
    const place = ir.cast(ir.iota([factor], 0), x.dtype);
    const t = affine(place, 1 / factor, factor % 2 === 0 ? 0.5 / factor : 0);
    const taps = range(kernel.taps).map((k) =>
      sumTaps(ir.narrow(view, dim, k, count), left.slice(0, -1)),
    );
    const lines = kernel.weights(t).map((weight) => along(weight, dim + left.length, split));
    return weightedSum(taps, lines);
  };
  const shape = resizes.reduce(
    (grown, resize) =>
      grown.with(resize.dim, innerCount(resize, kernel.taps) * wholeFactor(resize)),
    x.shape,
  );
  return ir.reshape(sumTaps(x, resizes), shape);
}

/** `count` results from number `start` on, at an end; of two neighbours there both are the last. */
function resizeEnd(x: Node, resize: Resize, kernel: Kernel, start: number, count: number): Node {
  const { dim, from, to } = resize;
  if (kernel.taps !== 2 || count === to) return lookUpResults(x, resize, kernel, start, count);
  return ir.expand(ir.narrow(x, dim, start === 0 ? 0 : from - 1, 1), x.shape.with(dim, count));
}

/**
 * Enlarges dims by whole factors: what lies between elements, and around it the few results at the
 * ends, which are looked up.
 * @param inside - dims whose results between elements are wanted.
 */
function resizeByPhases(
  x: Node,
  resizes: readonly Resize[],
  kernel: Kernel,
  inside: readonly Resize[] = [],
): Node {
  const [resize, ...rest] = resizes;
  if (resize === undefined) return inside.length === 0 ? x : resizeInside(x, inside, kernel);
  const { dim, to } = resize;
  const factor = wholeFactor(resize);
  const ends = (start: number, count: number): Node =>
    resizeByPhases(resizeEnd(x, resize, kernel, start, count), rest, kernel, inside);
  const count = innerCount(resize, kernel.taps);
  if (count < 1) return ends(0, to);
  const before = Math.floor(factor / 2) + factor * (kernel.taps / 2 - 1);
  const after = before + count * factor;
  const between = resizeByPhases(x, rest, kernel, [...inside, resize]);
  return ir.concat([ends(0, before), between, ends(after, to - after)], dim);
}

/** Whether several dims are better resized at once: else every result sums all pairs of taps. */
function isDoubling(resizes: readonly Resize[], kernel: Kernel): boolean {
  return kernel.taps === 2 && resizes.every((resize) => wholeFactor(resize) === 2);
}

/** As torch, a size that stays is a copy, whatever the factor; but for cubic only with factor 1. */
function liveResizes(resizes: readonly Resize[], kernel: Kernel): Resize[] {
  return resizes.filter(
    (resize) => resize.from !== resize.to || (kernel.taps === 4 && stepOf(resize) !== 1),
  );
}

/** {@link resizeSmoothly} of x in its own dtype, by looking up every result's neighbours. */
export function gatherSmoothly(x: Node, resizes: readonly Resize[], kernel: Kernel): Node {
  const dtype = computeDType(x.dtype);
  const live = liveResizes(resizes, kernel);
  const composed = (y: Node): Node => resizeSmoothly(ir.cast(y, dtype), live, kernel);
  const resized = resizeByGather(x, live, kernel, dtype, String(kernel.taps), composed);
  return ir.cast(resized, x.dtype);
}

/** Resizes dims by interpolating between neighbours; x is f32 or f64. */
export function resizeSmoothly(x: Node, resizes: readonly Resize[], kernel: Kernel): Node {
  const live = liveResizes(resizes, kernel);
  const whole = live.filter((resize) => wholeFactor(resize) > 0);
  // Else the last dim first: its results are stored apart, those of the others in whole rows.
  const phases = isDoubling(whole, kernel)
    ? resizeByPhases(x, whole, kernel)
    : whole.reduceRight((y, resize) => resizeByPhases(y, [resize], kernel), x);
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
