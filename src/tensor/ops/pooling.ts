import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { relu } from "./activation.ts";
import { abs, div, mul, pow, sign } from "./arithmetic.ts";
import { inComputeDType } from "./operands.ts";
import { hasFewWindows, withLookedUpWindows } from "./pooling-adjoint.ts";
import type { ValuesAndIndices } from "./reduce.ts";
import type { Sizes } from "./spatial.ts";
import { perDim, withBatch } from "./spatial.ts";

/** Geometry of max pooling. */
export interface MaxPoolOptions {
  /** @defaultValue the kernel size */
  readonly stride?: Sizes | null | undefined;
  /** Border that never wins, at most half the (dilated) kernel. @defaultValue 0 */
  readonly padding?: Sizes;
  /** @defaultValue 1 */
  readonly dilation?: Sizes;
  /** Also pools the rest that does not fill a window. */
  readonly ceilMode?: boolean;
}

/** Geometry of average pooling. */
export interface AvgPoolOptions {
  /** @defaultValue the kernel size */
  readonly stride?: Sizes | null | undefined;
  /** Zeros around the input, at most half the kernel. @defaultValue 0 */
  readonly padding?: Sizes;
  readonly ceilMode?: boolean;
  /** Whether padded zeros count as elements. @defaultValue true */
  readonly countIncludePad?: boolean;
  /** Divides instead of the number of elements. */
  readonly divisorOverride?: number | null | undefined;
}

/** Windows over the spatial dims: one entry per dim. */
interface Windows {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padLow: readonly number[];
  /** Border after the input, as far as windows reach; negative where they leave a rest. */
  readonly padHigh: readonly number[];
  readonly count: readonly number[];
}

