import { ConfigError } from "../base/errors.ts";
import { product, sameNumbers } from "../base/integers.ts";
import { SeededSpace } from "./seeded-space.ts";
import { whyNotArray } from "./space-array.ts";
import type { SpaceArray } from "./space-array.ts";
import type { Space } from "./space.ts";

/** Arrays of zeros and ones: Gymnasium's `MultiBinary`. Values are Int8Arrays. */
export class MultiBinary extends SeededSpace<Int8Array> {
  readonly kind = "MultiBinary";
  readonly shape: readonly number[];
  readonly size: number;

  /**
   * @param n - how many, or a shape.
   * @throws {ConfigError} if a size is no positive integer.
   */
  constructor(n: number | readonly number[]) {
    super();
    this.shape = typeof n === "number" ? [n] : [...n];
    this.size = product(this.shape);
    if (!this.shape.every((size) => Number.isInteger(size) && size > 0)) {
      throw new ConfigError(
        `MultiBinary: sizes must be positive integers, got [${this.shape.join(", ")}]`,
      );
    }
  }

  whyNot(value: unknown): string | null {
    const problem = whyNotArray(value, "i32", this.size);
    if (problem !== null) return problem;
    const array = value as SpaceArray;
    const bad = array.findIndex((x: number) => x !== 0 && x !== 1);
    return bad === -1 ? null : `must be 0 or 1 at element ${bad}, got ${array[bad]}`;
  }

  /** A random value: NumPy takes the bits from the top of bytes, four to a 32-bit draw. */
  sample(): Int8Array {
    const result = new Int8Array(this.size);
    let word = 0;
    for (let i = 0; i < this.size; i++) {
      word = i % 4 === 0 ? this.random.uint32() : word >>> 8;
      result[i] = (word >>> 7) & 1;
    }
    return result;
  }

  equals(other: Space<unknown>): boolean {
    return other instanceof MultiBinary && sameNumbers(other.shape, this.shape);
  }

  toString(): string {
    return `MultiBinary([${this.shape.join(", ")}])`;
  }
}
