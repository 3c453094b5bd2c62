import { CheckpointError, ConfigError } from "../base/errors.ts";
import type { AddedToken } from "./added-tokens.ts";
import { AddedTokenSplitter } from "./added-tokens.ts";
import { bytesOfToken } from "./byte-alphabet.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { GuardedTokenizer } from "./guarded-tokenizer.ts";
import type { SpecialTokenRoles } from "./special-token-roles.ts";
import type { TokenizerConfigJson, TokenizerJson, TokenizerModelJson } from "./tokenizer-json.ts";
import { addedTokensOf, configToken } from "./tokenizer-json.ts";

/** The steps of `@huggingface/tokenizers` that are used; finding added tokens is done here. */
interface Steps {
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer:
    | ((text: string, options: { readonly section_index: number }) => string[])
    | null;
  readonly model: {
    (words: string[]): string[];
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    readonly unk_token_id?: number | undefined;
  };
  readonly post_processor:
    | ((tokens: string[], pair: null, addSpecialTokens: boolean) => { readonly tokens: string[] })
    | null;
  readonly decoder: ((tokens: string[]) => string) | null;
}

/** Makes the steps of a file's content. */
export type StepsFactory = (json: object, config: object) => Steps;

/** @throws {ConfigError} if the package `@huggingface/tokenizers` is not installed. */
export async function loadStepsFactory(): Promise<StepsFactory> {
  try {
    const { Tokenizer } = await import("@huggingface/tokenizers");
    return (json, config) => new Tokenizer(json, config);
  } catch (cause) {
    throw new ConfigError(
      'loadTokenizer: the npm package "@huggingface/tokenizers" must be installed, got none; ' +
        "run: npm install @huggingface/tokenizers",
      { cause },
    );
  }
}

/** The content of a tokenizer's files. */
export interface TokenizerFiles {
  readonly json: TokenizerJson;
  readonly config: TokenizerConfigJson;
  /** The chat template. */
  readonly template?: string | undefined;
}

/** What a {@link JsonTokenizer} is made of. */
export interface JsonTokenizerParts {
  readonly name: string;
  readonly json: TokenizerJson;
  readonly config: TokenizerConfigJson;
  readonly template: ChatTemplate | null;
  /** The template's text. */
  readonly templateText?: string | undefined;
  /** Tokens that no text becomes, beyond those marked as special or spelled `<|…|>`. */
  readonly controlTokens: readonly string[];
  readonly steps: StepsFactory;
}

const controlSpelling = /^<[|｜].*[|｜]>$/su;

/**
 * A tokenizer of the format `tokenizer.json`: byte-level and SentencePiece-like BPE, Unigram,
 * WordPiece. Nothing is tidied up in decoded text (`clean_up_tokenization_spaces` of old files).
 */
export class JsonTokenizer extends GuardedTokenizer {
  readonly name: string;
  readonly vocabSize: number;
  /** What its files hold: written again beside a model that was trained further. */
  readonly files: TokenizerFiles;
  readonly #steps: Steps;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #texts: readonly string[];
  readonly #raw: AddedTokenSplitter;
  readonly #normalized: AddedTokenSplitter;
  readonly #bytes: (Uint8Array<ArrayBuffer> | undefined)[] | null;
  readonly #config: TokenizerConfigJson;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** @throws {CheckpointError} if the library cannot read the file. */
  constructor(parts: JsonTokenizerParts) {
    const { name, json, config, template, templateText, controlTokens, steps } = parts;
    const added = addedTokensOf(json);
    const control = controlOf(added, config, controlTokens);
    super(control, rolesOf(json, config, added), template);
    const controlTexts = new Set(control.map(({ content }) => content));
    const ordinary = added.filter(({ content }) => !controlTexts.has(content));
    this.name = name;
    this.files = { json, config, template: templateText };
    this.#config = config;
    this.#steps = makeSteps(name, json, config, controlTexts, steps);
    this.#texts = textsById(json, added);
    this.vocabSize = this.#texts.length;
    this.#addedIds = new Map(added.map(({ content, id }) => [content, id]));
    const normalize = (text: string): string => this.#steps.normalizer?.(text) ?? text;
    this.#raw = new AddedTokenSplitter(ordinary.filter((token) => !token.normalized));
    this.#normalized = new AddedTokenSplitter(
      ordinary.filter((token) => token.normalized),
      normalize,
    );
    this.#bytes =
      json.decoder?.type === "ByteLevel"
        ? tokenBytes(this.#texts, new Set(added.map(({ id }) => id)))
        : null;
  }

