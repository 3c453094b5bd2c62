import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { div, mul, sub } from "./arithmetic.ts";
import type { EmbeddingOptions } from "./embedding.ts";
import { embedding, tableRow } from "./embedding.ts";
import { toIndex } from "./indexing.ts";
import { firstPlaces, lowest } from "./pooling.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of {@link embeddingBag}. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag starts in a flat index, i32 [B], the first at 0. Needed for a flat index only. */
  readonly offsets?: Node | null | undefined;
  /** How a bag's rows become one. @defaultValue "mean" */
  readonly mode?: "sum" | "mean" | "max" | undefined;
  /** Factors of the rows, of the index's shape; for sums only. */
  readonly perSampleWeights?: Node | null | undefined;
  /** Whether the last offset is the end of the last bag instead of the start of one more. */
  readonly includeLastOffset?: boolean | undefined;
}

/** Bags of rows: which rows [N, D], and to which of `count` bags each belongs (i32 [N]). */
interface Bags {
  readonly rows: Node;
  readonly bag: Node;
  readonly count: number;
  /** False for rows that do not count. */
  readonly isCounted: Node | null;
}

/** The bag of each of `length` places: how many offsets are at or before it, less one. */
function bagOfEach(offsets: Node, length: number, count: number): Node {
  const starts = ir.narrow(toIndex("embeddingBag", offsets), 0, 0, count);
  // Empty bags at the end start behind the last place.
  const marks = ir.scatter(
    ir.full([length + 1], 0, "i32"),
    starts,
    ir.fullLike(starts, 1),
    0,
    "add",
  );
  return sub(ir.scan(ir.narrow(marks, 0, 0, length), 0, "sum"), 1);
}

function column(line: Node, like: Node): Node {
  return ir.broadcastTo(ir.reshape(line, [like.shape[0], 1]), like.shape);
}

function sumBags({ rows, bag, count, isCounted }: Bags): Node {
  const counted =
    isCounted === null ? rows : ir.where(column(isCounted, rows), rows, ir.fullLike(rows, 0));
  const empty = ir.full([count, rows.shape[1]], 0, rows.dtype);
  return ir.scatter(empty, column(bag, rows), counted, 0, "add");
}

/** How many rows of each bag count, [B, 1]; 1 for empty bags. */
function bagSizes({ rows, bag, count, isCounted }: Bags): Node {
  const ones = ir.full(bag.shape, 1, "f32");
  const counted = isCounted === null ? ones : ir.cast(isCounted, "f32");
  const sizes = ir.scatter(ir.full([count], 0, "f32"), bag, counted, 0, "add");
  const atLeastOne = ir.binary("max", sizes, ir.fullLike(sizes, 1));
  return ir.reshape(ir.cast(atLeastOne, rows.dtype), [count, 1]);
}

/** Bags of one length each: rows [B · N, D] → [B, D]; the first of equal ones gets the gradient. */
function maxEqualBags({ rows, count, isCounted }: Bags): Node {
  const [length, width] = rows.shape;
  const shape = [count, length / Math.max(count, 1), width];
  if (shape[1] === 0) return ir.full([count, width], 0, rows.dtype);
  const all = ir.reshape(rows, shape);
  const line = [count, shape[1], 1];
  const counted = isCounted === null ? ir.full(line, 1, "bool") : ir.reshape(isCounted, line);
  const mask = ir.broadcastTo(counted, shape);
  const chosen = ir.where(mask, all, ir.fullLike(all, lowest(rows.dtype)));
  const largest = ir.extremum("reduceMax", chosen, [1], "first");
  return ir.reshape(zeroWhereNone(largest, counted), [count, width]);
}

/** `largest` [B, 1, D], 0 where nothing is `counted` [B, N, 1]. */
function zeroWhereNone(largest: Node, counted: Node): Node {
  const some = ir.reduceSum(ir.cast(counted, "i32"), [1]);
  const isEmpty = ir.broadcastTo(ir.binary("eq", some, ir.fullLike(some, 0)), largest.shape);
  return ir.where(isEmpty, ir.fullLike(largest, 0), largest);
}

/**
 * The largest of each bag per column, 0 for empty bags. Every bag looks at all rows, but nothing of
 * that size is stored: the gradient takes the way of the rows that were chosen.
 */
