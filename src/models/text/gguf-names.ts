import type { Tensor } from "../../tensor/tensor.ts";
import type { GemmaConfig } from "./gemma-config.ts";
import type { LlamaConfig } from "./llama-config.ts";

/** Where a tensor of a GGUF file goes, and what must be done to it. */
export interface WeightPlace {
  readonly key: string;
  readonly change?: ((tensor: Tensor) => Tensor) | undefined;
}

/** Finds the place of a tensor by its name; undefined if there is none. */
export type WeightRule = (name: string) => WeightPlace | undefined;

type Names = Readonly<Record<string, string>>;

const outer: Names = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

const llamaLayer: Names = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

const gemmaLayer: Names = {
  ...llamaLayer,
  post_attention_norm: "post_attention_layernorm",
  ffn_norm: "pre_feedforward_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
};

const gpt2Outer: Names = {
  token_embd: "transformer.wte",
  position_embd: "transformer.wpe",
  output_norm: "transformer.ln_f",
  output: "lm_head",
};

const gpt2Layer: Names = {
  attn_norm: "ln_1",
  attn_qkv: "attn.c_attn",
  attn_output: "attn.c_proj",
  ffn_norm: "ln_2",
  ffn_up: "mlp.c_fc",
  ffn_down: "mlp.c_proj",
};

/** `blk.3.attn_q.weight` as its layer, its part and `weight`, under transformers' names. */
function find(name: string, outside: Names, inside: Names, prefix: string): string | undefined {
  const [, layer, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const names = layer === undefined ? outside : inside;
  if (part === undefined || !Object.hasOwn(names, part)) return undefined;
  return layer === undefined
    ? `${names[part]}.${kind}`
    : `${prefix}.${layer}.${names[part]}.${kind}`;
}

/**
 * Undoes llama.cpp's order of a head's rows, in which the two of a rotary pair are neighbours; here the second
 * of each pair stands D / 2 behind the first.
 */
function pairsApart(heads: number): (tensor: Tensor) => Tensor {
  return (tensor) => {
    const [rows, ...rest] = tensor.shape;
    const pairs = tensor.reshape([heads, rows / heads / 2, 2, ...rest]);
    return pairs.transpose(1, 2).reshape(tensor.shape);
  };
}

/** @param hasPairs - whether the file has llama.cpp's order of rows in queries and keys: llama, not qwen. */
export function llamaRule(config: LlamaConfig, hasPairs: boolean): WeightRule {
  return (name) => {
    const key = find(name, outer, llamaLayer, "model.layers");
    if (key === undefined) return undefined;
    if (!hasPairs) return { key };
    if (key.includes("q_proj")) return { key, change: pairsApart(config.numAttentionHeads) };
    if (key.includes("k_proj")) return { key, change: pairsApart(config.numKeyValueHeads) };
    return { key };
  };
}

/** Norms of Gemma are stored as the scales themselves, 1 + w. */
export function gemmaRule({ modelType }: GemmaConfig): WeightRule {
  const layer = modelType === "gemma" ? llamaLayer : gemmaLayer;
  return (name) => {
    const key = find(name, outer, layer, "model.layers");
    if (key === undefined) return undefined;
    return key.includes("norm") ? { key, change: (tensor) => tensor.sub(1) } : { key };
  };
}

/** Products of GPT-2 are stored [out, in], here they are [in, out]. */
export const gpt2Rule: WeightRule = (name) => {
  const key = find(name, gpt2Outer, gpt2Layer, "transformer.h");
  if (key === undefined) return undefined;
  const isProduct = key.includes(".c_") && key.endsWith("weight");
  return isProduct ? { key, change: (tensor) => tensor.t() } : { key };
};
