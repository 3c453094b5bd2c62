import { ConfigError } from "../../base/errors.ts";
import type { ConfigFields } from "./config-fields.ts";
import { toJsonFields } from "./config-fields.ts";
import type { DecoderConfig, LayerType } from "./decoder-config.ts";
import { checkDecoderConfig } from "./decoder-config.ts";
import { checkRopeParameters } from "./rope-parameters.ts";

/** Families that {@link Llama} can be. */
export type LlamaModelType = "llama" | "mistral" | "qwen2" | "qwen3";

/** Sizes and switches of a {@link Llama}, under transformers' names. */
export interface LlamaConfig extends DecoderConfig {
  /** What `config.json` says it is. @defaultValue "llama" */
  readonly modelType: LlamaModelType;
  /** Biases of queries, keys and values: qwen2 has them. @defaultValue false */
  readonly attentionBias: boolean;
  /** Bias of what attention gives. @defaultValue false */
  readonly attentionOutputBias: boolean;
  /** @defaultValue false */
  readonly mlpBias: boolean;
  /** Norms of the heads of queries and keys: qwen3 has them. @defaultValue false */
  readonly qkNorm: boolean;
}

/** Options of {@link Llama}: the sizes that have no default, and what differs from the defaults. */
export type LlamaOptions = Partial<LlamaConfig> &
  Pick<
    LlamaConfig,
    "vocabSize" | "hiddenSize" | "intermediateSize" | "numHiddenLayers" | "numAttentionHeads"
  >;

/** Families, with what their classes are called. */
export const llamaClasses: Readonly<Record<LlamaModelType, string>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
};

/** Options with defaults. @throws {ConfigError} if they do not go together. */
export function completeLlamaConfig(options: LlamaOptions): LlamaConfig {
  const { numAttentionHeads, numHiddenLayers, hiddenSize, modelType = "llama" } = options;
  const slidingWindow = options.slidingWindow ?? null;
  const layerType = slidingWindow === null ? "full_attention" : "sliding_attention";
  const config: LlamaConfig = {
    ...options,
    modelType,
    numKeyValueHeads: options.numKeyValueHeads ?? numAttentionHeads,
    headDim: options.headDim ?? hiddenSize / numAttentionHeads,
    maxPositionEmbeddings: options.maxPositionEmbeddings ?? 2048,
    tieWordEmbeddings: options.tieWordEmbeddings ?? false,
    hiddenAct: options.hiddenAct ?? "silu",
    initializerRange: options.initializerRange ?? 0.02,
    rmsNormEps: options.rmsNormEps ?? 1e-6,
    ropeParameters: options.ropeParameters ?? { ropeType: "default", ropeTheta: 10_000 },
    slidingWindow,
    layerTypes: options.layerTypes ?? Array<LayerType>(numHiddenLayers).fill(layerType),
    attentionDropout: options.attentionDropout ?? 0,
    attentionBias: options.attentionBias ?? modelType === "qwen2",
    attentionOutputBias: options.attentionOutputBias ?? false,
    mlpBias: options.mlpBias ?? false,
    qkNorm: options.qkNorm ?? modelType === "qwen3",
    bosTokenId: options.bosTokenId ?? null,
    eosTokenId: options.eosTokenId ?? null,
    padTokenId: options.padTokenId ?? null,
  };
  checkDecoderConfig("Llama", config);
  checkRopeParameters(config.ropeParameters, config);
  if (Object.hasOwn(llamaClasses, modelType)) return config;
  throw new ConfigError(
    `Llama: modelType must be one of ${Object.keys(llamaClasses).join(", ")}, got "${modelType}"`,
  );
}

