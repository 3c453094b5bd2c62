import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { gather, sort } from "./indexing.ts";
import { eq, isnan, le, logicalAnd, logicalNot, logicalOr, lt, toBool, where } from "./logic.ts";
import type { Operand } from "./operands.ts";
import { commonDType, toFloat, toNode } from "./operands.ts";

/** Options of {@link bucketize}. */
export interface BucketOptions {
  /** Whether an equal boundary counts as passed. */
  readonly right?: boolean | undefined;
}

/** Options of {@link searchsorted}. */
export interface SearchOptions extends BucketOptions {
  /** As `right`, by name; the two must not disagree. */
  readonly side?: "left" | "right" | null | undefined;
  /** The order that sorts an unsorted first argument, of its shape. */
  readonly sorter?: Node | null | undefined;
}

/**
 * How many elements of each sorted row stand before a value, i32, by bisection.
 * Shapes: sorted [N] with values of any shape, or sorted [..., N] with values [..., M].
 */
export function searchsorted(
  sorted: Node,
  values: Operand,
  { right = false, side, sorter }: SearchOptions = {},
): Node {
  if (side === "left" && right) {
    throw new ConfigError('searchsorted: side and right must agree, got "left" and true');
  }
  const rows = sorter == null ? sorted : gather(sorted, sorter, sorted.shape.length - 1);
  const dtype = commonDType([rows, values]);
  const line = ir.cast(rows, dtype);
  const wanted = ir.cast(toNode(values, dtype), dtype);
  const rank = line.shape.length;
  if (rank === 0) throw new ShapeError("searchsorted: the sorted tensor must have a dim, got []");
  if (rank === 1) {
    const flat = ir.reshape(wanted, [product(wanted.shape)]);
    return ir.reshape(bisect(line, flat, right || side === "right"), wanted.shape);
  }
  if (
    !sameShape(line.shape.slice(0, -1), wanted.shape.slice(0, -1)) ||
    wanted.shape.length !== rank
  ) {
    throw new ShapeError(
      `searchsorted: leading dims must be equal, got ${formatShape(line.shape)} and ${formatShape(wanted.shape)}`,
    );
  }
  return bisect(line, wanted, right || side === "right");
}

/** Sets the bits of the answer from the highest on, each by one look at the row. */
function bisect(line: Node, values: Node, right: boolean): Node {
  const dim = line.shape.length - 1;
  const size = line.shape[dim];
  let place = ir.full(values.shape, 0, "i32");
  if (size === 0) return place;
  for (let bit = 2 ** Math.floor(Math.log2(size)); bit >= 1; bit /= 2) {
    const next = add(place, bit);
    const inside = le(next, size);
    const element = ir.gather(line, where(inside, sub(next, 1), 0), dim);
    // NaN stands behind everything, in the row and as a value.
    const before = right ? le(element, values) : lt(element, values);
    const passed = isFloat(values.dtype) ? logicalOr(before, isnan(values)) : before;
    place = where(logicalAnd(inside, passed), next, place);
  }
  return place;
}

/** For each element how many boundaries (sorted, [N]) lie before it, i32. */
export function bucketize(
  x: Operand,
  boundaries: Node,
  { right = false }: BucketOptions = {},
): Node {
  if (boundaries.shape.length !== 1) {
    throw new ShapeError(
      `bucketize: boundaries must be a vector, got ${formatShape(boundaries.shape)}`,
    );
  }
  return searchsorted(boundaries, x, { right });
}

/** Whether each element is among the test elements, as bool. */
export function isin(
  elements: Operand,
  test: Operand,
  { invert = false }: { readonly invert?: boolean; readonly assumeUnique?: boolean } = {},
): Node {
  const dtype = commonDType([elements, test]);
  const x = ir.cast(toNode(elements, dtype), dtype);
  const pool = ir.cast(toNode(test, dtype), dtype);
  const count = product(pool.shape);
  if (count === 0) return ir.full(x.shape, invert ? 1 : 0, "bool");
  const sorted = sort(ir.reshape(pool, [count])).values;
  const place = searchsorted(sorted, x);
  const index = ir.reshape(where(lt(place, count), place, count - 1), [product(x.shape)]);
  const found = eq(ir.reshape(ir.gather(sorted, index, 0), x.shape), x);
  return invert ? logicalNot(found) : found;
}

