import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import { registerGradient } from "../../autodiff/custom-gradient.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Shape } from "../../ir/shape.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { add, clamp, div, mul, rsqrt, sub } from "./arithmetic.ts";
import type { Dims } from "./operands.ts";
import { computeDType, inComputeDType } from "./operands.ts";
import { stopGradient } from "./stop-gradient.ts";
import { norm, reduceCount } from "./reduce.ts";

/** A scale and a shift that may be absent. */
export interface AffineOptions {
  readonly weight?: Node | null | undefined;
  readonly bias?: Node | null | undefined;
}

/** Options of the normalisations that subtract a mean. */
export interface NormalizationOptions extends AffineOptions {
  /** Added to the variance, > 0. @defaultValue 1e-5 */
  readonly eps?: number | undefined;
}

/** A normalised tensor and the statistics it was normalised by. */
export interface Standardized {
  readonly y: Node;
  readonly mean: Node;
  readonly variance: Node;
}

/** (x − mean) / √(variance + eps) over axes, with the biased variance. */
export function standardize(x: Node, axes: readonly number[], eps: number): Standardized {
  if (isLongRow(x, axes)) return standardizeRows(x, eps);
  const result = standardizeChannels(x, axes, eps);
  return { ...result, y: ir.customGradient(result.y, [x], channelGradient(axes, eps)) };
}

/** Where in a row its pivot is sought: no even steps, in which rows may repeat themselves. */
const PIVOTS = [0.12, 0.5, 0.74];
/** The shortest row that gets a pivot. */
const LONG_ROW = 64;

const isLongRow = (x: Node, axes: readonly number[]): boolean =>
  axes.length === 1 && axes[0] === x.shape.length - 1 && x.shape[axes[0]] >= LONG_ROW;

/** The median of three elements of each row or channel: an outlier among them does no harm. */
function pivotOf(x: Node, axes: readonly number[]): Node {
  const [a, b, c] = PIVOTS.map((part) =>
    axes.reduce((y, axis) => ir.narrow(y, axis, Math.floor(part * x.shape[axis]), 1), x),
  );
  const upper = ir.binary("min", ir.binary("max", a, b), c);
  return ir.binary("max", ir.binary("min", a, b), upper);
}

/** `standardize` over any axes; much is passed over once, as in {@link standardizeRows}. */
function standardizeChannels(x: Node, axes: readonly number[], eps: number): Standardized {
  const count = reduceCount(x, axes);
  if (count < LONG_ROW) {
    const mean = div(ir.reduceSum(x, axes), count);
    const distance = sub(x, mean);
    const variance = div(ir.reduceSum(mul(distance, distance), axes), count);
    return { y: mul(distance, rsqrt(add(variance, eps))), mean, variance };
  }
  const pivot = stopGradient(pivotOf(x, axes));
  const distance = sub(x, pivot);
  const shift = div(ir.reduceSum(distance, axes), count);
  const square = div(ir.reduceSum(mul(distance, distance), axes), count);
  const variance = clamp(sub(square, mul(shift, shift)), { min: 0 });
  const y = mul(sub(distance, shift), rsqrt(add(variance, eps)));
  return { y, mean: add(pivot, shift), variance };
}

const channelGradients = new Map<string, number>();

/**
 * ∂/∂x of a standardised y for a cotangent g: (g − E[g] − y · E[g · y]) / √(variance + eps). Derived
 * step by step it would be three passes over memory; this is one for the sums and one for the rest.
 */
function channelGradient(axes: readonly number[], eps: number): number {
  const key = `${axes.join(",")};${eps}`;
  const known = channelGradients.get(key);
  if (known !== undefined) return known;
  const rule = registerGradient(([x], _, g) => {
    const { y, variance } = standardizeChannels(x, axes, eps);
    const mean = (values: Node): Node => div(ir.reduceSum(values, axes), reduceCount(x, axes));
    const centered = sub(sub(g, mean(g)), mul(y, mean(mul(g, y))));
    return [mul(centered, rsqrt(add(variance, eps)))];
  });
  channelGradients.set(key, rule);
  return rule;
}

/**
 * `standardize` of rows with both moments from one pass over memory: those of the distances d to a
 * pivot, variance = E[d²] − E[d]². The difference loses accuracy where E[d]² is far above the
 * variance; the pivot is an element of the row, so E[d]² ≤ n · variance at the very worst. It is a
 * constant for differentiation, because mean and variance do not depend on it.
 */
