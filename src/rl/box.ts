import { ConfigError } from "../base/errors.ts";
import { product, sameNumbers } from "../base/integers.ts";
import { SeededSpace } from "./seeded-space.ts";
import { isWhole, limitsOf, spaceArray, spaceDTypes, whyNotArray } from "./space-array.ts";
import type { SpaceArray, SpaceArrays, SpaceDType } from "./space-array.ts";
import type { Space } from "./space.ts";

/** One bound for all elements, or one for each. */
export type Bounds = number | ArrayLike<number>;

/** Options of {@link Box}. */
export interface BoxOptions<D extends SpaceDType = SpaceDType> {
  /** Sizes of a value; without it the length of the bounds, or 1. */
  readonly shape?: readonly number[];
  /** Element type; f32 without it. */
  readonly dtype?: D;
}

/**
 * Arrays whose every element lies between two bounds, which may be infinite: Gymnasium's `Box`.
 *
 * ```ts
 * new Box(-2, 2); // one element
 * new Box([-1, -8], [1, 8]);
 * new Box(0, 255, { shape: [84, 84, 3], dtype: "u8" });
 * ```
 *
 * Values are typed arrays of the element type, flat in row-major order.
 */
export class Box<D extends SpaceDType = "f32"> extends SeededSpace<SpaceArrays[D]> {
  readonly kind = "Box";
  readonly shape: readonly number[];
  readonly dtype: D;
  /** Number of elements. */
  readonly size: number;
  /** The bounds of each element, rounded to the element type. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Whether each element has a finite lower or upper bound. */
  readonly boundedBelow: Uint8Array;
  readonly boundedAbove: Uint8Array;

  /** @throws {ConfigError} if bounds are NaN, crossed, of wrong length, or beyond the dtype. */
  constructor(low: Bounds, high: Bounds, options: BoxOptions<D> = {}) {
    super();
    this.dtype = options.dtype ?? ("f32" as D);
    if (!spaceDTypes.includes(this.dtype)) {
      throw new ConfigError(
        `Box: dtype must be one of ${spaceDTypes.join(", ")}, got ${String(this.dtype)}`,
      );
    }
    this.shape = options.shape ?? [lengthOf(low) ?? lengthOf(high) ?? 1];
    checkShape(this.shape);
    this.size = product(this.shape);
    const given = { low: this.#spread("low", low), high: this.#spread("high", high) };
    this.boundedBelow = Uint8Array.from(given.low, (bound) => Number(bound !== -Infinity));
    this.boundedAbove = Uint8Array.from(given.high, (bound) => Number(bound !== Infinity));
    this.low = this.#rounded("low", given.low);
    this.high = this.#rounded("high", given.high);
    const crossed = this.low.findIndex((bound, i) => bound > this.high[i]);
    if (crossed !== -1) {
      throw new ConfigError(
        `Box: low must not be above high, got low ${this.low[crossed]} and high ` +
          `${this.high[crossed]} at element ${crossed}`,
      );
    }
  }

  /** Whether every element has finite bounds on both sides. */
  get isBounded(): boolean {
    return !this.boundedBelow.includes(0) && !this.boundedAbove.includes(0);
  }

  whyNot(value: unknown): string | null {
    const problem = whyNotArray(value, this.dtype, this.size);
    if (problem !== null) return problem;
    const array = value as SpaceArray;
    const { low, high } = this;
    for (let i = 0; i < array.length; i++) {
      const x = array[i];
      if (!(x >= low[i] && x <= high[i])) {
        return `must be in [${low[i]}, ${high[i]}] at element ${i}, got ${x}`;
      }
    }
    return null;
  }

  /**
   * A random value: uniform where an element has both bounds, a shifted exponential number where
   * it has one, a standard normal one where it has none.
   */
  sample(): SpaceArrays[D] {
    const values = new Float64Array(this.size);
    // Gymnasium draws one kind after the other.
    for (const kind of [0, 1, 2, 3]) {
      for (let i = 0; i < this.size; i++) {
        if (this.boundedBelow[i] + 2 * this.boundedAbove[i] === kind)
          values[i] = this.#draw(i, kind);
      }
    }
    return this.#cast(values);
  }

  equals(other: Space<unknown>): boolean {
    return (
      other instanceof Box &&
      other.dtype === this.dtype &&
      sameNumbers(other.shape, this.shape) &&
      this.low.every((bound, i) => bound === other.low[i]) &&
      this.high.every((bound, i) => bound === other.high[i])
    );
  }

  toString(): string {
    const bounds = `${inShort(this.low)}, ${inShort(this.high)}`;
    return `Box(${bounds}, [${this.shape.join(", ")}], ${this.dtype})`;
  }

  #draw(i: number, kind: number): number {
    const high = isWhole(this.dtype) ? this.high[i] + 1 : this.high[i];
    if (kind === 0) return this.random.standardNormal();
    if (kind === 1) return this.random.exponential(1) + this.low[i];
    if (kind === 2) return high - this.random.exponential(1);
    return this.random.uniform(this.low[i], high);
  }

  #cast(values: Float64Array): SpaceArrays[D] {
    if (isWhole(this.dtype)) {
      const { min, max } = limitsOf(this.dtype);
      // As Gymnasium does, two numbers at the ends of signed types are left out.
      const margin = min < 0 ? 2 : 0;
      for (let i = 0; i < values.length; i++) {
        values[i] = Math.min(Math.max(Math.floor(values[i]), min + margin), max - margin);
      }
    }
    const result = spaceArray(this.dtype, this.size);
    result.set(values);
    return result;
  }

  #spread(name: string, bounds: Bounds): Float64Array {
    const values =
      typeof bounds === "number"
        ? new Float64Array(this.size).fill(bounds)
        : Float64Array.from(bounds);
    if (values.length !== this.size) {
      throw new ConfigError(
        `Box: ${name} must be one number or one for each of the ${this.size} elements of shape ` +
          `[${this.shape.join(", ")}], got ${values.length}`,
      );
    }
    const bad = values.findIndex(Number.isNaN);
    if (bad !== -1)
      throw new ConfigError(`Box: ${name} must not be NaN, got NaN at element ${bad}`);
    return values;
  }

  #rounded(name: "low" | "high", values: Float64Array): Float64Array {
    const { min, max } = limitsOf(this.dtype);
    return values.map((bound, i) => {
      const isOpen = bound === (name === "low" ? -Infinity : Infinity);
      if (!isWhole(this.dtype)) return this.dtype === "f32" ? Math.fround(bound) : bound;
      // As in Gymnasium, only signed types may be open: they then reach to their limits.
      if (isOpen && min < 0) return name === "low" ? min : max;
      if (Number.isInteger(bound) && bound >= min && bound <= max) return bound;
      throw new ConfigError(
        `Box: ${name} must be a whole number in [${min}, ${max}] for ${this.dtype}, got ${bound} ` +
          `at element ${i}`,
      );
    });
  }
}

function lengthOf(bounds: Bounds): number | null {
  return typeof bounds === "number" ? null : bounds.length;
}

/** @throws {ConfigError} if a size is no non-negative integer. */
function checkShape(shape: readonly number[]): void {
  if (shape.every((size) => Number.isInteger(size) && size >= 0)) return;
  throw new ConfigError(`Box: sizes must be non-negative integers, got [${shape.join(", ")}]`);
}

function inShort(bounds: Float64Array): string {
  const isSame = bounds.every((bound) => bound === bounds[0]);
  if (isSame && bounds.length > 0) return String(bounds[0]);
  return `[${bounds.slice(0, 8).join(", ")}${bounds.length > 8 ? ", …" : ""}]`;
}
