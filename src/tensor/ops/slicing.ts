import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { existingDim, formatShape, normalizeDim, normalizeDims } from "../../ir/shape.ts";
import type { Dims } from "./operands.ts";
import { reshape } from "./shape.ts";

/**
 * `[start, stop, step]` of one dim with Python's meaning: negative numbers count from the end,
 * missing or null entries are the ends, a negative step walks down. null is the whole dim.
 */
export type Range =
  | readonly [start?: number | null, stop?: number | null, step?: number | null]
  | null;

/** First index, step and count of a range over `size` elements, as Python's slice.indices. */
function resolveRange(entry: Range, size: number): { start: number; step: number; count: number } {
  const [first, last, by] = entry ?? [];
  const step = by ?? 1;
  if (step === 0 || ![first ?? 0, last ?? 0, step].every(Number.isInteger)) {
    throw new ConfigError(
      `slice: start and stop must be integers and step not 0, got [${(entry ?? []).join(", ")}]`,
    );
  }
  const lowest = step > 0 ? 0 : -1;
  const clip = (at: number): number =>
    Math.min(Math.max(at < 0 ? at + size : at, lowest), step > 0 ? size : size - 1);
  const start = first == null ? (step > 0 ? 0 : size - 1) : clip(first);
  const stop = last == null ? (step > 0 ? size : -1) : clip(last);
  return { start, step, count: Math.max(0, Math.ceil((stop - start) / step)) };
}

/**
 * Strided part of x, one range per leading dim; the other dims stay whole.
 * @throws {ShapeError} if there are more ranges than dims.
 */
export function slice(x: Node, ranges: readonly Range[]): Node {
  if (ranges.length > x.shape.length) {
    throw new ShapeError(
      `slice: needs at most one range per dim, got ${ranges.length} for ${formatShape(x.shape)}`,
    );
  }
  const parts = x.shape.map((size, dim) => resolveRange(ranges[dim] ?? null, size));
  return ir.slice(
    x,
    parts.map(({ start, count }) => (count === 0 ? 0 : start)),
    parts.map(({ count }) => count),
    parts.map(({ step }) => step),
  );
}

/** `length` elements from `start` along `dim`; a negative start counts from the end. */
export function narrow(x: Node, dim: number, start: number, length: number): Node {
  const axis = normalizeDim("narrow", dim, x.shape.length);
  const first = start < 0 ? start + x.shape[axis] : start;
  const fits = Number.isInteger(first) && first >= 0 && length >= 0;
  if (!fits || first + length > x.shape[axis]) {
    throw new ShapeError(
      `narrow: start and length must stay inside dim ${axis} of ${formatShape(x.shape)}, got ${start} and ${length}`,
    );
  }
  return ir.narrow(x, axis, first, length);
}

/** One index along `dim`, which disappears; a negative index counts from the end. */
export function select(x: Node, dim: number, index: number): Node {
  const axis = normalizeDim("select", dim, x.shape.length);
  const size = x.shape.length === 0 ? 0 : x.shape[axis];
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new ShapeError(
      `select: index must be in ${-size} … ${size - 1} of dim ${axis} of ${formatShape(x.shape)}, got ${index}`,
    );
  }
  const line = ir.narrow(x, axis, index < 0 ? index + size : index, 1);
  return ir.reshape(line, x.shape.toSpliced(axis, 1));
}

/** Entry of {@link index}: an index, a range, `null` for a new dim, or `"..."` for all other dims. */
export type IndexEntry = number | Exclude<Range, null> | null | "...";

/**
 * Basic indexing as x[...] in Python: numbers remove their dim, ranges keep it (`[]` is the whole
 * dim), null inserts a dim of size 1, `"..."` stands for the dims not named.
 */
export function index(x: Node, entries: readonly IndexEntry[]): Node {
  const named = entries.filter((entry) => entry !== null && entry !== "...").length;
  const unnamed = x.shape.length - named;
  if (unnamed < 0 || entries.filter((entry) => entry === "...").length > 1) {
    throw new ShapeError(
      `index: needs at most ${x.shape.length} entries and one "...", got ${entries.length} for ${formatShape(x.shape)}`,
    );
  }
  const ranges: Range[] = [];
  const marks: ("keep" | "drop" | "new")[] = [];
  for (const entry of entries.includes("...") ? entries : [...entries, "..." as const]) {
    if (entry === null) {
      marks.push("new");
    } else if (entry === "...") {
      ranges.push(...range(unnamed).map(() => null));
      marks.push(...range(unnamed).map(() => "keep" as const));
    } else {
      const isNumber = typeof entry === "number";
      ranges.push(isNumber ? singleIndex(x, ranges.length, entry) : entry);
      marks.push(isNumber ? "drop" : "keep");
    }
  }
  const part = slice(x, ranges);
  let dim = 0;
  const shape = marks.map((mark) => (mark === "new" ? 1 : part.shape[dim++]));
  return ir.reshape(
    part,
    shape.filter((_, i) => marks[i] !== "drop"),
  );
}

/** Dims of the result of {@link index} that the marked entries, whole ranges, stand for. */
export function dimsOfEntries(
  entries: readonly IndexEntry[],
  marks: readonly boolean[],
  rank: number,
): number[] {
  const kept = entries.filter((entry) => typeof entry !== "number" && entry !== "...").length;
  let dim = 0;
  return entries.flatMap((entry, i) => {
    const at = dim;
    if (entry === "...") dim += rank - kept;
    else if (typeof entry !== "number") dim++;
    return marks[i] ? [at] : [];
  });
}