function standardizeRows(x: Node, eps: number): Standardized {
  const last = x.shape.length - 1;
  const count = x.shape[last];
  const pivot = stopGradient(pivotOf(x, [last]));
  const distance = sub(x, pivot);
  const shift = div(ir.reduceSum(distance, [last]), count);
  const square = div(ir.reduceSum(mul(distance, distance), [last]), count);
  const variance = clamp(sub(square, mul(shift, shift)), { min: 0 });
  const scale = rsqrt(add(variance, eps));
  // Not (d − shift) · scale: then its gradient would add up other products than the other sum's.
  const y = sub(mul(distance, scale), mul(shift, scale));
  return { y, mean: add(pivot, shift), variance };
}

/** y · weight + bias, both given the shape that broadcasts over y. */
export function affine(y: Node, { weight, bias }: AffineOptions, shape: Shape): Node {
  const fit = (parameter: Node): Node => ir.reshape(ir.cast(parameter, y.dtype), shape);
  const scaled = weight == null ? y : mul(y, fit(weight));
  return bias == null ? scaled : add(scaled, fit(bias));
}

/** @throws {ShapeError} if weight or bias has another shape. */
export function requireAffine(op: string, options: AffineOptions, shape: Shape): void {
  for (const name of ["weight", "bias"] as const) {
    const parameter = options[name];
    if (parameter == null || sameShape(parameter.shape, shape)) continue;
    throw new ShapeError(
      `${op}: ${name} must be ${formatShape(shape)}, got ${formatShape(parameter.shape)}`,
    );
  }
}

/** Axes of the trailing `normalizedShape` of x. */
function trailingAxes(op: string, x: Node, normalizedShape: number | Shape): number[] {
  const shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
  const start = x.shape.length - shape.length;
  if (shape.length === 0 || start < 0 || !sameShape(x.shape.slice(start), shape)) {
    throw new ShapeError(
      `${op}: x must end in normalizedShape ${formatShape(shape)}, got ${formatShape(x.shape)}`,
    );
  }
  return range(shape.length).map((i) => start + i);
}

/**
 * Normalises the trailing dims to zero mean and unit variance: (x − E[x]) / √(Var[x] + eps) · weight
 * + bias. Shapes: x [..., …S], weight and bias …S. Half types compute in f32.
 */
export function layerNorm(
  x: Node,
  normalizedShape: number | Shape,
  options: NormalizationOptions = {},
): Node {
  const axes = trailingAxes("layerNorm", x, normalizedShape);
  const shape = axes.map((axis) => x.shape[axis]);
  requireAffine("layerNorm", options, shape);
  return inComputeDType(x, (a) =>
    affine(standardize(a, axes, options.eps ?? 1e-5).y, options, shape),
  );
}

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  readonly weight?: Node | null | undefined;
  /** Added to the mean square. @defaultValue the dtype's machine epsilon */
  readonly eps?: number | null | undefined;
}

const machineEpsilon: Readonly<Partial<Record<DType, number>>> = {
  f64: 2 ** -52,
  f32: 2 ** -23,
  f16: 2 ** -10,
  bf16: 2 ** -7,
};

/** x / √(E[x²] + eps) · weight over the trailing dims. Half types compute in f32. */
export function rmsNorm(
  x: Node,
  normalizedShape: number | Shape,
  options: RmsNormOptions = {},
): Node {
  const axes = trailingAxes("rmsNorm", x, normalizedShape);
  const shape = axes.map((axis) => x.shape[axis]);
  requireAffine("rmsNorm", options, shape);
  const eps = options.eps ?? machineEpsilon[x.dtype] ?? 2 ** -23;
  return inComputeDType(x, (a) => {
    const meanSquare = div(ir.reduceSum(mul(a, a), axes), reduceCount(a, axes));
    return affine(mul(a, rsqrt(add(meanSquare, eps))), { weight: options.weight }, shape);
  });
}

/** [C, 1, …] that broadcasts a vector over the channels of x [N, C, …S]. */
export function channelShape(op: string, x: Node): number[] {
  if (x.shape.length < 2) {
    throw new ShapeError(`${op}: x must be [N, C, …], got ${formatShape(x.shape)}`);
  }
  return [x.shape[1], ...x.shape.slice(2).fill(1)];
}

