import { ConfigError } from "../../base/errors.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import type { CausalLM } from "./causal-lm.ts";
import type { ConfigJson } from "./config-fields.ts";
import { ConfigFields } from "./config-fields.ts";
import type { GemmaModelType } from "./gemma-config.ts";
import { gemmaClasses, gemmaConfigFromJson, gemmaConfigToJson } from "./gemma-config.ts";
import { Gemma } from "./gemma.ts";
import { gpt2ConfigToJson, gpt2OptionsFromJson } from "./gpt2-config.ts";
import { GPT2 } from "./gpt2.ts";
import type { LlamaModelType } from "./llama-config.ts";
import { llamaClasses, llamaConfigFromJson, llamaConfigToJson } from "./llama-config.ts";
import { Llama } from "./llama.ts";

type Make = (fields: ConfigFields, place: ModuleOptions) => CausalLM;

/** What `architectures` may name, and the model that is meant. */
const families: ReadonlyMap<string, Make> = new Map<string, Make>([
  ["GPT2LMHeadModel", (fields, place) => new GPT2({ ...gpt2OptionsFromJson(fields), ...place })],
  ...Object.entries(llamaClasses).map(([type, name]): [string, Make] => [
    name,
    (fields, place) =>
      new Llama({ ...llamaConfigFromJson(fields, type as LlamaModelType), ...place }),
  ]),
  ...Object.entries(gemmaClasses).map(([type, name]): [string, Make] => [
    name,
    (fields, place) =>
      new Gemma({ ...gemmaConfigFromJson(fields, type as GemmaModelType), ...place }),
  ]),
]);

/** Classes by `model_type`, for files without `architectures`. */
const classesByType: Readonly<Record<string, string>> = {
  gpt2: "GPT2LMHeadModel",
  ...llamaClasses,
  ...gemmaClasses,
};

/**
 * The model of a `config.json`, with new weights that nobody computes unless they are read.
 * @throws {ConfigError} if the architecture is not known, or a field is damaged or not supported.
 */
export function causalLmFromConfig(fields: ConfigFields, place: ModuleOptions = {}): CausalLM {
  if (fields.has("quantization_config")) {
    throw new ConfigError(
      `config: the weights must not be quantized, got a quantization_config in ${fields.where}; ` +
        "use a GGUF file, or the original checkpoint",
    );
  }
  const given = fields.json["architectures"];
  const name: unknown = Array.isArray(given) ? given[0] : classesByType[fields.text("model_type")];
  const make = families.get(String(name));
  if (make !== undefined) return make(fields, place);
  throw new ConfigError(
    `config: architectures must name one of ${[...families.keys()].join(", ")}, got ` +
      `${JSON.stringify(name ?? fields.json["model_type"])} in ${fields.where}`,
  );
}

/**
 * A model with new weights, from the fields of a `config.json` in transformers' spelling.
 * @throws {ConfigError} if the architecture is not known, or a field is damaged or not supported.
 * @example
 * const model = createCausalLm({ ...JSON.parse(text), num_hidden_layers: 4 });
 */
export function createCausalLm(config: ConfigJson, options: ModuleOptions = {}): CausalLM {
  return causalLmFromConfig(new ConfigFields(config, "the given configuration"), options);
}

/** The `config.json` of a model. @throws {ConfigError} if transformers has no such model. */
export function causalLmToConfig(model: CausalLM): Record<string, unknown> {
  const json =
    model instanceof GPT2
      ? gpt2ConfigToJson(model.config)
      : model instanceof Llama
        ? llamaConfigToJson(model.config)
        : model instanceof Gemma
          ? gemmaConfigToJson(model.config)
          : undefined;
  if (json !== undefined) return json;
  throw new ConfigError(
    `saveCausalLm: the model must be a GPT2, Llama or Gemma, got ${model.constructor.name}; ` +
      "save its stateDict with saveSafetensors",
  );
}
