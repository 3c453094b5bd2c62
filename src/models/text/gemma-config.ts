import { ConfigError } from "../../base/errors.ts";
import type { ConfigFields } from "./config-fields.ts";
import { toJsonFields } from "./config-fields.ts";
import type { DecoderConfig, LayerType } from "./decoder-config.ts";
import { checkDecoderConfig } from "./decoder-config.ts";
import type { RopeParameters } from "./rope-parameters.ts";
import { checkRopeParameters } from "./rope-parameters.ts";

/** Generations of {@link Gemma}. */
export type GemmaModelType = "gemma" | "gemma2" | "gemma3_text";

/** Sizes and switches of a {@link Gemma}, under transformers' names. */
export interface GemmaConfig extends DecoderConfig {
  readonly modelType: GemmaModelType;
  /** Scores are divided by the root of this. @defaultValue headDim for gemma, else 256 */
  readonly queryPreAttnScalar: number;
  /** Logits stay within ± this. @defaultValue 30 for gemma2, else unlimited (null) */
  readonly finalLogitSoftcapping: number | null;
  /** Scores stay within ± this. @defaultValue 50 for gemma2, else unlimited (null) */
  readonly attnLogitSoftcapping: number | null;
  /** Biases of attention's layers. @defaultValue false */
  readonly attentionBias: boolean;
  /** Rotary positions of layers with a window. @defaultValue base 10,000 for gemma3_text, else ropeParameters */
  readonly localRopeParameters: RopeParameters;
}

/** Options of {@link Gemma}: the sizes that have no default, and what differs from the defaults. */
export type GemmaOptions = Partial<GemmaConfig> &
  Pick<
    GemmaConfig,
    | "modelType"
    | "vocabSize"
    | "hiddenSize"
    | "intermediateSize"
    | "numHiddenLayers"
    | "numAttentionHeads"
  >;

/** Generations, with what their classes are called. */
export const gemmaClasses: Readonly<Record<GemmaModelType, string>> = {
  gemma: "GemmaForCausalLM",
  gemma2: "Gemma2ForCausalLM",
  gemma3_text: "Gemma3ForCausalLM",
};

/** Every so manieth layer sees everything; none has a window in gemma. */
const windowPattern: Readonly<Record<GemmaModelType, number>> = {
  gemma: 1,
  gemma2: 2,
  gemma3_text: 6,
};

function typesOfLayers(layers: number, pattern: number): LayerType[] {
  return Array.from({ length: layers }, (_, i) =>
    (i + 1) % pattern === 0 ? "full_attention" : "sliding_attention",
  );
}

/** Options with defaults. @throws {ConfigError} if they do not go together. */
export function completeGemmaConfig(options: GemmaOptions): GemmaConfig {
  const { modelType, numAttentionHeads, numHiddenLayers } = options;
  if (!Object.hasOwn(gemmaClasses, modelType)) {
    throw new ConfigError(
      `Gemma: modelType must be one of ${Object.keys(gemmaClasses).join(", ")}, got "${modelType}"`,
    );
  }
  const [isFirst, isSecond, isThird] = (["gemma", "gemma2", "gemma3_text"] as const).map(
    (type) => type === modelType,
  );
  const headDim = options.headDim ?? 256;
  const ropeParameters = options.ropeParameters ?? {
    ropeType: "default",
    ropeTheta: isThird ? 1_000_000 : 10_000,
  };
  const local: RopeParameters = { ropeType: "default", ropeTheta: 10_000 };
  const capped = (value: number | null | undefined, fallback: number): number | null =>
    value === undefined ? (isSecond ? fallback : null) : value;
  const config: GemmaConfig = {
    ...options,
    numKeyValueHeads: options.numKeyValueHeads ?? numAttentionHeads,
    headDim,
    maxPositionEmbeddings: options.maxPositionEmbeddings ?? (isThird ? 131_072 : 8192),
    tieWordEmbeddings: options.tieWordEmbeddings ?? true,
    hiddenAct: options.hiddenAct ?? "gelu_pytorch_tanh",
    initializerRange: options.initializerRange ?? 0.02,
    rmsNormEps: options.rmsNormEps ?? 1e-6,
    ropeParameters,
    localRopeParameters: options.localRopeParameters ?? (isThird ? local : ropeParameters),
    slidingWindow: options.slidingWindow ?? (isFirst ? null : 4096),
    layerTypes: options.layerTypes ?? typesOfLayers(numHiddenLayers, windowPattern[modelType]),
    attentionDropout: options.attentionDropout ?? 0,
    attentionBias: options.attentionBias ?? false,
    queryPreAttnScalar: options.queryPreAttnScalar ?? (isFirst ? headDim : 256),
    finalLogitSoftcapping: capped(options.finalLogitSoftcapping, 30),
    attnLogitSoftcapping: capped(options.attnLogitSoftcapping, 50),
    bosTokenId: options.bosTokenId ?? null,
    eosTokenId: options.eosTokenId ?? null,
    padTokenId: options.padTokenId ?? null,
  };
  checkDecoderConfig("Gemma", config);
  checkRopeParameters(config.ropeParameters, config);
  checkRopeParameters(config.localRopeParameters, config);
  checkPositive(config);
  return config;
}

