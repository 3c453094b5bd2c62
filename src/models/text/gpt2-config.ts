import { ConfigError } from "../../base/errors.ts";
import type { ConfigFields } from "./config-fields.ts";
import { toJsonFields } from "./config-fields.ts";
import type { GPT2Config, GPT2Options } from "./gpt2.ts";

/** The names of dropout in a `config.json`; {@link GPT2} has one for all. */
const dropouts = ["resid_pdrop", "embd_pdrop", "attn_pdrop"] as const;

/** A `config.json` of GPT-2. @throws {ConfigError} if a field is damaged or not supported. */
export function gpt2OptionsFromJson(fields: ConfigFields): GPT2Options {
  fields.require({
    activation_function: "gelu_new",
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    add_cross_attention: false,
    tie_word_embeddings: true,
  });
  const rates = new Set(dropouts.map((name) => fields.number(name, 0.1)));
  if (rates.size > 1) {
    throw new ConfigError(
      `config: ${dropouts.join(", ")} must be equal, got ${[...rates].join(", ")} in ${fields.where}; ` +
        "edit the file, dropout plays no role once a model is trained",
    );
  }
  const nEmbd = fields.number("n_embd", 768);
  return {
    vocabSize: fields.number("vocab_size", 50257),
    nPositions: fields.number("n_positions", 1024),
    nEmbd,
    nLayer: fields.number("n_layer", 12),
    nHead: fields.number("n_head", 12),
    nInner: fields.number("n_inner", 4 * nEmbd),
    layerNormEpsilon: fields.number("layer_norm_epsilon", 1e-5),
    initializerRange: fields.number("initializer_range", 0.02),
    dropout: [...rates][0],
    bosTokenId: fields.token("bos_token_id", 50256),
    eosTokenId: fields.tokens("eos_token_id", 50256),
    padTokenId: fields.token("pad_token_id", null),
  };
}

/** The fields of a `config.json` that transformers reads as the same model. */
export function gpt2ConfigToJson(config: GPT2Config): Record<string, unknown> {
  const { modelType, vocabSize, nPositions, nEmbd, nLayer, nHead, nInner } = config;
  const inner = nInner === 4 * nEmbd ? null : nInner;
  const { layerNormEpsilon, initializerRange, bosTokenId, eosTokenId, padTokenId } = config;
  return {
    ...toJsonFields({ modelType, vocabSize, nPositions, nEmbd, nLayer, nHead, nInner: inner }),
    ...toJsonFields({ layerNormEpsilon, initializerRange, bosTokenId, eosTokenId, padTokenId }),
    architectures: ["GPT2LMHeadModel"],
    activation_function: "gelu_new",
    tie_word_embeddings: true,
    ...Object.fromEntries(dropouts.map((name) => [name, config.dropout])),
  };
}
