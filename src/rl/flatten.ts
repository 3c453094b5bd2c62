import { Box } from "./box.ts";
import { Dict } from "./dict.ts";
import { Discrete } from "./discrete.ts";
import { MultiBinary } from "./multi-binary.ts";
import { MultiDiscrete } from "./multi-discrete.ts";
import { isWhole, spaceArray } from "./space-array.ts";
import type { Space } from "./space.ts";
import { Text } from "./text.ts";
import { Tuple } from "./tuple.ts";
import { ConfigError, UnsupportedOpError } from "../base/errors.ts";

/** A row of numbers. */
export type FlatRow = Float32Array | Float64Array;

/** How values of a space become numbers in a row and come back. */
interface Flattening {
  readonly size: number;
  readonly isDouble: boolean;
  readonly low: (i: number) => number;
  readonly high: (i: number) => number;
  readonly write: (value: unknown, row: FlatRow, offset: number) => void;
  readonly read: (row: ArrayLike<number>, offset: number) => unknown;
}

const known = new WeakMap<Space<unknown>, Flattening>();

/**
 * How many numbers a value of the space is when flattened.
 *
 * @throws {UnsupportedOpError} for a space of a kind this library does not know.
 */
export function flatDim(space: Space<unknown>): number {
  return flatteningOf(space).size;
}

/** The box of flattened values: f64 if the space has a part of f64, i32 or u32, otherwise f32. */
export function flattenSpace(space: Space<unknown>): Box<"f32" | "f64"> {
  const { size, isDouble, low, high } = flatteningOf(space);
  const bounds = (of: (i: number) => number): Float64Array =>
    Float64Array.from({ length: size }, (_, i) => of(i));
  return new Box<"f32" | "f64">(bounds(low), bounds(high), { dtype: isDouble ? "f64" : "f32" });
}

/**
 * A value as a row of numbers: elements of arrays in order, `Discrete` and `MultiDiscrete` as one
 * and zeros, parts one after the other, texts as numbers of their characters.
 */
export function flatten<T>(space: Space<T>, value: T): FlatRow {
  const { size, isDouble, write } = flatteningOf(space);
  const row = isDouble ? new Float64Array(size) : new Float32Array(size);
  write(value, row, 0);
  return row;
}

/** Writes a flattened value into a row at `offset` and returns where it ends. */
export function flattenInto<T>(space: Space<T>, value: T, row: FlatRow, offset: number): number {
  const { size, write } = flatteningOf(space);
  if (offset < 0 || offset + size > row.length) {
    throw new ConfigError(
      `flattenInto: ${size} numbers do not fit a row of ${row.length} at ${offset}`,
    );
  }
  row.fill(0, offset, offset + size);
  write(value, row, offset);
  return offset + size;
}

/** The value that {@link flatten} made a row of. */
export function unflatten<T>(space: Space<T>, row: ArrayLike<number>): T {
  const { size, read } = flatteningOf(space);
  if (row.length !== size) {
    throw new ConfigError(
      `unflatten: a value of ${String(space)} has ${size} numbers, got ${row.length}`,
    );
  }
  return read(row, 0) as T;
}

function flatteningOf(space: Space<unknown>): Flattening {
  let flattening = known.get(space);
  if (flattening === undefined) {
    flattening = makeFlattening(space);
    known.set(space, flattening);
  }
  return flattening;
}

function makeFlattening(space: Space<unknown>): Flattening {
  if (space instanceof Box) return ofBox(space);
  if (space instanceof Discrete) return ofDiscrete(space);
  if (space instanceof MultiDiscrete) return ofMultiDiscrete(space);
  if (space instanceof MultiBinary) return ofMultiBinary(space);
  if (space instanceof Text) return ofText(space);
  if (space instanceof Dict) return ofDict(space as Dict);
  if (space instanceof Tuple) return ofTuple(space);
  throw new UnsupportedOpError(`flatten: no rule for spaces of kind ${space.kind}`);
}

/** Copies a typed array. */
function writeArray(value: unknown, row: FlatRow, offset: number): void {
  row.set(value as ArrayLike<number>, offset);
}