function planWindows(op: string, x: Node, kernelSize: Sizes, options: MaxPoolOptions): Windows {
  const dims = x.shape.length - 2;
  const size = perDim(op, "kernelSize", kernelSize, dims, 1);
  const stride = perDim(op, "stride", options.stride ?? size, dims, 1);
  const dilation = perDim(op, "dilation", options.dilation ?? 1, dims, 1);
  const padLow = perDim(op, "padding", options.padding ?? 0, dims, 0);
  const extent = size.map((n, i) => dilation[i] * (n - 1) + 1);
  if (padLow.some((n, i) => n > extent[i] / 2)) {
    throw new ConfigError(
      `${op}: padding must be at most half the kernel, got [${padLow.join(", ")}] for [${size.join(", ")}]`,
    );
  }
  const count = extent.map((reach, i) => {
    const length = x.shape[i + 2];
    const steps = (length + 2 * padLow[i] - reach) / stride[i];
    const windows = (options.ceilMode === true ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A last window that starts behind the input would see nothing but padding.
    const isEmpty = (windows - 1) * stride[i] >= length + padLow[i];
    return options.ceilMode === true && isEmpty ? windows - 1 : windows;
  });
  if (count.some((windows) => windows < 1)) {
    throw new ShapeError(
      `${op}: kernel must fit into the padded input, got kernel [${size.join(", ")}] on ${formatShape(x.shape)} ` +
        `with padding [${padLow.join(", ")}]`,
    );
  }
  const padHigh = count.map(
    (windows, i) => (windows - 1) * stride[i] + extent[i] - x.shape[i + 2] - padLow[i],
  );
  return { size, stride, dilation, padLow, padHigh, count };
}

/** The windows of a tensor: a view of it, the axes inside the windows, and the folded shape. */
interface Slid {
  readonly view: Node;
  readonly axes: readonly number[];
  readonly shape: readonly number[];
}

/** Lays out every window of x [N, C, …S]. */
function slide(x: Node, windows: Windows, filler: number): Slid {
  const { size, stride, dilation, padLow, padHigh, count } = windows;
  const dims = size.length;
  const lead = x.shape.slice(0, 2);
  const shape = [...lead, ...count];
  const high = padHigh.map((n) => Math.max(n, 0));
  const padded = ir.pad(x, [0, 0, ...padLow], [0, 0, ...high], filler);
  const isTiling = size.every((n, i) => n === stride[i] && dilation[i] === 1);
  if (isTiling) {
    // Windows that tile the input are a reshape of it: no element is read twice.
    const used = count.map((n, i) => n * size[i]);
    const cut = ir.slice(padded, [0, 0, ...padLow.map(() => 0)], [...lead, ...used]);
    const view = ir.reshape(cut, [...lead, ...count.flatMap((n, i) => [n, size[i]])]);
    return { view, axes: range(dims).map((i) => 3 + 2 * i), shape };
  }
  const spatial = range(dims).map((i) => i + 2);
  const view = ir.window(padded, { dims: spatial, size, stride, dilation });
  return { view, axes: spatial.map((dim) => dim + dims), shape };
}

/** Folds every window of x [N, C, …S]; `fold` gets the windows and the axes to reduce. */
function foldWindows(
  x: Node,
  windows: Windows,
  filler: number,
  fold: (x: Node, axes: readonly number[]) => Node,
): Node {
  const { view, axes, shape } = slide(x, windows, filler);
  return ir.reshape(fold(view, axes), shape);
}

/** The smallest value of a dtype. */
export function lowest(dtype: DType): number {
  if (isFloat(dtype)) return -Infinity;
  return dtype === "i32" ? -(2 ** 31) : dtype === "i8" ? -128 : 0;
}

/** Whether elements lie in several windows, and can find all of them. */
function looksUpWindows(x: Node, windows: Windows): boolean {
  const overlaps = windows.size.some((n, i) => n > windows.stride[i]);
  const isDense = windows.dilation.every((step) => step === 1);
  return isFloat(x.dtype) && overlaps && isDense && hasFewWindows(windows);
}

function maxPool(
  dims: number,
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions,
  gathers: boolean,
): Node {
  const op = `maxPool${dims}d`;
  return withBatch(op, x, dims, (batch) => {
    const windows = planWindows(op, batch, kernelSize, options);
    const filler = lowest(x.dtype);
    const maxima = foldWindows(batch, windows, filler, maxOver);
    if (!gathers || !looksUpWindows(batch, windows)) return maxima;
    return withLookedUpWindows(maxima, batch, windows, (y) => slide(y, windows, filler));
  });
}

/** A place behind every other, where no element is. */
const nowhere = 2 ** 31 - 1;

/** Flat places of the elements of x [N, C, …S] in its spatial dims, i32 [1, 1, …S]. */
export function spatialPlaces(x: Node): Node {
  const sizes = x.shape.slice(2);
  return ir.reshape(ir.iota([product(sizes)], 0), [1, 1, ...sizes]);
}

/**
 * Where the first maximum of each window stood: the smallest of the places whose element equals the
 * maximum, or is NaN when that is. `places` and `maxima` broadcast to `view`.
 */
export function firstPlaces(view: Node, maxima: Node, places: Node, axes: readonly number[]): Node {
  const fit = (node: Node): Node => ir.broadcastTo(node, view.shape);
  const isNaN = ir.binary("ne", view, view);
  const wins = ir.binary("or", ir.binary("eq", view, fit(maxima)), isNaN);
  const spots = fit(places);
  return ir.extremum("reduceMin", ir.where(wins, spots, ir.fullLike(spots, nowhere)), axes);
}

function maxPoolPlaces(dims: number, x: Node, kernelSize: Sizes, options: MaxPoolOptions): Node {
  const op = `maxPool${dims}d`;
  return withBatch(op, x, dims, (batch) => {
    const windows = planWindows(op, batch, kernelSize, options);
    const { view, axes, shape } = slide(batch, windows, lowest(x.dtype));
    const places = slide(spatialPlaces(batch), windows, nowhere).view;
    return ir.reshape(firstPlaces(view, maxOver(view, axes), places, axes), shape);
  });
}

function maxPoolWithIndices(
  dims: number,
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions,
): ValuesAndIndices {
  return {
    values: maxPool(dims, x, kernelSize, options, false),
    indices: maxPoolPlaces(dims, x, kernelSize, options),
  };
}

/** {@link maxPool1d}, and where in [L] each maximum stood (the first of equal ones), i32. */
export function maxPool1dWithIndices(
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
): ValuesAndIndices {
  return maxPoolWithIndices(1, x, kernelSize, options);
}

/** {@link maxPool2d}, and the flat place in [H, W] of each maximum, i32. */
export function maxPool2dWithIndices(
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
): ValuesAndIndices {
  return maxPoolWithIndices(2, x, kernelSize, options);
}

/** {@link maxPool3d}, and the flat place in [D, H, W] of each maximum, i32. */
export function maxPool3dWithIndices(
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
): ValuesAndIndices {
  return maxPoolWithIndices(3, x, kernelSize, options);
}

/** Maximum of sliding windows over [N, C, L]; the first of equal elements gets the gradient. */
export function maxPool1d(
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
  gathers: boolean = false,
): Node {
  return maxPool(1, x, kernelSize, options, gathers);
}

/** Maximum of sliding windows over [N, C, H, W]; the first of equal elements gets the gradient. */
export function maxPool2d(
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
  gathers: boolean = false,
): Node {
  return maxPool(2, x, kernelSize, options, gathers);
}

/** Maximum of sliding windows over [N, C, D, H, W]. */
export function maxPool3d(
  x: Node,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
  gathers: boolean = false,
): Node {
  return maxPool(3, x, kernelSize, options, gathers);
}

/**
 * How many elements each window counts, per dim: windows that overhang the padded input count what
 * lies inside it, without `countIncludePad` what lies inside the input. A number if all agree.
 */
function elementCounts(x: Node, windows: Windows, countIncludePad: boolean): number | Node {
  const { size, stride, padLow, count } = windows;
  const perDim = count.map((n, i) => {
    const length = x.shape[i + 2];
    const from = countIncludePad ? -padLow[i] : 0;
    const to = countIncludePad ? length + padLow[i] : length;
    return range(n).map((at) => {
      const start = at * stride[i] - padLow[i];
      return Math.min(start + size[i], to) - Math.max(start, from);
    });
  });
  if (perDim.every((line) => line.every((n) => n === line[0]))) {
    return product(perDim.map((line) => line[0]));
  }
  const lines = perDim.map((line, i) => {
    const shape = count.map((n, dim) => (dim === i ? n : 1));
    return ir.broadcastTo(ir.reshape(piecewise(line), shape), count);
  });
  return lines.reduce((a, b) => ir.mul(a, b));
}

/** A vector of known numbers, as runs of equal ones. */
function piecewise(values: readonly number[]): Node {
  const starts = range(values.length).filter((i) => i === 0 || values[i] !== values[i - 1]);
  const runs = starts.map((start, i) =>
    ir.full([(starts[i + 1] ?? values.length) - start], values[start], "f32"),
  );
  return ir.concat(runs, 0);
}

/** Maximum over axes; the first of equal elements gets the gradient. */
export function maxOver(x: Node, axes: readonly number[]): Node {
  return ir.extremum("reduceMax", x, axes, "first");
}

function avgPool(dims: number, x: Node, kernelSize: Sizes, options: AvgPoolOptions): Node {
  const op = `avgPool${dims}d`;
  const { countIncludePad = true, divisorOverride } = options;
  if (divisorOverride === 0) throw new ConfigError(`${op}: divisorOverride must not be 0, got 0`);
  return inComputeDType(x, (source) =>
    withBatch(op, source, dims, (batch) => {
      const windows = planWindows(op, batch, kernelSize, options);
      const sums = foldWindows(batch, windows, 0, ir.reduceSum);
      return div(sums, divisorOverride ?? elementCounts(batch, windows, countIncludePad));
    }),
  );
}

/** Mean of sliding windows over [N, C, L]. */
export function avgPool1d(x: Node, kernelSize: Sizes, options: AvgPoolOptions = {}): Node {
  return avgPool(1, x, kernelSize, options);
}

/** Mean of sliding windows over [N, C, H, W]. */
export function avgPool2d(x: Node, kernelSize: Sizes, options: AvgPoolOptions = {}): Node {
  return avgPool(2, x, kernelSize, options);
}

/** Mean of sliding windows over [N, C, D, H, W]. */
export function avgPool3d(x: Node, kernelSize: Sizes, options: AvgPoolOptions = {}): Node {
  return avgPool(3, x, kernelSize, options);
}

/** Geometry of power-average pooling. */
export interface LpPoolOptions {
  /** @defaultValue the kernel size */
  readonly stride?: Sizes | null | undefined;
  /** Also pools the rest that does not fill a window. */
  readonly ceilMode?: boolean;
}

function lpPool(
  dims: number,
  x: Node,
  normType: number,
  kernelSize: Sizes,
  { stride, ceilMode = false }: LpPoolOptions,
): Node {
  if (!(normType > 0)) {
    throw new ConfigError(`lpPool${dims}d: normType must be above 0, got ${normType}`);
  }
  const count = product(perDim(`lpPool${dims}d`, "kernelSize", kernelSize, dims, 1));
  return inComputeDType(x, (a) => {
    // torch averages and multiplies by the window again, which decides what a cut window gives.
    const mean = avgPool(dims, pow(a, normType), kernelSize, { stride, ceilMode });
    return pow(mul(mul(sign(mean), relu(abs(mean))), count), 1 / normType);
  });
}

/** (Σ xᵖ)^(1/p) of sliding windows over [N, C, L]. */
export function lpPool1d(
  x: Node,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions = {},
): Node {
  return lpPool(1, x, normType, kernelSize, options);
}

/** (Σ xᵖ)^(1/p) of sliding windows over [N, C, H, W]. */
export function lpPool2d(
  x: Node,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions = {},
): Node {
  return lpPool(2, x, normType, kernelSize, options);
}

/** (Σ xᵖ)^(1/p) of sliding windows over [N, C, D, H, W]. */
export function lpPool3d(
  x: Node,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions = {},
): Node {
  return lpPool(3, x, normType, kernelSize, options);
}
