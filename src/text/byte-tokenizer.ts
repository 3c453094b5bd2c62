import type { AddedToken } from "./added-tokens.ts";
import { GuardedTokenizer } from "./guarded-tokenizer.ts";

/** The 256 values of a byte, and the mark between documents. */
const vocabSize = 257;

/** One token per byte of UTF-8: nothing to learn or to load, and the longest sequences. */
export class ByteTokenizer extends GuardedTokenizer {
  readonly name: string = "bytes";
  readonly vocabSize: number = vocabSize;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor() {
    super([endOfTextToken(vocabSize - 1)], onlyEndOfText(vocabSize - 1));
  }

  protected override encodePlain(text: string): Uint8Array {
    return this.#encoder.encode(text);
  }

  protected override surround(tokens: number[]): number[] {
    return tokens;
  }

  protected override decodeAll(tokens: readonly number[]): string {
    const mark = vocabSize - 1;
    const texts: string[] = [];
    let begin = 0;
    for (let at = tokens.indexOf(mark); at >= 0; at = tokens.indexOf(mark, begin)) {
      texts.push(this.#text(tokens.slice(begin, at)), endOfTextSpelling);
      begin = at + 1;
    }
    return [...texts, this.#text(tokens.slice(begin))].join("");
  }

  #text(bytes: readonly number[]): string {
    return this.#decoder.decode(Uint8Array.from(bytes));
  }
}

const endOfTextSpelling = "<|endoftext|>";

/** The mark between documents in GPT-2's spelling. */
export function endOfTextToken(id: number): AddedToken {
  return {
    id,
    content: endOfTextSpelling,
    special: true,
    lstrip: false,
    rstrip: false,
    singleWord: false,
    normalized: false,
  };
}

/** The roles of special tokens where there is only that mark. */
export function onlyEndOfText(id: number): {
  bosToken: null;
  eosToken: { text: string; id: number };
  padToken: null;
  unkToken: null;
} {
  const eosToken = { text: endOfTextSpelling, id };
  return { bosToken: null, eosToken, padToken: null, unkToken: null };
}
