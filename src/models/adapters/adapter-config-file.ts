import { ConfigError } from "../../base/errors.ts";
import { snakeCase } from "../../nn/state-key.ts";
import type { LoraConfig } from "./lora-config.ts";
import { completeLoraConfig } from "./lora-config.ts";

const fields: readonly (keyof LoraConfig)[] = [
  "r",
  "loraAlpha",
  "loraDropout",
  "targetModules",
  "excludeModules",
  "modulesToSave",
  "bias",
  "useRslora",
  "useDora",
  "initLoraWeights",
  "layersToTransform",
  "layersPattern",
  "rankPattern",
  "alphaPattern",
  "baseModelNameOrPath",
];

/** Fields that change nothing about the result. */
const inert: readonly string[] = [
  "peft_type",
  "task_type",
  "auto_mapping",
  "peft_version",
  "revision",
  "inference_mode",
  "fan_in_fan_out",
  "megatron_core",
  "qalora_group_size",
  "runtime_config",
];

/** `adapter_config.json` of a configuration, as PEFT writes it for a finished adapter. */
export function adapterConfigToJson(
  config: LoraConfig,
  fanInFanOut: boolean,
): Record<string, unknown> {
  const own = fields.map((name) => [fileKey(name), config[name]]);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    inference_mode: true,
    fan_in_fan_out: fanInFanOut,
    ...Object.fromEntries(own),
  };
}

const fileKey = (name: string): string => snakeCase(name);

const isUnset = (value: unknown): boolean =>
  value === null ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

/**
 * The configuration in an `adapter_config.json`.
 * @throws {ConfigError} if it is no LoRA's, or uses what is not supported and would change the result.
 */
export function adapterConfigFromJson(
  json: Readonly<Record<string, unknown>>,
  where: string,
): LoraConfig {
  if (json["peft_type"] !== "LORA") {
    throw new ConfigError(
      `adapter_config: peft_type must be "LORA", got ${JSON.stringify(json["peft_type"])} in ${where}`,
    );
  }
  const keys = new Map(fields.map((name) => [fileKey(name), name]));
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const name = keys.get(key);
    if (name !== undefined) {
      if (value !== null) options[name] = value;
    } else if (!inert.includes(key) && !isUnset(value)) {
      throw new ConfigError(
        `adapter_config: ${key} must be unset, got ${JSON.stringify(value)} in ${where}; ` +
          "it is not supported",
      );
    }
  }
  return completeLoraConfig(options);
}
