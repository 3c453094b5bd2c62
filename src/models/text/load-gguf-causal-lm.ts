import { CheckpointError } from "../../base/errors.ts";
import { openGguf } from "../../io/gguf/gguf-file.ts";
import type { GgufFile } from "../../io/gguf/gguf-file.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { skipInit } from "../../nn/skip-init.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLM } from "./causal-lm.ts";
import { Gemma } from "./gemma.ts";
import {
  GgufFields,
  ggufGemmaOptions,
  ggufGemmas,
  ggufGpt2Options,
  ggufLlamaOptions,
  ggufLlamas,
} from "./gguf-config.ts";
import type { WeightRule } from "./gguf-names.ts";
import { gemmaRule, gpt2Rule, llamaRule } from "./gguf-names.ts";
import { GPT2 } from "./gpt2.ts";
import { Llama } from "./llama.ts";
import { loadWeights } from "./load-weights.ts";

/**
 * The model of a GGUF file with llama.cpp's names. Packed weights become floats.
 * @throws {CheckpointError} if the architecture is not known, or names or sizes do not fit.
 * @internal
 */
export async function loadGgufCausalLm(path: string, place: ModuleOptions): Promise<CausalLM> {
  await using file = await openGguf(path);
  const fields = new GgufFields(file, path);
  const { model, rule } = await modelOf(fields, file, place, path);
  const state = await readWeights(file, rule, place, path);
  const table =
    state[model instanceof GPT2 ? "transformer.wte.weight" : "model.embed_tokens.weight"];
  if (model.config.tieWordEmbeddings) state["lm_head.weight"] ??= table;
  await loadWeights(model, state);
  return model;
}

async function modelOf(
  fields: GgufFields,
  file: GgufFile,
  place: ModuleOptions,
  path: string,
): Promise<{ readonly model: CausalLM; readonly rule: WeightRule }> {
  const { architecture } = fields;
  if (Object.hasOwn(ggufLlamas, architecture)) {
    const options = await ggufLlamaOptions(fields, file);
    const model = skipInit(() => new Llama({ ...options, ...place }));
    return { model, rule: llamaRule(model.config, architecture === "llama") };
  }
  if (Object.hasOwn(ggufGemmas, architecture)) {
    const options = ggufGemmaOptions(fields, file);
    const model = skipInit(() => new Gemma({ ...options, ...place }));
    return { model, rule: gemmaRule(model.config) };
  }
  if (architecture === "gpt2") {
    const options = ggufGpt2Options(fields, file);
    return { model: skipInit(() => new GPT2({ ...options, ...place })), rule: gpt2Rule };
  }
  const known = [...Object.keys(ggufLlamas), ...Object.keys(ggufGemmas), "gpt2"];
  throw new CheckpointError(
    `gguf: general.architecture must be one of ${known.join(", ")}, got "${architecture}" in ${path}`,
    { details: { file: path } },
  );
}

async function readWeights(
  file: GgufFile,
  rule: WeightRule,
  { device }: ModuleOptions,
  path: string,
): Promise<Record<string, Tensor>> {
  const state: Record<string, Tensor> = {};
  const unknown: string[] = [];
  for (const name of file.keys()) {
    // They are in the configuration.
    if (name === "rope_freqs.weight") continue;
    const { key, change } = rule(name) ?? {};
    if (key === undefined) {
      unknown.push(name);
      continue;
    }
    const tensor = await file.get(name, { device });
    state[key] = change?.(tensor) ?? tensor;
  }
  if (unknown.length === 0) return state;
  throw new CheckpointError(
    `gguf: tensors must have llama.cpp's names, got ${unknown.slice(0, 10).join(", ")}` +
      `${unknown.length > 10 ? ` and ${unknown.length - 10} more` : ""} in ${path}; ` +
      "the model may have parts that this family lacks",
    { details: { file: path, unknown } },
  );
}
