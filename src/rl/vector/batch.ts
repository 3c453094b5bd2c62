import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type { Box } from "../box.ts";
import type { Dict } from "../dict.ts";
import { describeValue, dtypeOf, spaceArray } from "../space-array.ts";
import type { SpaceArray, SpaceDType } from "../space-array.ts";
import type { Space } from "../space.ts";
import type { Tuple } from "../tuple.ts";

/**
 * Values of several environments: typed arrays one after the other in one, numbers in an
 * `Int32Array`, objects and tuples as the same structure of batches.
 */
export type Batch<T> = unknown extends T
  ? unknown
  : T extends SpaceArray
    ? T
    : T extends number
      ? Int32Array
      : T extends string
        ? string[]
        : { [Key in keyof T]: Batch<T[Key]> };

/** Whether a value is an array that a space may have as a value. */
export function isSpaceArray(value: unknown): value is SpaceArray {
  return dtypeOf(value) !== null;
}

/** Zeros in an array of the same type. */
export function emptyLike(array: SpaceArray, length: number): SpaceArray {
  return new (array.constructor as new (length: number) => SpaceArray)(length);
}

/** Numbers a value of a space has, for spaces whose values are one typed array or one number. */
export function sizeOf(space: Space<unknown>): number {
  const { size } = space as { readonly size?: number };
  return space.kind === "Discrete" ? 1 : (size ?? product(space.shape ?? []));
}

function partsOf(space: Space<unknown>): [string, Space<unknown>][] {
  return Object.entries<Space<unknown>>((space as Dict | Tuple).spaces);
}

/** Zeros for `count` values of a space whose values are typed arrays. */
function emptyRows(space: Space<unknown>, count: number): SpaceArray {
  const length = count * sizeOf(space);
  if (space.kind === "MultiDiscrete") return new Int32Array(length);
  if (space.kind === "MultiBinary") return new Int8Array(length);
  return spaceArray<SpaceDType>((space as Box<SpaceDType>).dtype, length);
}

/** The typed arrays of several environments as rows of one. */
function stackRows(space: Space<unknown>, values: readonly unknown[]): SpaceArray {
  const size = sizeOf(space);
  const rows = emptyRows(space, values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as SpaceArray;
    if (value?.length !== size) throw noRow(space, value, index);
    // Rows are short: a loop takes less time than a call of set.
    for (let i = 0, at = index * size; i < size; i++) rows[at + i] = value[i];
  }
  return rows;
}

function noRow(space: Space<unknown>, value: unknown, index: number): ShapeError {
  return new ShapeError(
    `environment ${index}: an observation of ${space.toString()} must have ${sizeOf(space)} ` +
      `numbers, got ${describeValue(value)}; make its observationSpace say what it returns`,
  );
}

/** The values of several environments as a batch; a copy. */
export function stackValues<T>(space: Space<T>, values: readonly T[]): Batch<T> {
  return stackAny(space, values) as Batch<T>;
}

function stackAny(space: Space<unknown>, values: readonly unknown[]): unknown {
  switch (space.kind) {
    case "Box":
    case "MultiDiscrete":
    case "MultiBinary":
      return stackRows(space, values);
    case "Discrete":
      return Int32Array.from(values as readonly number[]);
    case "Dict":
      return Object.fromEntries(stackParts(space, values));
    case "Tuple":
      return stackParts(space, values).map(([, batch]) => batch);
    default:
      return [...values];
  }
}

function stackParts(space: Space<unknown>, values: readonly unknown[]): [string, unknown][] {
  return partsOf(space).map(([key, part]) => {
    const column = values.map((value) => (value as Record<string, unknown>)[key]);
    return [key, stackAny(part, column)];
  });
}

/** A row in the space's own element type, whatever the batch has. */
function copyRow(row: SpaceArray, batch: unknown, index: number): SpaceArray {
  const start = index * row.length;
  for (let i = 0; i < row.length; i++) row[i] = (batch as ArrayLike<number>)[start + i];
  return row;
}

/** The value of environment `index`; a copy. */
export function rowOf<T>(space: Space<T>, batch: Batch<T>, index: number): T {
  return rowOfAny(space, batch, index) as T;
}

function rowOfAny(space: Space<unknown>, batch: unknown, index: number): unknown {
  switch (space.kind) {
    case "Box":
    case "MultiDiscrete":
    case "MultiBinary":
      return copyRow(emptyRows(space, 1), batch, index);
    case "Dict":
      return Object.fromEntries(rowParts(space, batch, index));
    case "Tuple":
      return rowParts(space, batch, index).map(([, value]) => value);
    default:
      return (batch as readonly unknown[])[index];
  }
}

function rowParts(space: Space<unknown>, batch: unknown, index: number): [string, unknown][] {
  return partsOf(space).map(([key, part]) => {
    return [key, rowOfAny(part, (batch as Record<string, unknown>)[key], index)];
  });
}

/**
 * Checks that a batch has a value for each environment, and no number that is none.
 *
 * @throws {ShapeError} if the number of values differs.
 */
export function requireBatch(
  caller: string,
  space: Space<unknown>,
  batch: unknown,
  count: number,
): void {
  if (space.kind === "Dict" || space.kind === "Tuple") {
    for (const [key, part] of partsOf(space)) {
      requireBatch(caller, part, (batch as Record<string, unknown> | null)?.[key], count);
    }
    return;
  }
  const size = sizeOf(space);
  const length = (batch as ArrayLike<unknown> | null | undefined)?.length;
  if (length !== count * size) {
    throw new ShapeError(
      `${caller}: ${count} environments with ${space.toString()} need ${count * size} numbers, ` +
        `got ${length ?? typeof batch}; give one row for each environment`,
    );
  }
  if (space.kind !== "Text") requireNumbers(caller, batch as ArrayLike<number>, size);
}

function requireNumbers(caller: string, batch: ArrayLike<number>, size: number): void {
  for (let i = 0; i < batch.length; i++) {
    if (Number.isFinite(batch[i])) continue;
    throw new ConfigError(
      `${caller}: actions must be finite, got ${batch[i]} as number ${i % size} of environment ` +
        `${Math.floor(i / size)}; look at what computes them`,
    );
  }
}
