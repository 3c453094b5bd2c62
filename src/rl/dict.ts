import { ConfigError } from "../base/errors.ts";
import { PartsSpace } from "./parts-space.ts";
import { describeValue } from "./space-array.ts";
import type { Space } from "./space.ts";

/** The value type of a space. */
export type ValueOf<S> = S extends Space<infer T> ? T : never;

/** Spaces by name. */
export type NamedSpaces = Readonly<Record<string, Space<unknown>>>;

/** The value type of {@link Dict}. */
export type DictValue<S extends NamedSpaces> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** Plain objects with a value of a space under each name: Gymnasium's `Dict`. */
export class Dict<S extends NamedSpaces = NamedSpaces> extends PartsSpace<DictValue<S>> {
  readonly kind = "Dict";
  /** The spaces, in alphabetical order of their names. */
  readonly spaces: S;

  /** @throws {ConfigError} if there is no space. */
  constructor(spaces: S) {
    super();
    const names = Object.keys(spaces).toSorted();
    if (names.length === 0) throw new ConfigError("Dict: needs at least one space, got none");
    this.spaces = Object.fromEntries(names.map((name) => [name, spaces[name]])) as S;
  }

  whyNot(value: unknown): string | null {
    const names = Object.keys(this.spaces);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return `must be an object with the keys ${names.join(", ")}, got ${describeValue(value)}`;
    }
    const found = Object.keys(value);
    if (found.length !== names.length || !names.every((name) => Object.hasOwn(value, name))) {
      return `must have the keys ${names.join(", ")}, got ${found.join(", ") || "none"}`;
    }
    for (const name of names) {
      const problem = this.spaces[name].whyNot((value as Record<string, unknown>)[name]);
      if (problem !== null) return `${name} ${problem}`;
    }
    return null;
  }

  sample(): DictValue<S> {
    const parts = Object.entries(this.spaces).map(([name, space]) => [name, space.sample()]);
    return Object.fromEntries(parts) as DictValue<S>;
  }

  equals(other: Space<unknown>): boolean {
    if (!(other instanceof Dict)) return false;
    const names = Object.keys(this.spaces);
    const theirs = (other as Dict).spaces;
    return (
      names.join("\0") === Object.keys(theirs).join("\0") &&
      names.every((name) => this.spaces[name].equals(theirs[name]))
    );
  }

  toString(): string {
    const parts = Object.entries(this.spaces).map(([name, space]) => `${name}: ${String(space)}`);
    return `Dict(${parts.join(", ")})`;
  }

  protected parts(): readonly Space<unknown>[] {
    return Object.values(this.spaces);
  }
}
