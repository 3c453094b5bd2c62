import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim, sameShape } from "../../ir/shape.ts";
import { div, maximum, sub } from "./arithmetic.ts";
import { ge, gt, le, logicalAnd, lt, where } from "./logic.ts";
import type { ScatterReduction } from "./scattering.ts";
import { scatterReduce } from "./scattering.ts";
import { searchsorted } from "./searching.ts";

/** How {@link segmentReduce} joins the elements of a segment. */
export type SegmentReduction = "sum" | "mean" | "max" | "min" | "prod";

/** Options of {@link segmentReduce}. */
export interface SegmentOptions {
  /** How many elements each segment has: [..., S], with the dims of x before `axis` in front. */
  readonly lengths?: Node | null | undefined;
  /** Where segments begin and the last one ends: [..., S + 1]; instead of `lengths`. */
  readonly offsets?: Node | null | undefined;
  /** @defaultValue 0 */
  readonly axis?: number | undefined;
  /** What every reduction begins with. */
  readonly initial?: number | null | undefined;
}

const empty: Readonly<Record<SegmentReduction, number>> = {
  sum: 0,
  mean: NaN,
  prod: 1,
  max: -Infinity,
  min: Infinity,
};

/** Offsets i32 [..., S + 1] from either way to say where segments are. */
function offsetsOf(
  x: Node,
  axis: number,
  { lengths, offsets }: Pick<SegmentOptions, "lengths" | "offsets">,
): Node {
  if ((lengths == null) === (offsets == null)) {
    throw new ConfigError(
      `segmentReduce: needs lengths or offsets, got ${lengths == null ? "neither" : "both"}`,
    );
  }
  const given = ir.cast(lengths ?? offsets ?? x, "i32");
  const { shape } = given;
  if (shape.length !== axis + 1 || !sameShape(shape.slice(0, axis), x.shape.slice(0, axis))) {
    throw new ShapeError(
      `segmentReduce: lengths or offsets must have the dims before axis ${axis} and one more, ` +
        `got ${formatShape(shape)} for ${formatShape(x.shape)}`,
    );
  }
  if (lengths == null) {
    if (shape[axis] > 0) return given;
    throw new ShapeError("segmentReduce: offsets must hold at least the end, got none");
  }
  const start = ir.full([...shape.slice(0, axis), 1], 0, "i32");
  return ir.concat([start, ir.scan(given, axis, "sum")], axis);
}

/** x [batch…, S] spread over the dims of `like` behind the axis. */
function alongAxis(x: Node, like: readonly number[]): Node {
  const rest = like.length - x.shape.length;
  return ir.expand(ir.reshape(x, [...x.shape, ...new Array<number>(rest).fill(1)]), like);
}

/**
 * One value per run of neighbours along `axis`. Elements before the first or after the last segment
 * do not count; a segment without elements gives `initial`, or 0, 1, ∓∞ or (mean) NaN.
 * Shapes: x [..., N, rest] → [..., S, rest].
 */
export function segmentReduce(
  x: Node,
  reduce: SegmentReduction,
  { axis = 0, initial, ...places }: SegmentOptions = {},
): Node {
  if (!Object.hasOwn(empty, reduce)) {
    throw new ConfigError(
      `segmentReduce: reduce must be sum, mean, max, min or prod, got "${String(reduce)}"`,
    );
  }
  const dim = normalizeDim("segmentReduce", axis, x.shape.length);
  const offsets = offsetsOf(x, dim, places);
  const count = offsets.shape[dim] - 1;
  const sizes = (size: number): number[] => x.shape.map((n, i) => (i === dim ? size : n));
  const positions = ir.iota(x.shape.slice(0, dim + 1), dim);
  const place = sub(searchsorted(offsets, positions, { right: true }), 1);
  const inside = logicalAnd(ge(place, 0), lt(place, count));
  // What belongs to no segment goes to one place behind the result.
  const index = alongAxis(where(inside, place, count), x.shape);
  const join = (kind: ScatterReduction, start: number, includeSelf: boolean): Node => {
    const base = ir.full(sizes(count + 1), start, x.dtype);
    const joined = scatterReduce(base, index, x, dim, kind, { includeSelf });
    return ir.narrow(joined, dim, 0, count);
  };
  if (reduce === "sum" || reduce === "prod") return join(reduce, initial ?? empty[reduce], true);
  if (reduce === "mean") {
    const shape = sizes(count);
    const ends = ir.narrow(offsets, dim, 1, count);
    const lengths = sub(ends, ir.narrow(offsets, dim, 0, count));
    const number = ir.cast(alongAxis(lengths, shape), x.dtype);
    const mean = div(join("sum", initial ?? 0, true), maximum(number, 1));
    return where(gt(number, 0), mean, initial ?? empty.mean);
  }
  const extremum = join(reduce === "max" ? "amax" : "amin", empty[reduce], false);
  if (initial == null) return extremum;
  // The elements keep the whole gradient where they equal the initial value.
  const isBetter = reduce === "max" ? ge(extremum, initial) : le(extremum, initial);
  return where(isBetter, extremum, initial);
}
