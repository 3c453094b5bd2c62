import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim, numel } from "../../ir/shape.ts";
import { add, logaddexp, mul, sub } from "./arithmetic.ts";
import { ne } from "./logic.ts";
import { inComputeDType, toFloat } from "./operands.ts";
import { cat } from "./joining.ts";
import { cumsum } from "./scan.ts";

/** ln Σ eˣ of the elements so far along `dim`, without overflow: log₂ n doubling steps. */
export function logcumsumexp(x: Node, dim: number): Node {
  const axis = normalizeDim("logcumsumexp", dim, x.shape.length);
  return inComputeDType(toFloat(x), (a) => {
    if (numel(a.shape) === 0 || a.shape.length === 0) return a;
    const size = a.shape[axis];
    const at = (by: number): number[] => a.shape.map((_, d) => (d === axis ? by : 0));
    let sums = a;
    for (let by = 1; by < size; by *= 2) {
      const head = ir.narrow(sums, axis, 0, by);
      const behind = ir.narrow(sums, axis, 0, size - by);
      const ahead = ir.slice(sums, at(by), a.shape.with(axis, size - by));
      sums = ir.concat([head, logaddexp(ahead, behind)], axis);
    }
    return sums;
  });
}

/** Options of {@link diff}. */
export interface DiffOptions {
  /** How often differences are taken. @defaultValue 1 */
  readonly n?: number;
  /** @defaultValue -1 */
  readonly dim?: number;
  /** Put before x along the dim. */
  readonly prepend?: Node | null | undefined;
  /** Put after x along the dim. */
  readonly append?: Node | null | undefined;
}

/** Differences of neighbours along a dim; of bool whether they differ. */
export function diff(x: Node, { n = 1, dim = -1, prepend, append }: DiffOptions = {}): Node {
  if (x.shape.length === 0) throw new ShapeError("diff: x must have at least one dim, got []");
  if (!Number.isInteger(n) || n < 0) {
    throw new ConfigError(`diff: n must be an integer ≥ 0, got ${n}`);
  }
  const axis = normalizeDim("diff", dim, x.shape.length);
  const parts = [prepend, x, append].filter((part) => part != null);
  let result = parts.length === 1 ? x : cat(parts, { dim: axis });
  for (let i = 0; i < n && result.shape[axis] > 0; i++) {
    const size = result.shape[axis] - 1;
    const [before, after] = [0, 1].map((start) => ir.narrow(result, axis, start, size));
    result = x.dtype === "bool" ? ne(after, before) : sub(after, before);
  }
  return result;
}

/** Spacing of the samples of {@link trapezoid}. */
export interface TrapezoidOptions {
  /** Positions of the samples: a vector for `dim`, or of the shape of y. */
  readonly x?: Node | null | undefined;
  /** Distance of neighbours where no positions are given. @defaultValue 1 */
  readonly dx?: number;
  /** @defaultValue -1 */
  readonly dim?: number;
}

/** Areas between neighbouring samples. */
function trapezoids(
  op: string,
  y: Node,
  { x, dx = 1, dim = -1 }: TrapezoidOptions,
): [Node, number] {
  const axis = normalizeDim(op, dim, y.shape.length);
  const size = Math.max((y.shape[axis] ?? 1) - 1, 0);
  const float = toFloat(y);
  const part = (node: Node, at: number, start: number): Node => ir.narrow(node, at, start, size);
  if (y.shape.length === 0 || y.shape[axis] === 0) {
    throw new ShapeError(`${op}: y must have samples along the dim, got ${formatShape(y.shape)}`);
  }
  const heights = mul(add(part(float, axis, 0), part(float, axis, 1)), 0.5);
  if (x == null) return [mul(heights, dx), axis];
  const isLine = x.shape.length === 1 && y.shape.length > 1;
  const places = isLine
    ? ir.reshape(
        x,
        y.shape.map((_, d) => (d === axis ? x.shape[0] : 1)),
      )
    : x;
  const along = places.shape.length - (y.shape.length - axis);
  const widths = sub(part(places, along, 1), part(places, along, 0));
  return [mul(heights, widths), axis];
}

/** Integral of samples along a dim by the trapezoidal rule. */
export function trapezoid(y: Node, options: TrapezoidOptions = {}): Node {
  const [areas, axis] = trapezoids("trapezoid", y, options);
  return ir.reshape(ir.reduceSum(areas, [axis]), areas.shape.toSpliced(axis, 1));
}

/** Running integral of samples along a dim by the trapezoidal rule. */
export function cumulativeTrapezoid(y: Node, options: TrapezoidOptions = {}): Node {
  const [areas, axis] = trapezoids("cumulativeTrapezoid", y, options);
  return cumsum(areas, axis);
}

/** Options of {@link gradient}. */
export interface GradientOptions {
  /** Distance of neighbours, of all dims or of each. @defaultValue 1 */
  readonly spacing?: number | readonly number[];
  /** Dims to differentiate along; all without it. */
  readonly dim?: number | readonly number[] | null;
  /** Order of the differences at the borders. @defaultValue 1 */
  readonly edgeOrder?: 1 | 2;
}

function slopeAlong(x: Node, axis: number, step: number, edgeOrder: 1 | 2): Node {
  const size = x.shape[axis];
  if (size < edgeOrder + 1) {
    throw new ShapeError(
      `gradient: dim ${axis} must have more than ${edgeOrder} elements, got ${formatShape(x.shape)}`,
    );
  }
  const at = (start: number, count = 1): Node => ir.narrow(x, axis, start, count);
  const inner = mul(sub(at(2, size - 2), at(0, size - 2)), 0.5 / step);
  const edge = (first: number, towards: 1 | -1): Node => {
    const [a, b] = [at(first), at(first + towards)];
    if (edgeOrder === 1) return mul(sub(b, a), towards / step);
    const third = at(first + 2 * towards);
    const bent = sub(sub(mul(b, 4), mul(a, 3)), third);
    return mul(bent, (0.5 * towards) / step);
  };
  return ir.concat([edge(0, 1), inner, edge(size - 1, -1)], axis);
}

/** Slopes of samples on a grid by central differences, one node per dim. */
export function gradient(
  x: Node,
  { spacing = 1, dim, edgeOrder = 1 }: GradientOptions = {},
): Node[] {
  const source = toFloat(x);
  const list = dim == null ? [...x.shape.keys()] : typeof dim === "number" ? [dim] : dim;
  const axes = list.map((d) => normalizeDim("gradient", d, x.shape.length));
  const steps = typeof spacing === "number" ? axes.map(() => spacing) : spacing;
  if (steps.length !== axes.length) {
    throw new ConfigError(
      `gradient: needs one spacing per dim, got ${steps.length} for ${axes.length}`,
    );
  }
  return axes.map((axis, i) => slopeAlong(source, axis, steps[i], edgeOrder));
}