function singleIndex(x: Node, dim: number, at: number): Range {
  const size = x.shape[dim];
  if (!Number.isInteger(at) || at < -size || at >= size) {
    throw new ShapeError(
      `index: must be in ${-size} … ${size - 1} along dim ${dim} of ${formatShape(x.shape)}, got ${at}`,
    );
  }
  return [at, at === -1 ? null : at + 1];
}

/** Reverses dims. */
export function flip(x: Node, dims: Dims): Node {
  return ir.flip(x, normalizeDims("flip", dims, x.shape.length));
}

function rollDim(x: Node, shift: number, dim: number): Node {
  const size = x.shape[dim];
  const by = size === 0 ? 0 : ((shift % size) + size) % size;
  if (by === 0) return x;
  return ir.concat([ir.narrow(x, dim, size - by, by), ir.narrow(x, dim, 0, size - by)], dim);
}

/** Shifts elements along dims, those that leave re-enter; without dims over the flattened tensor. */
export function roll(
  x: Node,
  shifts: number | readonly number[],
  { dims }: { readonly dims?: Dims | undefined } = {},
): Node {
  const amounts = typeof shifts === "number" ? [shifts] : shifts;
  if (dims === undefined) {
    return ir.reshape(rollDim(reshape(x, [product(x.shape)]), amounts[0], 0), x.shape);
  }
  const axes = typeof dims === "number" ? [dims] : dims;
  if (axes.length !== amounts.length) {
    throw new ShapeError(
      `roll: needs one shift per dim, got [${amounts.join(", ")}] for dims [${axes.join(", ")}]`,
    );
  }
  return axes.reduce(
    (result, dim, i) => rollDim(result, amounts[i], existingDim("roll", dim, x.shape.length)),
    x,
  );
}

/** Rotates by `k` quarter turns in the plane of two dims, from the first towards the second. */
export function rot90(
  x: Node,
  { k = 1, dims = [0, 1] }: { readonly k?: number; readonly dims?: readonly [number, number] } = {},
): Node {
  const [a, b] = dims.map((dim) => normalizeDim("rot90", dim, x.shape.length));
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return x;
  if (turns === 2) return ir.flip(x, [a, b]);
  return turns === 1 ? ir.transpose(ir.flip(x, [b]), a, b) : ir.flip(ir.transpose(x, a, b), [b]);
}

/** Parts of `splitSize` elements along `dim` (the last may be shorter), or of the given sizes. */
export function split(
  x: Node,
  splitSize: number | readonly number[],
  { dim = 0 }: { readonly dim?: number } = {},
): Node[] {
  const axis = normalizeDim("split", dim, x.shape.length);
  const size = x.shape[axis];
  const sizes = typeof splitSize === "number" ? evenSizes(size, splitSize) : splitSize;
  if (sizes.some((part) => part < 0) || sizes.reduce((sum, part) => sum + part, 0) !== size) {
    throw new ShapeError(
      `split: sizes must sum to ${size}, dim ${axis} of ${formatShape(x.shape)}, got [${sizes.join(", ")}]`,
    );
  }
  let start = 0;
  return sizes.map((part) => {
    start += part;
    return ir.narrow(x, axis, start - part, part);
  });
}

function evenSizes(size: number, part: number): number[] {
  if (!Number.isInteger(part) || part < 1) {
    throw new ShapeError(`split: size must be an integer ≥ 1, got ${part}`);
  }
  const count = Math.max(1, Math.ceil(size / part));
  return range(count).map((i) => Math.min(part, size - i * part));
}

/** At most `chunks` parts of equal size along `dim`; the last may be shorter. */
export function chunk(
  x: Node,
  chunks: number,
  { dim = 0 }: { readonly dim?: number } = {},
): Node[] {
  const axis = normalizeDim("chunk", dim, x.shape.length);
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new ShapeError(`chunk: number of chunks must be an integer ≥ 1, got ${chunks}`);
  }
  if (x.shape[axis] === 0) return range(chunks).map(() => x);
  return split(x, Math.ceil(x.shape[axis] / chunks), { dim: axis });
}

/** The slices along `dim`, each without that dim. */
export function unbind(x: Node, { dim = 0 }: { readonly dim?: number } = {}): Node[] {
  const axis = normalizeDim("unbind", dim, x.shape.length);
  return range(x.shape[axis]).map((i) => select(x, axis, i));
}

/** Sliding windows of `size` elements every `step` along a dim; the window becomes the last dim. */
export function unfold(x: Node, dimension: number, size: number, step: number): Node {
  const dim = normalizeDim("unfold", dimension, x.shape.length);
  if (x.shape.length === 0) return reshape(unfold(ir.reshape(x, [1]), 0, size, step), [size]);
  const whole = Number.isInteger(size) && Number.isInteger(step);
  if (!whole || size < 0 || step < 1 || size > x.shape[dim]) {
    throw new ShapeError(
      `unfold: size must be in 0 … ${x.shape[dim]} and step ≥ 1, got ${size} and ${step}`,
    );
  }
  if (size === 0) {
    const windows = x.shape.with(dim, Math.floor(x.shape[dim] / step) + 1);
    return ir.full([...windows, 0], 0, x.dtype);
  }
  return ir.window(x, { dims: [dim], size: [size], stride: [step], dilation: [1] });
}
