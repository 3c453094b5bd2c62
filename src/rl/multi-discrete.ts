import { ConfigError } from "../base/errors.ts";
import { sameNumbers } from "../base/integers.ts";
import { SeededSpace } from "./seeded-space.ts";
import { whyNotArray } from "./space-array.ts";
import type { SpaceArray } from "./space-array.ts";
import type { Space } from "./space.ts";

/**
 * Several whole numbers, element i in `start[i]` … `start[i] + nvec[i] - 1`: Gymnasium's
 * `MultiDiscrete`. Values are Int32Arrays.
 */
export class MultiDiscrete extends SeededSpace<Int32Array> {
  readonly kind = "MultiDiscrete";
  readonly shape: readonly number[];
  readonly nvec: readonly number[];
  readonly start: readonly number[];

  /** @throws {ConfigError} if counts are no positive integers, or starts do not fit them. */
  constructor(
    nvec: readonly number[],
    options: { readonly start?: readonly number[]; readonly shape?: readonly number[] } = {},
  ) {
    super();
    this.nvec = [...nvec];
    this.start = options.start ?? nvec.map(() => 0);
    this.shape = options.shape ?? [nvec.length];
    if (nvec.length === 0 || !nvec.every((n) => Number.isInteger(n) && n > 0)) {
      throw new ConfigError(
        `MultiDiscrete: every count must be a positive integer, got [${nvec.join(", ")}]`,
      );
    }
    if (this.start.length !== nvec.length || !this.start.every(Number.isInteger)) {
      throw new ConfigError(
        `MultiDiscrete: start must be ${nvec.length} integers, got [${this.start.join(", ")}]`,
      );
    }
    if (this.shape.reduce((a, b) => a * b, 1) !== nvec.length) {
      throw new ConfigError(
        `MultiDiscrete: shape [${this.shape.join(", ")}] must have ${nvec.length} elements`,
      );
    }
  }

  whyNot(value: unknown): string | null {
    const problem = whyNotArray(value, "i32", this.nvec.length);
    if (problem !== null) return problem;
    const array = value as SpaceArray;
    for (const [i, n] of this.nvec.entries()) {
      const last = this.start[i] + n - 1;
      if (array[i] < this.start[i] || array[i] > last) {
        return `must be in [${this.start[i]}, ${last}] at element ${i}, got ${array[i]}`;
      }
    }
    return null;
  }

  sample(): Int32Array {
    return Int32Array.from(
      this.nvec,
      (n, i) => Math.floor(this.random.random() * n) + this.start[i],
    );
  }

  equals(other: Space<unknown>): boolean {
    return (
      other instanceof MultiDiscrete &&
      sameNumbers(other.shape, this.shape) &&
      sameNumbers(other.nvec, this.nvec) &&
      sameNumbers(other.start, this.start)
    );
  }

  toString(): string {
    const isShifted = this.start.some((start) => start !== 0);
    return `MultiDiscrete([${this.nvec.join(", ")}]${isShifted ? `, start [${this.start.join(", ")}]` : ""})`;
  }
}
