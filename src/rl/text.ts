import { ConfigError } from "../base/errors.ts";
import { SeededSpace } from "./seeded-space.ts";
import { describeValue } from "./space-array.ts";
import type { Space } from "./space.ts";

const lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Options of {@link Text}. */
export interface TextOptions {
  /** 1 without it. */
  readonly minLength?: number;
  /** Characters that may occur; the letters of English and digits without it. */
  readonly charset?: string;
}

/** Texts of bounded length over a set of characters: Gymnasium's `Text`. */
export class Text extends SeededSpace<string> {
  readonly kind = "Text";
  readonly shape = null;
  readonly minLength: number;
  readonly maxLength: number;
  /** The characters in the order in which they were given. */
  readonly characters: readonly string[];

  /** @throws {ConfigError} if lengths are no integers with 0 ≤ min ≤ max, or there is no character. */
  constructor(maxLength: number, options: TextOptions = {}) {
    super();
    this.maxLength = maxLength;
    this.minLength = options.minLength ?? 1;
    this.characters = [...new Set(options.charset ?? lettersAndDigits)];
    const isValid = Number.isInteger(maxLength) && Number.isInteger(this.minLength);
    if (!isValid || this.minLength < 0 || this.minLength > maxLength) {
      throw new ConfigError(
        `Text: lengths must be integers with 0 ≤ min ≤ max, got ${this.minLength} and ${maxLength}`,
      );
    }
    if (this.characters.length === 0) throw new ConfigError("Text: needs at least one character");
  }

  whyNot(value: unknown): string | null {
    if (typeof value !== "string") return `must be a text, got ${describeValue(value)}`;
    const found = Array.from(value);
    if (found.length < this.minLength || found.length > this.maxLength) {
      return `must have ${this.minLength} to ${this.maxLength} characters, got ${found.length}`;
    }
    const bad = found.find((character) => !this.characters.includes(character));
    return bad === undefined ? null : `must not contain ${JSON.stringify(bad)}`;
  }

  sample(): string {
    const length = this.random.integers(this.minLength, this.maxLength + 1);
    const pick = (): string =>
      this.characters[Math.floor(this.random.random() * this.characters.length)];
    return Array.from({ length }, pick).join("");
  }

  equals(other: Space<unknown>): boolean {
    return (
      other instanceof Text &&
      other.minLength === this.minLength &&
      other.maxLength === this.maxLength &&
      other.characters.length === this.characters.length &&
      this.characters.every((character) => other.characters.includes(character))
    );
  }

  toString(): string {
    return `Text(${this.minLength}, ${this.maxLength}, ${this.characters.length} characters)`;
  }
}
