/**
 * Text as tokens.
 *
 * @module
 */
export { ByteTokenizer } from "./byte-tokenizer.ts";
export { loadGpt2Tokenizer } from "./gpt2-tokenizer.ts";
export type { Tokenizer } from "./tokenizer.ts";
