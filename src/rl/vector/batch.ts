import { AthanorError, ConfigError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type { Space } from "../space.ts";

/** Arrays of numbers that spaces have as values. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/**
 * Values of several environments: typed arrays one after the other in one, numbers in an
 * `Int32Array`, objects and tuples as the same structure of batches.
 */
export type Batch<T> = unknown extends T
  ? unknown
  : T extends NumericArray
    ? T
    : T extends number
      ? Int32Array
      : T extends string
        ? string[]
        : { [Key in keyof T]: Batch<T[Key]> };

/** The parts of a `Dict` or `Tuple` space. */
interface DictParts {
  readonly spaces: Readonly<Record<string, Space<unknown>>>;
}
interface TupleParts {
  readonly spaces: readonly Space<unknown>[];
}

export function isNumericArray(value: unknown): value is NumericArray {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array)
  );
}

/** Zeros in an array of the same type. */
export function emptyLike(array: NumericArray, length: number): NumericArray {
  return new (array.constructor as new (length: number) => NumericArray)(length);
}

/** Numbers a value of a space has, for spaces whose values are one typed array or one number. */
export function sizeOf(space: Space<unknown>): number {
  return space.kind === "Discrete" ? 1 : product(space.shape ?? []);
}

function partsOf(space: Space<unknown>): [string, Space<unknown>][] {
  return Object.entries((space as unknown as DictParts | TupleParts).spaces);
}

/** The typed arrays of several environments as rows of one. */
function stackRows(values: readonly unknown[], size: number): NumericArray {
  const first = values[0];
  if (!isNumericArray(first)) {
    throw new AthanorError(
      "ENVIRONMENT",
      `environment 0: an observation of a Box must be a typed array, got ${typeof first}`,
    );
  }
  const rows = emptyLike(first, values.length * size);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as NumericArray;
    if (value.length !== size) {
      throw new ShapeError(
        `environment ${i}: an observation must have ${size} numbers, got ${value.length}; ` +
          "make its observationSpace say what it returns",
      );
    }
    rows.set(value, i * size);
  }
  return rows;
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
      return stackRows(values, sizeOf(space));
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

/** The value of environment `index`; a copy. */
export function rowOf<T>(space: Space<T>, batch: Batch<T>, index: number): T {
  return rowOfAny(space, batch, index) as T;
}

function rowOfAny(space: Space<unknown>, batch: unknown, index: number): unknown {
  switch (space.kind) {
    case "Box":
    case "MultiDiscrete":
    case "MultiBinary": {
      const size = sizeOf(space);
      return (batch as NumericArray).slice(index * size, (index + 1) * size);
    }
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
