import { ConfigError } from "../base/errors.ts";
import { endOfTextToken, onlyEndOfText } from "./byte-tokenizer.ts";
import { GuardedTokenizer } from "./guarded-tokenizer.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/** What of the package `gpt-tokenizer` is used. */
interface Encoding {
  encode(text: string, options: { readonly disallowedSpecial: Set<string> }): number[];
  decode(tokens: Iterable<number>): string;
}

const endOfText = 50256;
/** Marks in a text are text, as anybody could have written them. */
const asText = { disallowedSpecial: new Set<string>() };

/**
 * GPT-2's byte-pair encoding: 50,257 tokens. The merges come with the npm package `gpt-tokenizer`,
 * which is loaded here and needed for nothing else.
 * @throws {ConfigError} if the package is not installed.
 * @example
 * const tokenizer = await loadGpt2Tokenizer();
 * tokenizer.encode("Hello, world"); // 15496, 11, 995
 */
export async function loadGpt2Tokenizer(): Promise<TextTokenizer> {
  return new Gpt2Tokenizer(await loadEncoding());
}

class Gpt2Tokenizer extends GuardedTokenizer {
  readonly name: string = "gpt2";
  readonly vocabSize: number = endOfText + 1;
  readonly #encoding: Encoding;

  constructor(encoding: Encoding) {
    super([endOfTextToken(endOfText)], onlyEndOfText(endOfText));
    this.#encoding = encoding;
  }

  protected override encodePlain(text: string): number[] {
    return this.#encoding.encode(text, asText);
  }

  protected override surround(tokens: number[]): number[] {
    return tokens;
  }

  protected override decodeAll(tokens: readonly number[]): string {
    return this.#encoding.decode(tokens);
  }
}

async function loadEncoding(): Promise<Encoding> {
  try {
    return await import("gpt-tokenizer/encoding/r50k_base");
  } catch (cause) {
    throw new ConfigError(
      'loadGpt2Tokenizer: the npm package "gpt-tokenizer" must be installed, got none; ' +
        "run: npm install gpt-tokenizer",
      { cause },
    );
  }
}
