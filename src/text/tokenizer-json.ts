import { CheckpointError } from "../base/errors.ts";
import type { AddedToken } from "./added-tokens.ts";

/** A file `tokenizer.json`, as far as it is read here; the library reads the rest. */
export interface TokenizerJson {
  readonly added_tokens?: readonly AddedTokenJson[];
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly post_processor: object | null;
  readonly decoder: { readonly type?: string } | null;
  readonly model: TokenizerModelJson;
}

/** The vocabulary and how words become its entries. */
export interface TokenizerModelJson {
  readonly type?: string;
  /** Ids by token, or `[token, score]` by id. */
  readonly vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[];
  readonly merges?: readonly (string | readonly [string, string])[];
  readonly unk_token?: string | null;
  readonly [field: string]: unknown;
}

/** An entry of `added_tokens`. */
export interface AddedTokenJson {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly single_word?: boolean;
  readonly normalized?: boolean;
}

/** A file `tokenizer_config.json`. */
export type TokenizerConfigJson = Readonly<Record<string, unknown>>;

/** @throws {CheckpointError} if the value is not what a tokenizer.json holds. */
export function checkTokenizerJson(value: unknown, file: string): TokenizerJson {
  const fields = value as Partial<TokenizerJson> | null;
  const found = typeof fields === "object" && fields !== null ? fields.model : undefined;
  if (typeof found !== "object" || found === null || typeof found.vocab !== "object") {
    throw new CheckpointError(
      `loadTokenizer: a tokenizer.json must hold model.vocab, got ${found === undefined ? "none" : typeof found} ` +
        `in ${file}; save it again with tokenizer.save or save_pretrained`,
      { details: { file } },
    );
  }
  return {
    added_tokens: fields?.added_tokens ?? [],
    normalizer: fields?.normalizer ?? null,
    pre_tokenizer: fields?.pre_tokenizer ?? null,
    post_processor: fields?.post_processor ?? null,
    decoder: fields?.decoder ?? null,
    model: found,
  };
}

/** The tokens of the file with every flag filled in. */
export function addedTokensOf(json: TokenizerJson): AddedToken[] {
  return (json.added_tokens ?? []).map((token) => ({
    id: token.id,
    content: token.content,
    special: token.special ?? false,
    lstrip: token.lstrip ?? false,
    rstrip: token.rstrip ?? false,
    singleWord: token.single_word ?? false,
    normalized: token.normalized ?? false,
  }));
}

/** The text of a token in a `tokenizer_config.json`: a string, or an object with `content`. */
export function configToken(config: TokenizerConfigJson, name: string): string | null {
  const value = config[name];
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !("content" in value)) return null;
  return typeof value.content === "string" ? value.content : null;
}
