import { ConfigError } from "../base/errors.ts";
import type { ValueOf } from "./dict.ts";
import { PartsSpace } from "./parts-space.ts";
import { describeValue } from "./space-array.ts";
import type { Space } from "./space.ts";

/** The value type of {@link Tuple}. */
export type TupleValue<S extends readonly Space<unknown>[]> = {
  readonly [K in keyof S]: ValueOf<S[K]>;
};

/** Arrays with a value of a space at each place: Gymnasium's `Tuple`. */
export class Tuple<
  const S extends readonly Space<unknown>[] = readonly Space<unknown>[],
> extends PartsSpace<TupleValue<S>> {
  readonly kind = "Tuple";
  readonly spaces: S;

  /** @throws {ConfigError} if there is no space. */
  constructor(spaces: S) {
    super();
    if (spaces.length === 0) throw new ConfigError("Tuple: needs at least one space, got none");
    this.spaces = spaces;
  }

  whyNot(value: unknown): string | null {
    if (!Array.isArray(value) || value.length !== this.spaces.length) {
      return `must be an array of ${this.spaces.length} values, got ${describeValue(value)}`;
    }
    for (const [i, space] of this.spaces.entries()) {
      const problem = space.whyNot(value[i]);
      if (problem !== null) return `[${i}] ${problem}`;
    }
    return null;
  }

  sample(): TupleValue<S> {
    return this.spaces.map((space) => space.sample()) as TupleValue<S>;
  }

  equals(other: Space<unknown>): boolean {
    if (!(other instanceof Tuple) || other.spaces.length !== this.spaces.length) return false;
    const theirs = other.spaces as readonly Space<unknown>[];
    return this.spaces.every((space, i) => space.equals(theirs[i]));
  }

  toString(): string {
    return `Tuple(${this.spaces.map(String).join(", ")})`;
  }

  protected parts(): readonly Space<unknown>[] {
    return this.spaces;
  }
}
