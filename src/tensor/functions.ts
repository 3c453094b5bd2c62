import { ShapeError } from "../base/errors.ts";
import * as ir from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { broadcastShapes as commonShape, formatShape } from "../ir/shape.ts";
import { lower, widen } from "./autocast.ts";
import * as diagonals from "./ops/diagonals.ts";
import type { DistanceOptions } from "./ops/distance.ts";
import * as distance from "./ops/distance.ts";
import { einsum as einsumNodes } from "./ops/einsum.ts";
import * as histograms from "./ops/histogram.ts";
import * as joining from "./ops/joining.ts";
import * as linear from "./ops/linear.ts";
import * as logic from "./ops/logic.ts";
import * as running from "./ops/running.ts";
import * as searching from "./ops/searching.ts";
import * as segments from "./ops/segments.ts";
import * as shapes from "./ops/shape.ts";
import * as stacking from "./ops/stacking.ts";
import type { TensorLike, TensorOptions } from "./tensor.ts";
import { Tensor, derive, operand } from "./tensor.ts";

const nodesOf = (tensors: readonly Tensor[]): Node[] => tensors.map((tensor) => tensor.node);

const deriveAll = (sources: readonly Tensor[], nodes: readonly Node[]): Tensor[] =>
  nodes.map((node) => derive(sources, node));

/** Joins tensors along an existing dim. @throws {ShapeError} if other dims differ. */
export function cat(tensors: readonly Tensor[], options?: { readonly dim?: number }): Tensor {
  return derive(tensors, joining.cat(nodesOf(tensors), options));
}

/** Joins tensors of one shape along a new dim. */
export function stack(tensors: readonly Tensor[], options?: { readonly dim?: number }): Tensor {
  return derive(tensors, joining.stack(nodesOf(tensors), options));
}

/** Joins along the second dim, vectors along their only one. */
export function hstack(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, stacking.hstack(nodesOf(tensors)));
}

/** Joins as rows: vectors become matrices of one row. */
export function vstack(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, stacking.vstack(nodesOf(tensors)));
}

/** Joins along the third dim. */
export function dstack(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, stacking.dstack(nodesOf(tensors)));
}

/** Joins as columns: vectors become matrices of one column. */
export function columnStack(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, stacking.columnStack(nodesOf(tensors)));
}

/** x with at least one dim. */
export function atleast1d(x: Tensor): Tensor {
  return derive([x], stacking.atLeast1d(x.node));
}

/** x with at least two dims; a vector becomes a row. */
export function atleast2d(x: Tensor): Tensor {
  return derive([x], stacking.atLeast2d(x.node));
}

/** x with at least three dims: [N] becomes [1, N, 1] and [M, N] becomes [M, N, 1]. */
export function atleast3d(x: Tensor): Tensor {
  return derive([x], stacking.atLeast3d(x.node));
}

/** The matrix with the given matrices along its diagonal and zeros elsewhere. */
export function blockDiag(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, stacking.blockDiag(nodesOf(tensors)));
}

/** All combinations of one element of each vector, as rows. */
export function cartesianProd(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, stacking.cartesianProd(nodesOf(tensors)));
}

/**
 * Subsets of `r` elements of a vector, as rows in lexicographic order of their places.
 * @example combinations(tensor([1, 2, 3])).shape // [3, 2]
 */
export function combinations(
  x: Tensor,
  {
    r = 2,
    withReplacement = false,
  }: { readonly r?: number; readonly withReplacement?: boolean } = {},
): Tensor {
  if (x.ndim !== 1 || !Number.isInteger(r) || r < 0) {
    throw new ShapeError(
      `combinations: needs a vector and an integer r ≥ 0, got ${formatShape(x.shape)} and ${r}`,
    );
  }
  if (r === 0) return derive([x], ir.full([0], 0, x.dtype));
  const rows = stacking.subsets(x.shape[0], r, withReplacement);
  return x.take(integers(rows.flat(), [rows.length, r], { device: x.device }));
}

function integers(values: readonly number[], shape: Shape, options: TensorOptions): Tensor {
  const { dtype = "i32", ...rest } = options;
  const result = Tensor.from(Int32Array.from(values), shape, { ...rest, dtype: "i32" });
  return result.to(dtype);
}

/** Options of {@link trilIndices} and {@link triuIndices}. */
export interface TriangleIndexOptions extends TensorOptions {
  /** Which diagonal bounds the triangle. @defaultValue 0 */
  readonly offset?: number;
}

