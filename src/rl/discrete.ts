import { ConfigError } from "../base/errors.ts";
import { SeededSpace } from "./seeded-space.ts";
import { describeValue } from "./space-array.ts";
import type { Space } from "./space.ts";

/** Whole numbers `start` … `start + n - 1`: Gymnasium's `Discrete`. */
export class Discrete extends SeededSpace<number> {
  readonly kind = "Discrete";
  readonly shape: readonly number[] = [];
  /** How many values there are. */
  readonly n: number;
  /** The smallest. */
  readonly start: number;

  /** @throws {ConfigError} if `n` is no positive integer or `start` no integer. */
  constructor(n: number, options: { readonly start?: number } = {}) {
    super();
    this.n = n;
    this.start = options.start ?? 0;
    if (!(Number.isSafeInteger(n) && n > 0)) {
      throw new ConfigError(`Discrete: n must be a positive integer, got ${n}`);
    }
    if (!Number.isSafeInteger(this.start)) {
      throw new ConfigError(`Discrete: start must be an integer, got ${this.start}`);
    }
  }

  whyNot(value: unknown): string | null {
    const last = this.start + this.n - 1;
    const isInside =
      Number.isInteger(value) && Number(value) >= this.start && Number(value) <= last;
    return isInside
      ? null
      : `must be a whole number in [${this.start}, ${last}], got ${describeValue(value)}`;
  }

  sample(): number {
    return this.random.integers(this.start, this.start + this.n);
  }

  equals(other: Space<unknown>): boolean {
    return other instanceof Discrete && other.n === this.n && other.start === this.start;
  }

  toString(): string {
    return this.start === 0 ? `Discrete(${this.n})` : `Discrete(${this.n}, start ${this.start})`;
  }
}
