/** Turns text into numbers and back. */
export interface Tokenizer {
  readonly name: string;
  /** Tokens are 0 … vocabSize - 1. */
  readonly vocabSize: number;
  /** The token that stands between documents; no text becomes it. */
  readonly endOfText: number;
  /** The tokens of a text; `decode` gives the text back. */
  encode(text: string): Int32Array;
  /**
   * The text of tokens, without the marks between documents. Tokens may end inside of a character,
   * which then is �.
   * @throws {ConfigError} for a number that is no token.
   */
  decode(tokens: ArrayLike<number>): string;
}