function triangleIndices(
  rows: number,
  columns: number,
  { offset = 0, ...options }: TriangleIndexOptions,
  side: "lower" | "upper",
): Tensor {
  const places = stacking.trianglePlaces(rows, columns, offset, side);
  const values = [...places.map(([row]) => row), ...places.map(([, column]) => column)];
  return integers(values, [2, places.length], options);
}

/** Rows and columns of the lower triangle of a matrix, i32 [2, count]. */
export function trilIndices(
  rows: number,
  columns: number,
  options: TriangleIndexOptions = {},
): Tensor {
  return triangleIndices(rows, columns, options, "lower");
}

/** Rows and columns of the upper triangle of a matrix, i32 [2, count]. */
export function triuIndices(
  rows: number,
  columns: number,
  options: TriangleIndexOptions = {},
): Tensor {
  return triangleIndices(rows, columns, options, "upper");
}

/** Options of {@link searchsorted}. */
export interface SearchsortedOptions extends searching.BucketOptions {
  /** As `right`, by name. */
  readonly side?: "left" | "right" | null;
  /** The order that sorts an unsorted first argument, as `argsort` gives it. */
  readonly sorter?: Tensor | null;
}

/**
 * How many elements of each sorted row stand before a value (before or at it with `right`), i32.
 * Shapes: sorted [N] with values of any shape, or sorted [..., N] with values [..., M].
 */
export function searchsorted(
  sorted: Tensor,
  values: TensorLike,
  { sorter, ...options }: SearchsortedOptions = {},
): Tensor {
  const node = searching.searchsorted(sorted.node, operand(values), {
    ...options,
    sorter: sorter?.node,
  });
  return derive(sorter == null ? [sorted, values] : [sorted, values, sorter], node);
}

/** For each element how many boundaries (a sorted vector) lie before it, i32. */
export function bucketize(
  x: TensorLike,
  boundaries: Tensor,
  options?: searching.BucketOptions,
): Tensor {
  return derive([x, boundaries], searching.bucketize(operand(x), boundaries.node, options));
}

/** Whether each element is among the test elements, as bool. */
export function isin(
  elements: TensorLike,
  test: TensorLike,
  options?: { readonly invert?: boolean; readonly assumeUnique?: boolean },
): Tensor {
  const node = searching.isin(operand(elements), operand(test), options);
  return derive([elements, test], node);
}

/** Options of {@link histogram}. */
export interface HistogramOptions extends Omit<histograms.HistogramOptions, "weight"> {
  /** What each element counts, of the shape of x. */
  readonly weight?: Tensor | null;
}

/** Counts of all elements in bins (their number, or their edges), and the edges. */
export function histogram(
  x: Tensor,
  bins: number | Tensor,
  { weight, ...options }: HistogramOptions = {},
): { readonly hist: Tensor; readonly binEdges: Tensor } {
  const sources = [x, bins, weight].filter((source) => source instanceof Tensor);
  const edges = typeof bins === "number" ? bins : bins.node;
  const parts = histograms.histogram(x.node, edges, { ...options, weight: weight?.node });
  return { hist: derive(sources, parts.hist), binEdges: derive(sources, parts.binEdges) };
}

/** Options of {@link histogramdd}. */
export interface HistogramddOptions extends Omit<histograms.HistogramddOptions, "weight"> {
  /** What each point counts. */
  readonly weight?: Tensor | null;
}

/**
 * Counts of points [..., D] in a grid of bins, and the edges of each coordinate.
 * @param bins - their number, one for all coordinates or one each, or vectors of edges.
 * @example histogramdd(randn([100, 2]), [4, 3]).hist.shape // [4, 3]
 */
export function histogramdd(
  x: Tensor,
  bins: number | readonly number[] | readonly Tensor[],
  { weight, ...options }: HistogramddOptions = {},
): { readonly hist: Tensor; readonly binEdges: readonly Tensor[] } {
  const edges = typeof bins === "number" ? [] : bins.filter((one) => typeof one !== "number");
  const sources = [x, ...edges, weight].filter((source) => source instanceof Tensor);
  const counts = typeof bins === "number" ? bins : bins.filter((one) => typeof one === "number");
  const given = edges.length > 0 ? nodesOf(edges) : counts;
  const parts = histograms.histogramdd(x.node, given, { ...options, weight: weight?.node });
  return { hist: derive(sources, parts.hist), binEdges: deriveAll(sources, parts.binEdges) };
}

