import { ConfigError } from "../base/errors.ts";
import { requireToken } from "./byte-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

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
export async function loadGpt2Tokenizer(): Promise<Tokenizer> {
  const encoding = await loadEncoding();
  const tokenizer: Tokenizer = {
    name: "gpt2",
    vocabSize: endOfText + 1,
    endOfText,
    encode: (text) => Int32Array.from(encoding.encode(text, asText)),
    decode(tokens) {
      const list = Array.from(tokens);
      for (const token of list) requireToken(tokenizer, token);
      return encoding.decode(list.filter((token) => token !== endOfText));
    },
  };
  return tokenizer;
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