/** Options of {@link histc}. */
export interface HistcOptions {
  /** @defaultValue 100 */
  readonly bins?: number;
  /** Lower end; the data's own ends count where `min` and `max` are equal. @defaultValue 0 */
  readonly min?: number;
  /** Upper end, which belongs to the last bin. @defaultValue 0 */
  readonly max?: number;
}

/** @throws {ConfigError} if this is no number of bins. */
export function requireBins(op: string, bins: number): void {
  if (!Number.isInteger(bins) || bins < 1) {
    throw new ConfigError(`${op}: bins must be an integer ≥ 1, got ${bins}`);
  }
}

/** The ends of the bins as scalars: those given, or the data's, widened where they are equal. */
function binEnds(x: Node, min: number, max: number): [low: Node, high: Node] {
  const [dtype, count] = [x.dtype, product(x.shape)];
  if (min !== max || count === 0) {
    const [low, high] = min === max ? [min - 1, max + 1] : [min, max];
    return [ir.constant(low, dtype), ir.constant(high, dtype)];
  }
  const low = ir.reshape(ir.extremum("reduceMin", x, [0]), []);
  const high = ir.reshape(ir.extremum("reduceMax", x, [0]), []);
  const flat = ir.cast(eq(low, high), dtype);
  return [sub(low, flat), add(high, flat)];
}

/** Counts of elements in equal bins, in the dtype of x; elements outside and NaN do not count. */
export function histc(x: Node, { bins = 100, min = 0, max = 0 }: HistcOptions = {}): Node {
  requireBins("histc", bins);
  if (!(min <= max)) throw new ConfigError(`histc: min must be ≤ max, got ${min} and ${max}`);
  const flat = ir.reshape(toFloat(x), [product(x.shape)]);
  const wide = flat.dtype === "f64" ? flat : ir.cast(flat, "f32");
  const [low, high] = binEnds(wide, min, max);
  const place = ir.unary("floor", mul(div(sub(wide, low), sub(high, low)), bins));
  const inside = logicalAnd(le(low, wide), le(wide, high));
  const capped = where(inside, where(lt(place, bins), place, bins - 1), 0);
  const counts = ir.scatter(
    ir.full([bins], 0, wide.dtype),
    ir.cast(capped, "i32"),
    ir.cast(inside, wide.dtype),
    0,
    "add",
  );
  return ir.cast(counts, x.dtype);
}

/** Coordinates of the first `size` elements that are not zero, i32 [size, rank], then fillers. */
export function nonzeroStatic(
  x: Node,
  size: number,
  { fillValue = -1 }: { readonly fillValue?: number } = {},
): Node {
  if (!Number.isInteger(size) || size < 0) {
    throw new ConfigError(`nonzeroStatic: size must be an integer ≥ 0, got ${size}`);
  }
  const count = product(x.shape);
  const rank = x.shape.length;
  if (count === 0 || size === 0) return ir.full([size, rank], fillValue, "i32");
  const flags = ir.reshape(toBool(x), [count]);
  const order = sub(ir.scan(ir.cast(flags, "i32"), 0, "sum"), 1);
  // Those that do not count are written to one place behind the result.
  const place = where(logicalAnd(flags, lt(order, size)), order, size);
  const none = ir.full([size + 1], -1, "i32");
  const flat = ir.narrow(ir.scatter(none, place, ir.iota([count], 0), 0, "set"), 0, 0, size);
  const missing = lt(flat, 0);
  const columns = unravel(where(missing, 0, flat), x.shape).map((node) =>
    ir.reshape(where(missing, fillValue, node), [size, 1]),
  );
  return rank === 0 ? ir.full([size, 0], 0, "i32") : ir.concat(columns, 1);
}

/** The coordinates of row-major places, one node per dim. */
export function unravel(places: Node, shape: readonly number[]): Node[] {
  let rest = places;
  return shape
    .toReversed()
    .map((size) => {
      const divisor = ir.fullLike(rest, Math.max(size, 1));
      const coordinate = ir.binary("rem", rest, divisor);
      rest = ir.div(rest, divisor);
      return coordinate;
    })
    .toReversed();
}