function ofBox(space: Box<"f32" | "i32">): Flattening {
  const { dtype, size } = space;
  return {
    size,
    isDouble: ["f64", "i32", "u32"].includes(dtype),
    low: (i) => space.low[i],
    high: (i) => space.high[i],
    write: writeArray,
    read: (row, offset) => {
      const result = spaceArray(dtype, size);
      for (let i = 0; i < size; i++) {
        result[i] = isWhole(dtype) ? Math.round(row[offset + i]) : row[offset + i];
      }
      return result;
    },
  };
}

const zeroToOne = { isDouble: false, low: (): number => 0, high: (): number => 1 };

/** The place of the largest of `count` numbers. */
function largest(row: ArrayLike<number>, offset: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (row[offset + i] > row[offset + best]) best = i;
  return best;
}

function ofDiscrete({ n, start }: Discrete): Flattening {
  return {
    ...zeroToOne,
    size: n,
    write: (value, row, offset) => {
      row[offset + Number(value) - start] = 1;
    },
    read: (row, offset) => start + largest(row, offset, n),
  };
}

function ofMultiDiscrete({ nvec, start }: MultiDiscrete): Flattening {
  const size = nvec.reduce((a, b) => a + b, 0);
  return {
    ...zeroToOne,
    size,
    write: (value, row, offset) => {
      let place = offset;
      for (const [i, n] of nvec.entries()) {
        row[place + (value as Int32Array)[i] - start[i]] = 1;
        place += n;
      }
    },
    read: (row, offset) => {
      let place = offset;
      return Int32Array.from(nvec, (n, i) => {
        const value = start[i] + largest(row, place, n);
        place += n;
        return value;
      });
    },
  };
}

function ofMultiBinary({ size }: MultiBinary): Flattening {
  return {
    ...zeroToOne,
    size,
    write: writeArray,
    read: (row, offset) => Int8Array.from({ length: size }, (_, i) => Math.round(row[offset + i])),
  };
}

/** Characters by number; the number after the last stands for none. */
function ofText({ characters, maxLength }: Text): Flattening {
  return {
    size: maxLength,
    isDouble: false,
    low: () => 0,
    high: () => characters.length,
    write: (value, row, offset) => {
      const places = Array.from(value as string, (one) => characters.indexOf(one));
      row.fill(characters.length, offset, offset + maxLength);
      row.set(places, offset);
    },
    read: (row, offset) =>
      Array.from({ length: maxLength }, (_, i) => characters[row[offset + i]] ?? "").join(""),
  };
}

interface Part {
  readonly flattening: Flattening;
  readonly offset: number;
}

function partsOf(spaces: readonly Space<unknown>[]): { parts: Part[]; size: number } {
  let size = 0;
  const parts = spaces.map((space) => {
    const flattening = flatteningOf(space);
    const part = { flattening, offset: size };
    size += flattening.size;
    return part;
  });
  return { parts, size };
}

/** What the flattenings of parts have in common. */
function ofParts(
  spaces: readonly Space<unknown>[],
  take: (value: unknown, part: number) => unknown,
  build: (values: unknown[]) => unknown,
): Flattening {
  const { parts, size } = partsOf(spaces);
  const bound = (i: number, side: "low" | "high"): number => {
    const part = parts.findLast(({ offset }) => offset <= i) as Part;
    return part.flattening[side](i - part.offset);
  };
  return {
    size,
    isDouble: parts.some(({ flattening }) => flattening.isDouble),
    low: (i) => bound(i, "low"),
    high: (i) => bound(i, "high"),
    write: (value, row, offset) => {
      for (const [i, part] of parts.entries()) {
        part.flattening.write(take(value, i), row, offset + part.offset);
      }
    },
    read: (row, offset) =>
      build(parts.map((part) => part.flattening.read(row, offset + part.offset))),
  };
}

function ofDict({ spaces }: Dict): Flattening {
  const names = Object.keys(spaces);
  return ofParts(
    Object.values(spaces),
    (value, i) => (value as Record<string, unknown>)[names[i]],
    (values) => Object.fromEntries(names.map((name, i) => [name, values[i]])),
  );
}

function ofTuple({ spaces }: Tuple): Flattening {
  return ofParts(
    spaces,
    (value, i) => (value as readonly unknown[])[i],
    (values) => values,
  );
}
