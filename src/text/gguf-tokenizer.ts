import { CheckpointError, ConfigError } from "../base/errors.ts";
import type { GgufValue } from "../io/gguf/gguf-header.ts";
import { byteLevel, byteLevelSteps, preSplits } from "./pre-split.ts";
import type { TokenizerConfigJson, TokenizerJson } from "./tokenizer-json.ts";

type Metadata = Readonly<Record<string, GgufValue>>;

/** Kinds of tokens in GGUF. */
const control = 3;
const userDefined = 4;

/** Steps by `tokenizer.ggml.pre`. */
const preSteps: Readonly<Record<string, () => ReturnType<typeof byteLevelSteps>>> = {
  "gpt-2": () => byteLevelSteps(preSplits.gpt2),
  default: () => byteLevelSteps(preSplits.gpt2),
  "llama-bpe": () => byteLevelSteps(preSplits.cl100k),
  llama3: () => byteLevelSteps(preSplits.cl100k),
  qwen2: () => byteLevelSteps(preSplits.qwen2),
  smollm: () => digitsAlone(),
  starcoder: () => digitsAlone(),
  refact: () => digitsAlone(),
};

/**
 * The tokenizer inside of a GGUF file: byte-level BPE ("gpt2") and SentencePiece's BPE ("llama").
 * @throws {CheckpointError} if the file holds none; {ConfigError} if its kind is not known.
 */
export function tokenizerOfGguf(
  metadata: Metadata,
  file: string,
): { json: TokenizerJson; config: TokenizerConfigJson } {
  const kind = metadata["tokenizer.ggml.model"];
  const tokens = texts(metadata["tokenizer.ggml.tokens"]);
  if (tokens.length === 0) {
    throw new CheckpointError(
      `loadTokenizer: a GGUF file must hold tokenizer.ggml.tokens, got none in ${file}; convert the ` +
        "model with its tokenizer",
      { details: { file } },
    );
  }
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added_tokens = addedTokens(metadata, tokens);
  const config = configOf(metadata, tokens);
  if (kind === "gpt2") {
    const merges = texts(metadata["tokenizer.ggml.merges"]);
    const model = { type: "BPE", vocab, merges, ignore_merges: preName(metadata) === "llama-bpe" };
    return { json: { normalizer: null, ...stepsOf(metadata, file), model, added_tokens }, config };
  }
  if (kind === "llama") {
    return { json: { ...pieceSteps(metadata, tokens, vocab), added_tokens }, config };
  }
  throw new ConfigError(
    `loadTokenizer: tokenizer.ggml.model must be "gpt2" or "llama", got ${JSON.stringify(kind)} in ` +
      `${file}; load the model's tokenizer.json instead`,
  );
}

function stepsOf(metadata: Metadata, file: string): ReturnType<typeof byteLevelSteps> {
  const name = preName(metadata);
  const steps = Object.hasOwn(preSteps, name) ? preSteps[name] : undefined;
  if (steps !== undefined) return steps();
  throw new ConfigError(
    `loadTokenizer: tokenizer.ggml.pre must be one of ${Object.keys(preSteps).join(", ")}, got ` +
      `"${name}" in ${file}; load the model's tokenizer.json instead`,
  );
}

function preName(metadata: Metadata): string {
  const name = metadata["tokenizer.ggml.pre"];
  return typeof name === "string" ? name : "default";
}

function digitsAlone(): ReturnType<typeof byteLevelSteps> {
  const digits = { type: "Digits", individual_digits: true };
  return {
    pre_tokenizer: { type: "Sequence", pretokenizers: [digits, byteLevel(true)] },
    post_processor: null,
    decoder: byteLevel(true),
  };
}

/** SentencePiece's BPE: pieces with scores, of which the highest merges first. */
function pieceSteps(
  metadata: Metadata,
  tokens: readonly string[],
  vocab: Readonly<Record<string, number>>,
): Omit<TokenizerJson, "added_tokens"> {
  const prefix = metadata["tokenizer.ggml.add_space_prefix"] !== false;
  const space = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  const replace = { type: "Replace", pattern: { String: "▁" }, content: " " };
  const unknown = integer(metadata["tokenizer.ggml.unknown_token_id"]) ?? 0;
  return {
    normalizer: prefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, space] }
      : space,
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [replace, { type: "ByteFallback" }, { type: "Fuse" }, ...(prefix ? [strip] : [])],
    } as TokenizerJson["decoder"],
    model: {
      type: "BPE",
      vocab,
      merges: mergesByScore(tokens, numbers(metadata["tokenizer.ggml.scores"])),
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

function mergesByScore(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const order = tokens
    .map((token, id) => ({ token, id, score: scores[id] ?? -id }))
    .toSorted((a, b) => b.score - a.score || a.id - b.id);
  return order.flatMap(({ token }) => {
    const characters = Array.from(token);
    const halves: [number, number, string, string][] = [];
    for (let cut = 1; cut < characters.length; cut++) {
      const left = characters.slice(0, cut).join("");
      const right = characters.slice(cut).join("");
      const [a, b] = [ids.get(left), ids.get(right)];
      if (a !== undefined && b !== undefined) halves.push([a, b, left, right]);
    }
    halves.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return halves.map(([, , left, right]): [string, string] => [left, right]);
  });
}

function addedTokens(
  metadata: Metadata,
  tokens: readonly string[],
): { id: number; content: string; special: boolean }[] {
  const kinds = numbers(metadata["tokenizer.ggml.token_type"]);
  return tokens.flatMap((content, id) =>
    kinds[id] === control || kinds[id] === userDefined
      ? [{ id, content, special: kinds[id] === control }]
      : [],
  );
}

function configOf(metadata: Metadata, tokens: readonly string[]): TokenizerConfigJson {
  const token = (name: string): string | null => {
    const id = integer(metadata[`tokenizer.ggml.${name}_token_id`]);
    return id === undefined ? null : (tokens[id] ?? null);
  };
  return {
    bos_token: token("bos"),
    eos_token: token("eos"),
    pad_token: token("padding"),
    unk_token: token("unknown"),
    add_bos_token: metadata["tokenizer.ggml.add_bos_token"] ?? false,
    add_eos_token: metadata["tokenizer.ggml.add_eos_token"] ?? false,
    chat_template: metadata["tokenizer.chat_template"],
  };
}

function integer(value: GgufValue | undefined): number | undefined {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

function texts(value: GgufValue | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function numbers(value: GgufValue | undefined): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}