/** A `config.json` of one of the families. @throws {ConfigError} if a field is damaged or not supported. */
export function llamaConfigFromJson(fields: ConfigFields, modelType: LlamaModelType): LlamaConfig {
  fields.require({ rope_interleaved: false, use_bidirectional_attention: false });
  const numHiddenLayers = fields.number("num_hidden_layers");
  const numAttentionHeads = fields.number("num_attention_heads");
  const hiddenSize = fields.number("hidden_size");
  const isQwen = modelType === "qwen2" || modelType === "qwen3";
  const headDim = modelType === "qwen3" ? 128 : hiddenSize / numAttentionHeads;
  // Of Qwen2 and Mistral transformers knows no such field.
  const isFree = modelType === "llama" || modelType === "qwen3";
  const hasBias = isFree ? fields.flag("attention_bias", false) : modelType === "qwen2";
  const heads = { mistral: 8, qwen2: 32, qwen3: 32, llama: numAttentionHeads }[modelType];
  return completeLlamaConfig({
    modelType,
    vocabSize: fields.number("vocab_size"),
    hiddenSize,
    intermediateSize: fields.number("intermediate_size"),
    numHiddenLayers,
    numAttentionHeads,
    // An explicit null says: as many as heads.
    numKeyValueHeads: fields.numberOrNull("num_key_value_heads", heads) ?? numAttentionHeads,
    headDim: fields.number("head_dim", headDim),
    maxPositionEmbeddings: fields.number(
      "max_position_embeddings",
      modelType === "llama" ? 2048 : isQwen ? 32_768 : 131_072,
    ),
    tieWordEmbeddings: fields.flag("tie_word_embeddings", false),
    hiddenAct: fields.text("hidden_act", "silu"),
    initializerRange: fields.number("initializer_range", 0.02),
    rmsNormEps: fields.number("rms_norm_eps", 1e-6),
    ropeParameters: fields.rope(),
    ...windowsFromJson(fields, modelType, numHiddenLayers),
    attentionDropout: fields.number("attention_dropout", 0),
    attentionBias: hasBias,
    attentionOutputBias: modelType !== "qwen2" && hasBias,
    mlpBias: modelType === "llama" && fields.flag("mlp_bias", false),
    bosTokenId: fields.token("bos_token_id", modelType === "llama" ? 1 : null),
    eosTokenId: fields.tokens("eos_token_id", modelType === "llama" ? 2 : null),
    padTokenId: fields.token("pad_token_id", null),
  });
}

/** Llama has no windows, Mistral one for all layers, Qwen one for the upper layers if it is switched on. */
function windowsFromJson(
  fields: ConfigFields,
  modelType: LlamaModelType,
  layers: number,
): Pick<LlamaConfig, "slidingWindow" | "layerTypes"> {
  const all = (type: LayerType): LayerType[] => Array<LayerType>(layers).fill(type);
  if (modelType === "llama") return { slidingWindow: null, layerTypes: all("full_attention") };
  const given = fields.numberOrNull("sliding_window", 4096);
  if (modelType === "mistral") {
    const type = given === null ? "full_attention" : "sliding_attention";
    return { slidingWindow: given, layerTypes: all(type) };
  }
  const slidingWindow = fields.flag("use_sliding_window", false) ? given : null;
  const first = fields.number("max_window_layers", 28);
  const isSliding = (i: number): boolean => slidingWindow !== null && i >= first;
  const layerTypes = fields.layerTypes(() =>
    Array.from({ length: layers }, (_, i) =>
      isSliding(i) ? "sliding_attention" : "full_attention",
    ),
  );
  return { slidingWindow, layerTypes };
}

/** The fields of a `config.json` that transformers reads as the same model. @throws {ConfigError} */
export function llamaConfigToJson(config: LlamaConfig): Record<string, unknown> {
  const { modelType, layerTypes, attentionBias, attentionOutputBias, mlpBias, qkNorm } = config;
  const { slidingWindow, ...rest } = config;
  const shared = {
    ...rest,
    architectures: [llamaClasses[modelType]],
    layerTypes: undefined,
    attentionOutputBias: undefined,
    qkNorm: undefined,
    mlpBias: undefined,
    attentionBias: undefined,
  };
  const refuse = (what: string): never => {
    throw new ConfigError(
      `config: a ${modelType} in transformers' layout must have ${what}; choose another modelType`,
    );
  };
  const isQwen = modelType === "qwen2" || modelType === "qwen3";
  if (qkNorm !== (modelType === "qwen3")) refuse(`qkNorm ${modelType === "qwen3"}`);
  if (mlpBias && modelType !== "llama") refuse("no mlpBias");
  const hasOutputBias = attentionBias && modelType !== "qwen2";
  if (attentionOutputBias !== hasOutputBias) refuse(`attentionOutputBias ${hasOutputBias}`);
  if (attentionBias !== (modelType === "qwen2") && ["qwen2", "mistral"].includes(modelType)) {
    refuse(`attentionBias ${modelType === "qwen2"}`);
  }
  const slides = layerTypes.includes("sliding_attention");
  if (modelType === "llama" && slides) refuse("no sliding windows");
  if (modelType === "mistral" && new Set(layerTypes).size > 1) refuse("layers of one type");
  return toJsonFields({
    ...shared,
    ...(modelType === "llama" ? { attentionBias, mlpBias } : {}),
    ...(modelType === "mistral" ? { slidingWindow: slides ? slidingWindow : null } : {}),
    ...(modelType === "qwen3" ? { attentionBias } : {}),
    ...(isQwen ? { slidingWindow, useSlidingWindow: slides, layerTypes } : {}),
  });
}
