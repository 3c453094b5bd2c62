import { registerGradient } from "../../autodiff/custom-gradient.ts";
import { gradients } from "../../autodiff/gradients.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Kernel, Resize } from "./resample-kernels.ts";
import { affine, along, clampIndex, takeAlong, weightedSum } from "./resample-kernels.ts";
import type { Taps } from "./resample-lookup.ts";
import { tapsAt } from "./resample-lookup.ts";

/** Position of result d: (factor · d + start + half) / divisor − before, in whole numbers and ½. */
interface Progress {
  readonly factor: number;
  readonly divisor: number;
  readonly start: number;
  readonly half: number;
  readonly before: number;
}

/** Largest divisor of a fraction that a factor is taken for. */
const LARGEST_DIVISOR = 4096;

/** The fraction a number was written as, such as 9 / 5 for 1.8; null if there is none. */
function fractionOf(value: number): readonly [number, number] | null {
  let [above, below] = [1, 0];
  let [lastAbove, lastBelow] = [0, 1];
  for (let rest = value; Number.isFinite(rest); rest = 1 / (rest - Math.floor(rest))) {
    const whole = Math.floor(rest);
    [above, lastAbove] = [whole * above + lastAbove, above];
    [below, lastBelow] = [whole * below + lastBelow, below];
    if (below > LARGEST_DIVISOR) return null;
    if (above / below === value) return [above, below];
  }
  return null;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** Source elements per result element as a fraction. */
function stepFraction({ from, to, scale, alignCorners }: Resize): readonly [number, number] | null {
  if (alignCorners) return to > 1 ? [from - 1, to - 1] : [0, 1];
  if (scale === null) return [from, to];
  const fraction = fractionOf(scale);
  return fraction === null ? null : [fraction[1], fraction[0]];
}

/** How positions grow along the results; null where 32 bits do not hold the numbers. */
function progressOf(resize: Resize): Progress | null {
  const step = stepFraction(resize);
  if (step === null) return null;
  const divisor = commonDivisor(...step);
  const [p, q] = step.map((part) => part / divisor);
  const sum = resize.alignCorners ? 0 : p + q;
  const start = Math.floor(sum / 2);
  if (p * (resize.to - 1) + start >= 2 ** 32) return null;
  const before = resize.alignCorners ? 0 : 1;
  return { factor: p, divisor: q, start, half: (sum % 2) / 2, before };
}

/** Neighbours and weights of a dim's results. Whole numbers have no rounding, however large. */
function tapsAlong(resize: Resize, kernel: Kernel, dtype: DType): Taps {
  const progress = progressOf(resize);
  const place = ir.iota([resize.to], 0);
  if (progress === null) {
    const { indices, weights } = tapsAt(ir.cast(place, "f64"), resize, kernel);
    return { indices, weights: weights.map((weight) => ir.cast(weight, dtype)) };
  }
  const { factor, divisor, start, half, before } = progress;
  const moved = affine(ir.cast(place, "u32"), factor, start);
  const by = ir.fullLike(moved, divisor);
  const rest = ir.cast(ir.binary("rem", moved, by), dtype);
  const base = ir.cast(ir.div(moved, by), "i32");
  const indices = range(kernel.taps).map((k) => {
    const offset = k + 1 - kernel.taps / 2 - before;
    return clampIndex(ir.add(base, ir.fullLike(base, offset)), resize.from);
  });
  return { indices, weights: kernel.weights(affine(rest, 1 / divisor, half / divisor)) };
}

interface TapsOfDim extends Taps {
  readonly dim: number;
}

/** Σ weight · element over all neighbours along the dims, in `dtype`. */
function sumTaps(x: Node, dims: readonly TapsOfDim[], shape: readonly number[], d: DType): Node {
  const [first, ...rest] = dims;
  if (first === undefined) return ir.cast(x, d);
  const parts = first.indices.map((index) =>
    sumTaps(takeAlong(x, index, first.dim), rest, shape, d),
  );
  return weightedSum(
    parts,
    first.weights.map((weight) => along(weight, first.dim, shape)),
  );
}

const rules = new Map<string, number>();

/**
 * Resizes dims of x [N, C, …S] at once, in `dtype`: every result looks up its neighbours in x. One
 * kernel whose results lie in order, for devices where that is what counts. The gradient is that
 * of `composed`, the same function made of other operations: it needs no scatter.
 * @param name - tells the composed function from others.
 */
export function resizeByGather(
  x: Node,
  resizes: readonly Resize[],
  kernel: Kernel,
  dtype: DType,
  name: string,
  composed: (x: Node) => Node,
): Node {
  if (resizes.length === 0) return ir.cast(x, dtype);
  const shape = resizes.reduce<readonly number[]>((s, { dim, to }) => s.with(dim, to), x.shape);
  const dims = resizes.map((resize) => ({
    dim: resize.dim,
    ...tapsAlong(resize, kernel, dtype),
  }));
  const key = `${name}|${dtype}|${JSON.stringify(resizes)}`;
  const rule =
    rules.get(key) ??
    registerGradient(([source], _result, g) => gradients(composed(source), g, [source]));
  rules.set(key, rule);
  return ir.customGradient(sumTaps(x, dims, shape, dtype), [x], rule);
}
