import { ConfigError } from "../base/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The 256 values of a byte, and the mark between documents. */
const vocabSize = 257;

/** One token per byte of UTF-8: nothing to learn or to load, and the longest sequences. */
export class ByteTokenizer implements Tokenizer {
  readonly name: string = "bytes";
  readonly vocabSize: number = vocabSize;
  readonly endOfText: number = vocabSize - 1;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();

  encode(text: string): Int32Array {
    return Int32Array.from(this.#encoder.encode(text));
  }

  decode(tokens: ArrayLike<number>): string {
    const bytes = Array.from(tokens).filter((token) => {
      requireToken(this, token);
      return token !== this.endOfText;
    });
    return this.#decoder.decode(Uint8Array.from(bytes));
  }
}

/** @throws {ConfigError} if the number is no token of the tokenizer. */
export function requireToken({ name, vocabSize: size }: Tokenizer, token: number): void {
  if (Number.isInteger(token) && token >= 0 && token < size) return;
  throw new ConfigError(`${name}: a token must be an integer in 0 … ${size - 1}, got ${token}`);
}