function maxBags({ rows, bag, count, isCounted }: Bags): Node {
  const [length, width] = rows.shape;
  if (length === 0) return ir.full([count, width], 0, rows.dtype);
  const own = ir.binary(
    "eq",
    ir.iota([count, length], 0),
    ir.broadcastTo(ir.reshape(bag, [1, length]), [count, length]),
  );
  const counted =
    isCounted === null ? own : ir.binary("and", own, ir.broadcastTo(isCounted, own.shape));
  const line = [count, length, 1];
  const member = ir.reshape(counted, line);
  const shape = [count, length, width];
  const still = ir.reshape(stopGradient(rows), [1, length, width]);
  const all = ir.broadcastTo(still, shape);
  const lowestOf = ir.fullLike(all, lowest(rows.dtype));
  const chosen = ir.where(ir.broadcastTo(member, shape), all, lowestOf);
  const largest = ir.extremum("reduceMax", chosen, [1], "first");
  const last = ir.full(line, length - 1, "i32");
  const places = ir.where(member, ir.iota(line, 1), last);
  const first = ir.reshape(firstPlaces(chosen, largest, places, [1]), [count, width]);
  const values = ir.reshape(ir.gather(rows, first, 0), [count, 1, width]);
  return ir.reshape(zeroWhereNone(values, member), [count, width]);
}

function requireBags(index: Node, options: EmbeddingBagOptions): void {
  const { offsets, mode = "mean", perSampleWeights } = options;
  const rank = index.shape.length;
  if (rank !== 1 && rank !== 2) {
    throw new ShapeError(
      `embeddingBag: index must be [N] with offsets or [B, N], got ${formatShape(index.shape)}`,
    );
  }
  if ((rank === 1) !== (offsets != null)) {
    throw new ConfigError(
      `embeddingBag: offsets must come with a flat index and only then, got index ${formatShape(index.shape)}`,
    );
  }
  if (offsets != null && offsets.shape.length !== 1) {
    throw new ShapeError(
      `embeddingBag: offsets must be a vector, got ${formatShape(offsets.shape)}`,
    );
  }
  if (perSampleWeights == null) return;
  if (mode !== "sum") {
    throw new ConfigError(`embeddingBag: perSampleWeights need mode "sum", got "${mode}"`);
  }
  if (!sameShape(perSampleWeights.shape, index.shape)) {
    throw new ShapeError(
      `embeddingBag: perSampleWeights must have the shape of index ${formatShape(index.shape)}, ` +
        `got ${formatShape(perSampleWeights.shape)}`,
    );
  }
}

/**
 * Sums, means or maxima of bags of rows of a table. index [B, N] holds bags of one length; index [N]
 * with `offsets` [B] bags of any length, which may be empty (zeros). weight [V, D] → [B, D].
 * Rows equal to `paddingIdx` do not count.
 */
export function embeddingBag(index: Node, weight: Node, options: EmbeddingBagOptions = {}): Node {
  const { mode = "mean", offsets, perSampleWeights, paddingIdx } = options;
  requireBags(index, options);
  const length = index.shape.reduce((a, b) => a * b, 1);
  const flat = ir.reshape(toIndex("embeddingBag", index), [length]);
  const looked = embedding(flat, weight, options);
  const rows =
    perSampleWeights == null
      ? looked
      : mul(looked, column(ir.reshape(ir.cast(perSampleWeights, looked.dtype), [length]), looked));
  const count =
    offsets == null
      ? index.shape[0]
      : offsets.shape[0] - (options.includeLastOffset === true ? 1 : 0);
  const bag =
    offsets == null
      ? ir.reshape(ir.iota(index.shape, 0), [length])
      : bagOfEach(offsets, length, count);
  const padding = paddingIdx == null ? null : tableRow("embeddingBag", paddingIdx, weight);
  const isCounted = padding === null ? null : ir.binary("ne", flat, ir.fullLike(flat, padding));
  const bags: Bags = { rows, bag, count, isCounted };
  if (mode === "max") return offsets == null ? maxEqualBags(bags) : maxBags(bags);
  const sums = sumBags(bags);
  return mode === "sum" ? sums : div(sums, bagSizes(bags));
}
