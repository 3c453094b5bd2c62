import { writeFile } from "../../io/byte-sink.ts";
import type { SaveOptions } from "../../io/save-safetensors.ts";
import { saveSafetensors } from "../../io/save-safetensors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { causalLmToConfig } from "./causal-lm-families.ts";
import type { CausalLM } from "./causal-lm.ts";

/** Options of {@link saveCausalLm}. */
export type SaveCausalLmOptions = Pick<SaveOptions, "maxShardSize">;

const dtypeNames: Readonly<Record<string, string>> = {
  f64: "float64",
  f32: "float32",
  f16: "float16",
  bf16: "bfloat16",
};

/**
 * Saves a model in transformers' layout: `config.json` and `model.safetensors` (or shards with their index)
 * in a folder, which {@link loadCausalLm} and transformers' `from_pretrained` read. Tied weights are written
 * once. The tokenizer's files are not written.
 *
 * @throws {ConfigError} if transformers has no such model; {CheckpointError} if a file cannot be written.
 */
export async function saveCausalLm(
  folder: string,
  model: CausalLM,
  options: SaveCausalLmOptions = {},
): Promise<void> {
  const config = { ...causalLmToConfig(model), dtype: dtypeNames[tableOf(model).dtype] };
  const tensors = Object.fromEntries(
    model.namedParameters().map(([key, value]) => [key, withoutPadding(model, value)]),
  );
  const metadata = { format: "pt" };
  await saveSafetensors(`${folder}/model.safetensors`, tensors, { metadata, ...options });
  const text = withPoints(`${JSON.stringify(config, undefined, 2)}\n`);
  await writeFile(`${folder}/config.json`, (sink) => sink.write(new TextEncoder().encode(text)));
}

/** Fields that transformers refuses as integers; JavaScript writes 30.0 without its point. */
const floatFields = [
  "final_logit_softcapping",
  "attn_logit_softcapping",
  "rms_norm_eps",
  "initializer_range",
  "rope_theta",
  "factor",
  "attention_factor",
  "low_freq_factor",
  "high_freq_factor",
  "beta_fast",
  "beta_slow",
];

function withPoints(json: string): string {
  return json.replaceAll(
    new RegExp(`^(\\s*"(?:${floatFields.join("|")})": -?\\d+)(,?)$`, "gm"),
    "$1.0$2",
  );
}

const tableOf = (model: CausalLM): Tensor => model.getInputEmbeddings().weight;

/** A table of tokens may have rows behind the vocabulary. */
function withoutPadding(model: CausalLM, value: Tensor): Tensor {
  const { vocabSize } = model.config;
  const isPadded = value === tableOf(model) && value.shape[0] > vocabSize;
  return isPadded ? value.narrow(0, 0, vocabSize) : value;
}