/** Options of {@link segmentReduce}. */
export interface SegmentOptions extends Omit<segments.SegmentOptions, "lengths" | "offsets"> {
  /** How many elements each segment has: [..., S], with the dims of x before `axis` in front. */
  readonly lengths?: Tensor | null;
  /** Where segments begin and the last one ends: [..., S + 1]; instead of `lengths`. */
  readonly offsets?: Tensor | null;
}

/**
 * One value per run of neighbours along `axis`; elements outside all runs do not count.
 * @example segmentReduce(tensor([1, 2, 3]), "sum", { lengths: tensor([2, 1]) }) // [3, 3]
 */
export function segmentReduce(
  x: Tensor,
  reduce: segments.SegmentReduction,
  { lengths, offsets, ...options }: SegmentOptions = {},
): Tensor {
  const sources = [x, lengths, offsets].filter((source) => source instanceof Tensor);
  const places = { lengths: lengths?.node, offsets: offsets?.node };
  return derive(sources, segments.segmentReduce(x.node, reduce, { ...options, ...places }));
}

/** Spacing of the samples of {@link trapezoid}. */
export interface TrapezoidOptions extends Omit<running.TrapezoidOptions, "x"> {
  /** Positions of the samples: a vector for `dim`, or of the shape of y. */
  readonly x?: Tensor | null;
}

/** Integral of samples along a dim by the trapezoidal rule. */
export function trapezoid(y: Tensor, { x, ...options }: TrapezoidOptions = {}): Tensor {
  const node = running.trapezoid(y.node, { ...options, x: x?.node });
  return derive(x == null ? [y] : [y, x], node);
}

/** Running integral of samples along a dim by the trapezoidal rule. */
export function cumulativeTrapezoid(y: Tensor, { x, ...options }: TrapezoidOptions = {}): Tensor {
  const node = running.cumulativeTrapezoid(y.node, { ...options, x: x?.node });
  return derive(x == null ? [y] : [y, x], node);
}

/** `a` where the condition holds, `b` elsewhere; all three broadcast. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return derive([condition, a, b], logic.where(condition.node, operand(a), operand(b)));
}

/** Sum of products named by an equation such as `"bik,bkj->bij"`. */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  return derive(operands, einsumNodes(equation, ...operands.map(lower)));
}

/** The tensors repeated to their common shape. */
export function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  return deriveAll(tensors, shapes.broadcastTensors(nodesOf(tensors)));
}

/** Grids of coordinates: one tensor per vector, all of the shape of their lengths. */
export function meshgrid(
  tensors: readonly Tensor[],
  options?: { readonly indexing?: "ij" | "xy" },
): Tensor[] {
  return deriveAll(tensors, diagonals.meshgrid(nodesOf(tensors), options));
}

/** Contracts the last dims of `a` with the first of `b`, or the dims named. */
export function tensordot(
  a: Tensor,
  b: Tensor,
  options?: { readonly dims?: number | readonly [readonly number[], readonly number[]] },
): Tensor {
  return derive([a, b], linear.tensordot(lower(a), lower(b), options));
}

/**
 * x as it is, computed no earlier than the other tensors; keeps programs from growing too large at
 * once and fixes an order where one matters.
 */
export function after(x: Tensor, others: readonly Tensor[]): Tensor {
  return derive([x, ...others], ir.barrier(x.node, nodesOf(others)));
}

/**
 * Slopes of samples on a grid by central differences: one tensor per dim.
 * @example gradient(tensor([1, 4, 9, 16]))[0] // [3, 4, 6, 7]
 */
export function gradient(x: Tensor, options?: running.GradientOptions): Tensor[] {
  return deriveAll([x], running.gradient(x.node, options));
}

/** The coordinates of row-major places in a shape, one tensor per dim. */
export function unravelIndex(places: Tensor, shape: Shape): Tensor[] {
  return deriveAll([places], searching.unravel(places.node, shape));
}

/** The shape that tensors of these shapes broadcast to. @throws {ShapeError} if they do not. */
export function broadcastShapes(...shapes: readonly Shape[]): Shape {
  return commonShape("broadcastShapes", ...shapes);
}

/** Distances between all rows of [..., P, M] and [..., R, M]: [..., P, R]; the norm's order is `p`. */
export function cdist(a: Tensor, b: Tensor, options?: DistanceOptions): Tensor {
  return derive([a, b], distance.cdist(widen(a), widen(b), options));
}
