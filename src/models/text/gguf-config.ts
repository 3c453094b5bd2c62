import { CheckpointError } from "../../base/errors.ts";
import type { GgufFile } from "../../io/gguf/gguf-file.ts";
import type { GgufValue } from "../../io/gguf/gguf-header.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { GemmaModelType, GemmaOptions } from "./gemma-config.ts";
import type { GPT2Options } from "./gpt2.ts";
import type { LlamaModelType, LlamaOptions } from "./llama-config.ts";
import type { RopeParameters } from "./rope-parameters.ts";

/** Architectures in llama.cpp's names, and what transformers calls them. */
export const ggufLlamas: Readonly<Record<string, LlamaModelType>> = {
  llama: "llama",
  qwen2: "qwen2",
  qwen3: "qwen3",
};

/** As {@link ggufLlamas}, of Gemma. */
export const ggufGemmas: Readonly<Record<string, GemmaModelType>> = {
  gemma: "gemma",
  gemma2: "gemma2",
  gemma3: "gemma3_text",
};

/** Reads the hyper-parameters of a GGUF file. */
export class GgufFields {
  readonly architecture: string;
  readonly #values: Readonly<Record<string, GgufValue>>;
  readonly #path: string;

  /** @throws {CheckpointError} if the file names no architecture. */
  constructor(file: GgufFile, path: string) {
    this.#values = file.metadata;
    this.#path = path;
    const name = file.metadata["general.architecture"];
    if (typeof name !== "string") throw this.#refuse("general.architecture", "a text", name);
    this.architecture = name;
  }

  /** `<architecture>.<name>` as a number. */
  number(name: string, fallback?: number): number {
    const key = `${this.architecture}.${name}`;
    const value = this.#values[key] ?? fallback;
    if (typeof value === "number") return value;
    throw this.#refuse(key, "a number", value);
  }

  /** As `number`, or undefined. */
  optional(name: string): number | undefined {
    return this.#values[`${this.architecture}.${name}`] === undefined
      ? undefined
      : this.number(name);
  }

  /** The scaling of rotary positions. @throws {CheckpointError} for one that is not known. */
  rope(headDim: number, defaultTheta: number): RopeParameters {
    const dims = this.number("rope.dimension_count", headDim);
    if (dims !== headDim) {
      const key = `${this.architecture}.rope.dimension_count`;
      throw this.#refuse(key, `the size of a head, ${headDim}`, dims);
    }
    const ropeTheta = this.number("rope.freq_base", defaultTheta);
    const key = `${this.architecture}.rope.scaling.type`;
    const type = this.#values[key] ?? "none";
    if (type === "none") return { ropeType: "default", ropeTheta };
    const factor = this.number("rope.scaling.factor");
    if (type === "linear") return { ropeType: "linear", ropeTheta, factor };
    if (type !== "yarn") throw this.#refuse(key, "none, linear or yarn", type);
    return {
      ropeType: "yarn",
      ropeTheta,
      factor,
      originalMaxPositionEmbeddings: this.number("rope.scaling.original_context_length"),
    };
  }

  /** Special tokens, from the tokenizer's part of the file. */
  tokens(): Pick<DecoderConfig, "bosTokenId" | "eosTokenId" | "padTokenId"> {
    const token = (name: string): number | null => {
      const value = this.#values[`tokenizer.ggml.${name}_token_id`];
      return typeof value === "number" ? value : null;
    };
    return { bosTokenId: token("bos"), eosTokenId: token("eos"), padTokenId: token("padding") };
  }

  #refuse(key: string, rule: string, value: unknown): CheckpointError {
    return new CheckpointError(
      `gguf: ${key} must be ${rule}, got ${String(value)} in ${this.#path}`,
      { details: { file: this.#path } },
    );
  }
}

/** What all but GPT-2 share. */
function decoderOptions(fields: GgufFields, file: GgufFile): LlamaOptions {
  const hiddenSize = fields.number("embedding_length");
  const numAttentionHeads = fields.number("attention.head_count");
  return {
    vocabSize: file.info("token_embd.weight").shape[0],
    hiddenSize,
    intermediateSize: fields.number("feed_forward_length"),
    numHiddenLayers: fields.number("block_count"),
    numAttentionHeads,
    numKeyValueHeads: fields.number("attention.head_count_kv", numAttentionHeads),
    headDim: fields.number("attention.key_length", hiddenSize / numAttentionHeads),
    maxPositionEmbeddings: fields.number("context_length"),
    tieWordEmbeddings: !file.has("output.weight"),
    rmsNormEps: fields.number("attention.layer_norm_rms_epsilon"),
    ...fields.tokens(),
  };
}

/** Options of a Llama, and which of its biases the file has. */
export async function ggufLlamaOptions(fields: GgufFields, file: GgufFile): Promise<LlamaOptions> {
  const options = decoderOptions(fields, file);
  const headDim = options.headDim ?? 0;
  const rope = fields.rope(headDim, 10_000);
  return {
    ...options,
    modelType: ggufLlamas[fields.architecture],
    attentionBias: file.has("blk.0.attn_q.bias"),
    attentionOutputBias: file.has("blk.0.attn_output.bias"),
    mlpBias: file.has("blk.0.ffn_up.bias"),
    ropeParameters: file.has("rope_freqs.weight") ? await dividedRope(rope, file, options) : rope,
  };
}

/** Llama 3's scaling stands in the file as divisors of the frequencies, which longrope can express. */
async function dividedRope(
  { ropeTheta }: RopeParameters,
  file: GgufFile,
  { maxPositionEmbeddings }: LlamaOptions,
): Promise<RopeParameters> {
  using tensor = await file.get("rope_freqs.weight");
  const factors = [...(await tensor.data())];
  return {
    ropeType: "longrope",
    ropeTheta,
    shortFactor: factors,
    longFactor: factors,
    attentionFactor: 1,
    originalMaxPositionEmbeddings: maxPositionEmbeddings,
  };
}

/** Layers of the 27B models, whose scores are divided by the width per head instead of the head's own. */
const wideScale: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 };

/** Options of a Gemma. */
export function ggufGemmaOptions(fields: GgufFields, file: GgufFile): GemmaOptions {
  const { architecture } = fields;
  const options = decoderOptions(fields, file);
  const { numHiddenLayers, hiddenSize, numAttentionHeads, headDim = 0 } = options;
  const isWide = numHiddenLayers === wideScale[architecture];
  const ropeParameters = fields.rope(headDim, architecture === "gemma3" ? 1_000_000 : 10_000);
  return {
    ...options,
    modelType: ggufGemmas[architecture],
    ropeParameters,
    queryPreAttnScalar: isWide ? hiddenSize / numAttentionHeads : headDim,
    ...(architecture === "gemma"
      ? {}
      : { slidingWindow: fields.number("attention.sliding_window") }),
    ...(architecture === "gemma2"
      ? {
          attnLogitSoftcapping: fields.number("attn_logit_softcapping", 50),
          finalLogitSoftcapping: fields.number("final_logit_softcapping", 30),
        }
      : {}),
  };
}

/** Options of a GPT-2. */
export function ggufGpt2Options(fields: GgufFields, file: GgufFile): GPT2Options {
  return {
    vocabSize: file.info("token_embd.weight").shape[0],
    nPositions: fields.number("context_length"),
    nEmbd: fields.number("embedding_length"),
    nLayer: fields.number("block_count"),
    nHead: fields.number("attention.head_count"),
    nInner: fields.number("feed_forward_length"),
    layerNormEpsilon: fields.number("attention.layer_norm_epsilon"),
    ...fields.tokens(),
  };
}
