import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { eq, ge, le, logicalAnd, lt, where } from "./logic.ts";
import { broadcastOperands } from "./operands.ts";
import { requireBins, searchsorted } from "./searching.ts";

/** Options of {@link histogram}. */
export interface HistogramOptions {
  /** Ends of equal bins; the data's own without it. */
  readonly range?: readonly [number, number] | undefined;
  /** What each element counts, of the shape of x. */
  readonly weight?: Node | null | undefined;
  /** Divides by the sum and by the bins' widths. */
  readonly density?: boolean | undefined;
}

/** Options of {@link histogramdd}. */
export interface HistogramddOptions extends Omit<HistogramOptions, "range"> {
  /** Lower and upper end of each coordinate, one after the other. */
  readonly range?: readonly number[] | undefined;
}

/** Lowest and highest edge: those given, or the data's; [0, 1] without data, wider where equal. */
function outerEdges(x: Node, range: readonly [number, number] | undefined): [Node, Node] {
  const { dtype } = x;
  if (range !== undefined && !(range[0] <= range[1])) {
    throw new ConfigError(`histogram: range must be ascending, got [${range.join(", ")}]`);
  }
  if (range === undefined && product(x.shape) > 0) {
    const low = ir.reshape(ir.extremum("reduceMin", x, [0]), []);
    const high = ir.reshape(ir.extremum("reduceMax", x, [0]), []);
    const flat = mul(ir.cast(eq(low, high), dtype), 0.5);
    return [sub(low, flat), add(high, flat)];
  }
  const [low, high] = range ?? [0, 1];
  const flat = low === high ? 0.5 : 0;
  return [ir.constant(low - flat, dtype), ir.constant(high + flat, dtype)];
}

function evenEdges(x: Node, bins: number, range: readonly [number, number] | undefined): Node {
  requireBins("histogram", bins);
  const [low, high] = outerEdges(x, range);
  const places = ir.cast(ir.iota([bins + 1], 0), x.dtype);
  const [steps, a, b] = broadcastOperands("histogram", [places, low, high], x.dtype);
  const step = div(sub(b, a), bins);
  // Counted from both ends, so that both are exact.
  return where(
    lt(steps, Math.ceil((bins + 1) / 2)),
    add(a, mul(steps, step)),
    sub(b, mul(sub(bins, steps), step)),
  );
}

/** The bin of each element of a vector, and whether it has one; the last bin has its upper edge. */
function binsOf(x: Node, edges: Node): { readonly place: Node; readonly inside: Node } {
  const count = edges.shape[0] - 1;
  const last = ir.narrow(edges, 0, count, 1);
  const found = sub(searchsorted(edges, x, { right: true }), 1);
  const inside = logicalAnd(ge(found, 0), le(x, last));
  return { place: where(inside, where(eq(x, last), count - 1, found), 0), inside };
}

function requireFloat(op: string, x: Node): void {
  if (isFloat(x.dtype)) return;
  throw new DTypeError(`${op}: x must be a float tensor, got ${x.dtype}; cast it with to()`);
}

function requireEdges(op: string, edges: Node): void {
  if (edges.shape.length === 1 && edges.shape[0] > 1) return;
  throw new ShapeError(
    `${op}: edges must be a vector of at least 2, got ${formatShape(edges.shape)}`,
  );
}

/** Counts of points by their coordinates' bins, and the edges of each coordinate. */
function countPoints(
  op: string,
  x: Node,
  columns: readonly Node[],
  edges: readonly Node[],
  { weight, density = false }: HistogramOptions | HistogramddOptions,
): Node {
  edges.forEach((vector) => requireEdges(op, vector));
  const shape = edges.map((vector) => vector.shape[0] - 1);
  const count = columns[0].shape[0];
  if (weight != null && product(weight.shape) !== count) {
    throw new ShapeError(
      `${op}: weight must have one element per point (${count}), got ${formatShape(weight.shape)}`,
    );
  }
  const parts = columns.map((column, i) => binsOf(column, edges[i]));
  const inside = parts.map((part) => part.inside).reduce(logicalAnd);
  const place = parts
    .map((part) => part.place)
    .reduce((outer, inner, i) => add(mul(outer, shape[i]), inner));
  const what =
    weight == null ? ir.full([count], 1, x.dtype) : ir.reshape(ir.cast(weight, x.dtype), [count]);
  const bins = ir.full([product(shape)], 0, x.dtype);
  const added = where(inside, what, 0);
  const flat = ir.scatter(bins, where(inside, place, 0), added, 0, "add");
  const hist = ir.reshape(flat, shape);
  if (!density) return hist;
  const total = ir.reduceSum(
    hist,
    shape.map((_, dim) => dim),
  );
  return edges.reduce(
    (node, vector, dim) => {
      const upper = ir.narrow(vector, 0, 1, shape[dim]);
      const width = sub(upper, ir.narrow(vector, 0, 0, shape[dim]));
      const spread = shape.map((size, i) => (i === dim ? size : 1));
      return div(node, ir.reshape(width, spread));
    },
    div(hist, total),
  );
}

/** Counts of all elements in bins, and the bins' edges; the last bin holds its upper edge too. */
export function histogram(
  x: Node,
  bins: number | Node,
  options: HistogramOptions = {},
): { readonly hist: Node; readonly binEdges: Node } {
  requireFloat("histogram", x);
  const flat = ir.reshape(x, [product(x.shape)]);
  const binEdges =
    typeof bins === "number" ? evenEdges(flat, bins, options.range) : ir.cast(bins, x.dtype);
  return { hist: countPoints("histogram", x, [flat], [binEdges], options), binEdges };
}

/**
 * Counts of points in a grid of bins. Shapes: x [..., D] → [bins₁, …, bins_D].
 * @param bins - their number, one for all coordinates or one each, or vectors of edges.
 */
export function histogramdd(
  x: Node,
  bins: number | readonly number[] | readonly Node[],
  options: HistogramddOptions = {},
): { readonly hist: Node; readonly binEdges: readonly Node[] } {
  requireFloat("histogramdd", x);
  const rank = x.shape.length;
  if (rank < 2 || x.shape[rank - 1] === 0) {
    throw new ShapeError(`histogramdd: x must be points [..., D], got ${formatShape(x.shape)}`);
  }
  const size = x.shape[rank - 1];
  const each = typeof bins === "number" ? new Array<number>(size).fill(bins) : bins;
  const { range } = options;
  if (each.length !== size || (range !== undefined && range.length !== 2 * size)) {
    throw new ShapeError(
      `histogramdd: needs bins for ${size} coordinates and twice as many ends in range, got ` +
        `${each.length} and ${range?.length ?? "no"}`,
    );
  }
  const points = ir.reshape(x, [product(x.shape.slice(0, -1)), size]);
  const columns = each.map((_, i) => ir.reshape(ir.narrow(points, 1, i, 1), [points.shape[0]]));
  const binEdges = each.map((one, i) => {
    if (typeof one !== "number") return ir.cast(one, x.dtype);
    return evenEdges(columns[i], one, range && [range[2 * i], range[2 * i + 1]]);
  });
  return { hist: countPoints("histogramdd", x, columns, binEdges, options), binEdges };
}