function checkPositive(config: GemmaConfig): void {
  const names = ["queryPreAttnScalar", "finalLogitSoftcapping", "attnLogitSoftcapping"] as const;
  for (const name of names) {
    const value = config[name];
    if (value === null || value > 0) continue;
    throw new ConfigError(`Gemma: ${name} must be positive, got ${value}`);
  }
}

/** A `config.json` of one of the generations. @throws {ConfigError} if a field is damaged or not supported. */
export function gemmaConfigFromJson(fields: ConfigFields, modelType: GemmaModelType): GemmaConfig {
  fields.require({ use_bidirectional_attention: false });
  const isFirst = modelType === "gemma";
  const numHiddenLayers = fields.number("num_hidden_layers");
  const pattern = fields.number("sliding_window_pattern", windowPattern[modelType]);
  const act = fields.text("hidden_activation", fields.text("hidden_act", "gelu_pytorch_tanh"));
  const capped = { final: isFirst ? null : 30, attention: isFirst ? null : 50 };
  if (modelType === "gemma3_text") [capped.final, capped.attention] = [null, null];
  return completeGemmaConfig({
    modelType,
    vocabSize: fields.number("vocab_size"),
    hiddenSize: fields.number("hidden_size"),
    intermediateSize: fields.number("intermediate_size"),
    numHiddenLayers,
    numAttentionHeads: fields.number("num_attention_heads"),
    numKeyValueHeads: fields.number("num_key_value_heads", isFirst ? 16 : 4),
    headDim: fields.number("head_dim", 256),
    maxPositionEmbeddings: fields.number(
      "max_position_embeddings",
      modelType === "gemma3_text" ? 131_072 : 8192,
    ),
    tieWordEmbeddings: fields.flag("tie_word_embeddings", true),
    // The first generation's files say "gelu" and mean its approximation.
    hiddenAct: isFirst && act === "gelu" ? "gelu_pytorch_tanh" : act,
    initializerRange: fields.number("initializer_range", 0.02),
    rmsNormEps: fields.number("rms_norm_eps", 1e-6),
    ...ropesFromJson(fields, modelType),
    slidingWindow: isFirst ? null : fields.numberOrNull("sliding_window", 4096),
    layerTypes: isFirst
      ? typesOfLayers(numHiddenLayers, 1)
      : fields.layerTypes(() => typesOfLayers(numHiddenLayers, pattern)),
    attentionDropout: fields.number("attention_dropout", 0),
    attentionBias: fields.flag("attention_bias", false),
    queryPreAttnScalar: fields.number(isFirst ? "head_dim" : "query_pre_attn_scalar", 256),
    finalLogitSoftcapping: fields.numberOrNull("final_logit_softcapping", capped.final),
    attnLogitSoftcapping: fields.numberOrNull("attn_logit_softcapping", capped.attention),
    bosTokenId: fields.token("bos_token_id", 2),
    eosTokenId: fields.tokens("eos_token_id", 1),
    padTokenId: fields.token("pad_token_id", 0),
  });
}

function ropesFromJson(
  fields: ConfigFields,
  modelType: GemmaModelType,
): Partial<Pick<GemmaConfig, "ropeParameters" | "localRopeParameters">> {
  if (modelType !== "gemma3_text") return { ropeParameters: fields.rope() };
  if (!fields.has("rope_parameters")) {
    const ropeTheta = fields.number("rope_local_base_freq", 10_000);
    return {
      ropeParameters: fields.rope(1_000_000),
      localRopeParameters: { ropeType: "default", ropeTheta },
    };
  }
  const both = fields.inner("rope_parameters");
  const one = (name: string, theta: number): RopeParameters => both.renamed(name).rope(theta);
  return {
    ropeParameters: one("full_attention", 1_000_000),
    localRopeParameters: one("sliding_attention", 10_000),
  };
}

/** The fields of a `config.json` that transformers reads as the same model. */
export function gemmaConfigToJson(config: GemmaConfig): Record<string, unknown> {
  const { modelType, hiddenAct, ropeParameters, localRopeParameters, ...rest } = config;
  const isFirst = modelType === "gemma";
  const isThird = modelType === "gemma3_text";
  const ownScalar = isFirst && config.queryPreAttnScalar !== config.headDim;
  const ownRope = !isThird && ropeParameters !== localRopeParameters;
  const caps = [config.finalLogitSoftcapping, config.attnLogitSoftcapping];
  if (ownScalar || ownRope || (isFirst && caps.some((cap) => cap !== null))) {
    throw new ConfigError(
      `config: a ${modelType} in transformers' layout has one kind of rotary positions` +
        `${isFirst ? ", no caps and scores divided by √headDim" : ""}; choose another modelType`,
    );
  }
  const windows = ["slidingWindow", "layerTypes", "queryPreAttnScalar"];
  const firstLacks = [...windows, "finalLogitSoftcapping", "attnLogitSoftcapping"];
  const kept = Object.entries(rest).filter(([name]) => !isFirst || !firstLacks.includes(name));
  return toJsonFields({
    ...Object.fromEntries(kept),
    modelType,
    architectures: [gemmaClasses[modelType]],
    [isFirst ? "hiddenAct" : "hiddenActivation"]: hiddenAct,
    ropeParameters: isThird
      ? { fullAttention: ropeParameters, slidingAttention: localRopeParameters }
      : ropeParameters,
  });
}