/** Normalises groups of channels of x [N, C, …S] each; weight and bias [C]. */
export function groupNorm(x: Node, numGroups: number, options: NormalizationOptions = {}): Node {
  const shape = channelShape("groupNorm", x);
  const [batch, channels] = x.shape;
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0) {
    throw new ConfigError(
      `groupNorm: numGroups must divide the ${channels} channels of ${formatShape(x.shape)}, got ${numGroups}`,
    );
  }
  requireAffine("groupNorm", options, [channels]);
  const size = product(x.shape.slice(1)) / numGroups;
  return inComputeDType(x, (a) => {
    const groups = ir.reshape(a, [batch, numGroups, size]);
    const { y } = standardize(groups, [2], options.eps ?? 1e-5);
    return affine(ir.reshape(y, x.shape), options, shape);
  });
}

/** Running statistics of a normalisation, f32 [C] each. */
export interface RunningStatistics {
  readonly runningMean?: Node | null | undefined;
  readonly runningVar?: Node | null | undefined;
}

/** Options of {@link batchNorm}. */
export interface BatchNormOptions extends NormalizationOptions, RunningStatistics {
  /** Use and report the batch's own statistics. @defaultValue false */
  readonly training?: boolean | undefined;
  /** Weight of the batch in new running statistics. @defaultValue 0.1 */
  readonly momentum?: number | undefined;
}

/** Result of {@link batchNorm}. */
export interface BatchNormResult extends RunningStatistics {
  readonly output: Node;
}

/**
 * Normalises every channel of x [N, C, …S] over batch and space.
 * In training by the batch's mean and biased variance; the result then carries what the running
 * statistics become: (1 − momentum) · running + momentum · batch, with the unbiased variance.
 * Otherwise by the running statistics. Differs from torch: nothing is updated in place.
 */
export function batchNorm(x: Node, options: BatchNormOptions = {}): BatchNormResult {
  const shape = channelShape("batchNorm", x);
  const { eps = 1e-5, momentum = 0.1, training = false, runningMean, runningVar } = options;
  requireAffine("batchNorm", options, [x.shape[1]]);
  const axes = range(x.shape.length).filter((axis) => axis !== 1);
  if (!training) {
    if (runningMean == null || runningVar == null) {
      throw new ConfigError(
        "batchNorm: runningMean and runningVar are needed unless training is true",
      );
    }
    return {
      output: normalizeByRunning(x, options, runningMean, runningVar, eps),
      runningMean,
      runningVar,
    };
  }
  const count = reduceCount(x, axes);
  if (count < 2) {
    throw new ShapeError(
      `batchNorm: training needs more than one value per channel, got ${formatShape(x.shape)}`,
    );
  }
  const batch = standardize(ir.cast(x, computeDType(x.dtype)), axes, eps);
  const blend = (running: Node | null | undefined, seen: Node, scale: number): Node | null => {
    if (running == null) return null;
    const fresh = ir.cast(ir.reshape(seen, running.shape), running.dtype);
    return add(mul(running, 1 - momentum), mul(fresh, momentum * scale));
  };
  return {
    output: ir.cast(affine(batch.y, options, shape), x.dtype),
    runningMean: blend(runningMean, batch.mean, 1),
    runningVar: blend(runningVar, batch.variance, count / (count - 1)),
  };
}

function normalizeByRunning(
  x: Node,
  options: AffineOptions,
  runningMean: Node,
  runningVar: Node,
  eps: number,
): Node {
  const shape = channelShape("batchNorm", x);
  return inComputeDType(x, (a) => {
    const fit = (line: Node): Node => ir.reshape(ir.cast(line, a.dtype), shape);
    const y = mul(sub(a, fit(runningMean)), rsqrt(add(fit(runningVar), eps)));
    return affine(y, options, shape);
  });
}

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Order of the norm. @defaultValue 2 */
  readonly p?: number | undefined;
  /** @defaultValue 1 */
  readonly dim?: Dims | undefined;
  /** Smallest divisor. @defaultValue 1e-12 */
  readonly eps?: number | undefined;
}

/** x / max(‖x‖ₚ, eps) along dims. */
export function normalize(x: Node, { p = 2, dim = 1, eps = 1e-12 }: NormalizeOptions = {}): Node {
  return inComputeDType(x, (a) => div(a, clamp(norm(a, { p, dim, keepdim: true }), { min: eps })));
}