  protected override encodePlain(text: string, first: boolean): number[] {
    const ids: number[] = [];
    this.#raw.split(text).forEach((part, at) => {
      if (typeof part !== "string") ids.push(part.id);
      else this.#encodeSection(part, first && at === 0, ids);
    });
    return ids;
  }

  #encodeSection(text: string, first: boolean, ids: number[]): void {
    const { normalizer, pre_tokenizer: preTokenize, model } = this.#steps;
    const clean = normalizer === null ? text : normalizer(text);
    for (const part of this.#normalized.split(clean)) {
      if (typeof part !== "string") {
        ids.push(part.id);
        continue;
      }
      const words =
        preTokenize === null ? [part] : preTokenize(part, { section_index: first ? 0 : 1 });
      for (const token of model(words)) {
        const id = model.tokens_to_ids.get(token) ?? model.unk_token_id;
        if (id !== undefined) ids.push(id);
      }
    }
  }

  protected override surround(tokens: number[]): number[] {
    const marks = this.#marksAround();
    return [...marks.before, ...tokens, ...marks.after];
  }

  /** What the file puts around a text; the config's `add_bos_token` and `add_eos_token` decide first. */
  #marksAround(): { before: number[]; after: number[] } {
    const inner = "\u0000";
    const tokens = this.#steps.post_processor?.([inner], null, true).tokens ?? [inner];
    const at = tokens.indexOf(inner);
    const known = this.#steps.model.tokens_to_ids;
    const ids = (list: string[]): number[] =>
      list.flatMap((token) => this.#addedIds.get(token) ?? known.get(token) ?? []);
    return {
      before: decided(ids(tokens.slice(0, at)), this.#config["add_bos_token"], this.bosToken?.id),
      after: decided(ids(tokens.slice(at + 1)), this.#config["add_eos_token"], this.eosToken?.id),
    };
  }

  protected override decodeAll(tokens: readonly number[]): string {
    if (this.#bytes !== null) return this.#decodeBytes(tokens, this.#bytes);
    const texts = tokens.map((token) => this.#texts[token] ?? "");
    return this.#steps.decoder === null ? texts.join(" ") : this.#steps.decoder(texts);
  }

  #decodeBytes(
    tokens: readonly number[],
    known: readonly (Uint8Array<ArrayBuffer> | undefined)[],
  ): string {
    const pieces = tokens.map(
      (token) => known[token] ?? this.#encoder.encode(this.#texts[token] ?? ""),
    );
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return this.#decoder.decode(bytes);
  }
}

function decided(marks: number[], add: unknown, token: number | undefined): number[] {
  if (token === undefined || typeof add !== "boolean") return marks;
  if (!add) return marks.filter((mark) => mark !== token);
  return marks.includes(token) ? marks : [token];
}

/** Special tokens, markers such as `<|fim_prefix|>`, and what config and caller name besides. */
function controlOf(
  added: readonly AddedToken[],
  config: TokenizerConfigJson,
  named: readonly string[],
): AddedToken[] {
  const more = config["additional_special_tokens"];
  const names = new Set([...named, ...(Array.isArray(more) ? more.map(String) : [])]);
  for (const name of named) {
    if (added.some(({ content }) => content === name)) continue;
    throw new ConfigError(
      `loadTokenizer: controlTokens must be added tokens of the file, got ${JSON.stringify(name)}; ` +
        "name tokens that stand in added_tokens",
    );
  }
  return added.filter(
    ({ content, special }) => special || names.has(content) || controlSpelling.test(content),
  );
}

function rolesOf(
  json: TokenizerJson,
  config: TokenizerConfigJson,
  added: readonly AddedToken[],
): SpecialTokenRoles {
  const token = (text: string | null): { text: string; id: number } | null => {
    if (text === null) return null;
    const id = added.find(({ content }) => content === text)?.id ?? vocabularyId(json.model, text);
    return id === undefined ? null : { text, id };
  };
  return {
    bosToken: token(configToken(config, "bos_token")),
    eosToken: token(configToken(config, "eos_token")),
    padToken: token(configToken(config, "pad_token")),
    unkToken: token(configToken(config, "unk_token") ?? unknownOf(json.model)),
  };
}

function unknownOf(model: TokenizerModelJson): string | null {
  const at = model["unk_id"];
  if (isScored(model.vocab) && typeof at === "number") return model.vocab[at]?.[0] ?? null;
  return model.unk_token ?? null;
}

function vocabularyId({ vocab }: TokenizerModelJson, text: string): number | undefined {
  if (!isScored(vocab)) return Object.hasOwn(vocab, text) ? vocab[text] : undefined;
  const at = vocab.findIndex(([token]) => token === text);
  return at < 0 ? undefined : at;
}

function isScored(
  vocab: TokenizerModelJson["vocab"],
): vocab is readonly (readonly [string, number])[] {
  return Array.isArray(vocab);
}

function* entriesOf({ vocab }: TokenizerModelJson): Generator<[string, number]> {
  if (isScored(vocab)) for (const [id, [token]] of vocab.entries()) yield [token, id];
  else yield* Object.entries(vocab);
}

function textsById(json: TokenizerJson, added: readonly AddedToken[]): string[] {
  const texts: string[] = [];
  for (const [token, id] of entriesOf(json.model)) texts[id] = token;
  for (const { content, id } of added) texts[id] = content;
  return texts;
}

function tokenBytes(
  texts: readonly string[],
  added: ReadonlySet<number>,
): (Uint8Array<ArrayBuffer> | undefined)[] {
  return Array.from(texts, (text: string | undefined, id) =>
    text === undefined || added.has(id) ? undefined : bytesOfToken(text),
  );
}

/** The library's steps over a vocabulary in which no text finds a control token. */
function makeSteps(
  name: string,
  json: TokenizerJson,
  config: TokenizerConfigJson,
  control: ReadonlySet<string>,
  factory: StepsFactory,
): Steps {
  try {
    const model = withoutControl(json.model, control);
    // The flags that the library would act on by itself are this class's business.
    return factory({ ...json, model, added_tokens: [] }, { eos_token: config["eos_token"] });
  } catch (cause) {
    throw new CheckpointError(
      `loadTokenizer: ${name} must be of a known kind, got: ` +
        `${cause instanceof Error ? cause.message : String(cause)}; save it again with a newer version`,
      { cause },
    );
  }
}

function withoutControl(
  model: TokenizerModelJson,
  control: ReadonlySet<string>,
): TokenizerModelJson {
  const merges = model.merges?.filter(
    (merge) => !control.has(typeof merge === "string" ? merge.replace(" ", "") : merge.join("")),
  );
  const { vocab } = model;
  // Ids of scored tokens are their places: these keep them under a name that no text has.
  const kept = isScored(vocab)
    ? vocab.map(([token, score], id) =>
        control.has(token) && id !== model["unk_id"] ? [`\uFDD0${id}`, score] : [token, score],
      )
    : Object.fromEntries(
        Object.entries(vocab).filter(([token]) => !control.has(token) || token === model.unk_token),
      );
  return { ...model, vocab: kept as TokenizerModelJson["vocab"], ...(merges && { merges }) };
}
