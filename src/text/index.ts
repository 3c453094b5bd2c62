/**
 * Text as tokens: tokenizers of language models, chat templates, and training of byte-pair merges.
 *
 * @module
 */
export { ByteTokenizer } from "./byte-tokenizer.ts";
export type { ChatOptions, ChatTokens, JsonValue, Message } from "./chat-message.ts";
export { loadGpt2Tokenizer } from "./gpt2-tokenizer.ts";
export type { JsonTokenizer, TokenizerFiles } from "./json-tokenizer.ts";
export type { GuardedTokenizer } from "./guarded-tokenizer.ts";
export type { SpecialTokenRoles } from "./special-token-roles.ts";
export type {
  AddedTokenJson,
  TokenizerConfigJson,
  TokenizerJson,
  TokenizerModelJson,
} from "./tokenizer-json.ts";
export type { LoadTokenizerOptions } from "./load-tokenizer.ts";
export { loadTokenizer } from "./load-tokenizer.ts";
export { saveTokenizer } from "./save-tokenizer.ts";
export type { TokenizerProgress, TrainTokenizerOptions } from "./train-tokenizer.ts";
export { trainTokenizer } from "./train-tokenizer.ts";
export type {
  DecodeOptions,
  DecodeStream,
  EncodeOptions,
  SpecialToken,
  TextTokenizer,
  Tokenizer,
} from "./tokenizer.ts";
