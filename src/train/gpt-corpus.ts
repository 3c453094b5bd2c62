import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";
import { loadStateOfTheUnion } from "../data/node/state-of-the-union.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ByteTokenizer } from "../text/byte-tokenizer.ts";
import { loadGpt2Tokenizer } from "../text/gpt2-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { GptSettings, GptTokenizer } from "./gpt-settings.ts";

/** Text to learn from. */
export interface Corpus {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
  /** Bytes of UTF-8 per token of the held-out text. */
  readonly bytesPerToken: number;
}

/** Every tenth document is held out where there are that many; of few, the end. */
const heldOutEvery = 10;
const fewDocuments = 20;

/**
 * Reads a text file, or the State of the Union addresses, as tokens of two streams.
 * @throws {ConfigError} if a file or a package is missing, or the text is too short.
 */
export async function loadCorpus(path: string | undefined, settings: GptSettings): Promise<Corpus> {
  const tokenizer = await makeTokenizer(settings.tokenizer);
  const { name, train, heldOut } = path === undefined ? await addresses() : await oneFile(path);
  const tokens = toStream(heldOut, tokenizer);
  const bytes = heldOut.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
  const corpus: Corpus = {
    name,
    tokenizer,
    train: toStream(train, tokenizer),
    heldOut: tokens,
    bytesPerToken: bytes / Math.max(1, tokens.length),
  };
  const shortest = Math.min(corpus.train.length, corpus.heldOut.length);
  if (shortest <= settings.context) {
    throw new ConfigError(
      `train gpt: the text must have more tokens in either part than context ${settings.context}, ` +
        `got ${corpus.train.length} to learn and ${corpus.heldOut.length} held out; take a longer ` +
        "text or a shorter context",
    );
  }
  return corpus;
}

async function makeTokenizer(name: GptTokenizer): Promise<Tokenizer> {
  return name === "bytes" ? new ByteTokenizer() : loadGpt2Tokenizer();
}

interface Split {
  readonly name: string;
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
}

async function addresses(): Promise<Split> {
  const texts = (await loadStateOfTheUnion()).map(({ text }) => text);
  return { name: "State of the Union addresses", ...split(texts) };
}

async function oneFile(path: string): Promise<Split> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`train gpt: the text must be a readable file, got ${String(cause)}`, {
      cause,
    });
  }
  const documents = text.split("<|endoftext|>").filter((part) => part.trim() !== "");
  return { name: basename(path), ...split(documents) };
}

function split(documents: readonly string[]): Omit<Split, "name"> {
  if (documents.length >= fewDocuments) {
    const isHeldOut = (_: string, i: number): boolean => i % heldOutEvery === heldOutEvery - 1;
    return {
      train: documents.filter((text, i) => !isHeldOut(text, i)),
      heldOut: documents.filter(isHeldOut),
    };
  }
  const cuts = documents.map((text) => Math.floor(text.length * (1 - 1 / heldOutEvery)));
  return {
    train: documents.map((text, i) => text.slice(0, cuts[i])),
    heldOut: documents.map((text, i) => text.slice(cuts[i])),
  };
}

/** The tokens of documents, a mark before each. */
function toStream(texts: readonly string[], tokenizer: Tokenizer): Int32Array {
  const parts = texts.map((text) => tokenizer.encode(text));
  const stream = new Int32Array(parts.reduce((sum, part) => sum + part.length + 1, 0));
  let at = 0;
  for (const part of parts) {
    stream[at++] = tokenizer.endOfText;
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}

function windows(tokens: Int32Array, starts: readonly number[], context: number): Tensor {
  const data = new Int32Array(starts.length * (context + 1));
  for (const [row, start] of starts.entries()) {
    data.set(tokens.subarray(start, start + context + 1), row * (context + 1));
  }
  return Tensor.from(data, [starts.length, context + 1], { dtype: "i32" });
}

/** A batch of training windows i32 [batch, context + 1], the same for the same step. */
export function trainBatch(
  { train }: Corpus,
  { batch, context, seed }: GptSettings,
  step: number,
  part: number,
): Tensor {
  const random = new HostRandom(seed, step, part);
  const starts = Array.from({ length: batch }, () => random.integer(train.length - context));
  return windows(train, starts, context);
}

/** Most batches of an evaluation. */
const mostBatches = 10;

/** Batches of windows spread evenly over the held-out text. */
export function* heldOutBatches(
  { heldOut }: Corpus,
  { batch, context }: GptSettings,
): Generator<Tensor> {
  const last = heldOut.length - context - 1;
  const wanted = Math.max(1, Math.min(mostBatches, Math.ceil(last / (context * batch))));
  const total = wanted * batch;
  for (let i = 0; i < wanted; i++) {
    const starts = Array.from({ length: batch }, (_, row) =>
      Math.round((last * (i * batch + row)) / Math.max(1, total - 1)),
    );
    yield windows(heldOut, starts, context);
  }
}
