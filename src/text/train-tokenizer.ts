import { ConfigError } from "../base/errors.ts";
import { byteCharacters, tokenOfBytes } from "./byte-alphabet.ts";
import { BytePairTrainer } from "./byte-pair-trainer.ts";
import { makeJsonTokenizer } from "./load-tokenizer.ts";
import type { JsonTokenizer } from "./json-tokenizer.ts";
import { byteLevelSteps, preSplits } from "./pre-split.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** How far {@link trainTokenizer} is. */
export interface TokenizerProgress {
  /** "read" while texts come in, then "merge". */
  readonly phase: "read" | "merge";
  /** Texts read, or tokens of the vocabulary made. */
  readonly done: number;
  /** Tokens to make; undefined while reading. */
  readonly total?: number;
}

/** What {@link trainTokenizer} learns. */
export interface TrainTokenizerOptions {
  /** Tokens in all: special ones, 256 bytes, and merges. */
  readonly vocabSize: number;
  /** Pairs that occur less often are not merged. @defaultValue 0 */
  readonly minFrequency?: number;
  /** Special tokens, which get the first ids. @defaultValue ["<|endoftext|>"] */
  readonly specialTokens?: readonly string[];
  /** The special token that ends a text. @defaultValue the first one */
  readonly eosToken?: string;
  /** How texts are split into words, which merges do not cross. @defaultValue "cl100k" */
  readonly preSplit?: "gpt2" | "cl100k";
  /** A chat template in Jinja. */
  readonly chatTemplate?: string;
  /** @defaultValue "trained" */
  readonly name?: string;
  /** Called after each text, and about a hundred times while merging. */
  readonly onProgress?: (progress: TokenizerProgress) => void;
}

/** The expressions of {@link preSplits} in JavaScript's words, without a scoped `i`. */
const splitters: Readonly<Record<"gpt2" | "cl100k", RegExp>> = {
  gpt2: new RegExp(preSplits.gpt2, "gu"),
  cl100k: new RegExp(
    preSplits.cl100k.replace(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)",
      "'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])",
    ),
    "gu",
  ),
};

/**
 * Learns a byte-level BPE vocabulary from texts: any text can then be encoded without loss. The merges
 * are those that Hugging Face's `BpeTrainer` learns from the same texts, in their order.
 *
 * @throws {ConfigError} if the vocabulary has no room for bytes and special tokens, or an option is out of range.
 * @example
 * const tokenizer = await trainTokenizer([readFileSync("novel.txt", "utf8")], { vocabSize: 4096 });
 * await saveTokenizer("runs/novel-tokenizer", tokenizer);
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<JsonTokenizer> {
  const { specialTokens = ["<|endoftext|>"], preSplit = "cl100k" } = options;
  requireOptions(options, specialTokens, preSplit);
  const counts = await countWords(texts, splitters[preSplit], options.onProgress);
  const alphabet = byteCharacters.toSorted((a, b) => (a < b ? -1 : 1));
  const trainer = new BytePairTrainer([...specialTokens, ...alphabet], asBytes(counts));
  learn(trainer, options);
  const json = jsonOf(trainer, specialTokens, preSplits[preSplit]);
  const eos = options.eosToken ?? specialTokens[0];
  return makeJsonTokenizer({
    name: options.name ?? "trained",
    json,
    config: {
      ...(eos !== undefined && { eos_token: eos }),
      tokenizer_class: "PreTrainedTokenizerFast",
      clean_up_tokenization_spaces: false,
    },
    ...(options.chatTemplate !== undefined && { template: options.chatTemplate }),
  });
}

async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  splitter: RegExp,
  onProgress: TrainTokenizerOptions["onProgress"],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let done = 0;
  for await (const text of texts) {
    for (const [word] of text.matchAll(splitter)) counts.set(word, (counts.get(word) ?? 0) + 1);
    onProgress?.({ phase: "read", done: ++done });
  }
  return counts;
}

function* asBytes(counts: ReadonlyMap<string, number>): Generator<[string, number]> {
  const encoder = new TextEncoder();
  for (const [word, count] of counts) yield [tokenOfBytes(encoder.encode(word)), count];
}

function learn(
  trainer: BytePairTrainer,
  { vocabSize: total, minFrequency = 0, onProgress }: TrainTokenizerOptions,
): void {
  const every = Math.max(1, Math.round(total / 100));
  while (trainer.vocab.length < total && trainer.step(minFrequency)) {
    const done = trainer.vocab.length;
    if (done % every === 0) onProgress?.({ phase: "merge", done, total });
  }
  onProgress?.({ phase: "merge", done: trainer.vocab.length, total });
}

function jsonOf(
  { vocab, merges }: BytePairTrainer,
  specialTokens: readonly string[],
  pattern: string,
): TokenizerJson {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return {
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...flags, special: true })),
    normalizer: null,
    ...byteLevelSteps(pattern),
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges,
    },
  };
}

function requireOptions(
  { vocabSize, minFrequency = 0, eosToken }: TrainTokenizerOptions,
  specialTokens: readonly string[],
  preSplit: string,
): void {
  const least = 256 + specialTokens.length;
  if (!Number.isInteger(vocabSize) || vocabSize < least || vocabSize >= 2 ** 24) {
    throw new ConfigError(
      `trainTokenizer: vocabSize must be an integer from ${least} (bytes and special tokens) to ` +
        `${2 ** 24 - 1}, got ${vocabSize}; give it more room`,
    );
  }
  if (!Number.isInteger(minFrequency) || minFrequency < 0) {
    throw new ConfigError(
      `trainTokenizer: minFrequency must be a count from 0 on, got ${minFrequency}`,
    );
  }
  if (
    new Set(specialTokens).size !== specialTokens.length ||
    specialTokens.some((t) => Array.from(t).length < 2)
  ) {
    throw new ConfigError(
      "trainTokenizer: special tokens must differ and have two characters at least, got " +
        `${JSON.stringify(specialTokens)}; spell them like "<|endoftext|>"`,
    );
  }
  if (eosToken !== undefined && !specialTokens.includes(eosToken)) {
    throw new ConfigError(
      `trainTokenizer: eosToken must be a special token, got ${JSON.stringify(eosToken)}; add it to ` +
        "specialTokens",
    );
  }
  if (!Object.hasOwn(splitters, preSplit)) {
    throw new ConfigError(
      `trainTokenizer: preSplit must be "gpt2" or "cl100k", got ${JSON.stringify(preSplit)}`,
    );
  }
}
