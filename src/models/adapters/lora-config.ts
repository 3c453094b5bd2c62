import { ConfigError } from "../../base/errors.ts";
import { nearestName } from "../../base/nearest-name.ts";

/** How a LoRA starts: `true`: A as PyTorch's linear layers, B = 0; "gaussian": A normal; `false`: both random. */
export type LoraInit = boolean | "gaussian";

/** Which modules: names (the last parts of paths, or whole paths), a pattern of whole paths, or all linear ones. */
export type ModuleNames = readonly string[] | string;

/** What a LoRA is made of: PEFT's `LoraConfig` in camelCase. */
export interface LoraConfig {
  /** Rank of the update. @defaultValue 8 */
  readonly r: number;
  /** The update is multiplied by loraAlpha / r. @defaultValue 8 */
  readonly loraAlpha: number;
  /** Dropout of what goes into the update, in training. @defaultValue 0 */
  readonly loraDropout: number;
  /**
   * Modules to adapt: a list of names (`"q_proj"`, `"layers.0.mlp.up_proj"`), one regular expression for
   * whole paths, or "all-linear": all linear layers but the classifier.
   * @defaultValue what PEFT takes for the family
   */
  readonly targetModules: ModuleNames;
  /** Modules left out, as `targetModules`. @defaultValue none */
  readonly excludeModules: ModuleNames | null;
  /** Modules that are trained whole, in a copy of their own. @defaultValue none */
  readonly modulesToSave: readonly string[] | null;
  /** Biases of the base that are trained in place: those of adapted modules, or all. @defaultValue "none" */
  readonly bias: "none" | "all" | "lora_only";
  /** Multiplies by loraAlpha / √r instead. @see Kalajdzievski 2023, https://arxiv.org/abs/2312.03732 */
  readonly useRslora: boolean;
  /** Learns the columns' norms apart. @see Liu et al. 2024, "DoRA", https://arxiv.org/abs/2402.09353 */
  readonly useDora: boolean;
  /** @defaultValue true */
  readonly initLoraWeights: LoraInit;
  /** Numbers of the layers to adapt, where targets are a list. @defaultValue all */
  readonly layersToTransform: readonly number[] | number | null;
  /** Names of the lists of layers that those numbers mean. @defaultValue any */
  readonly layersPattern: readonly string[] | string | null;
  /** Ranks of modules whose path ends so (a regular expression). */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Alphas of modules whose path ends so (a regular expression). */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** The base's name in `adapter_config.json`. */
  readonly baseModelNameOrPath: string | null;
}

const defaults: Omit<LoraConfig, "targetModules"> = {
  r: 8,
  loraAlpha: 8,
  loraDropout: 0,
  excludeModules: null,
  modulesToSave: null,
  bias: "none",
  useRslora: false,
  useDora: false,
  initLoraWeights: true,
  layersToTransform: null,
  layersPattern: null,
  rankPattern: {},
  alphaPattern: {},
  baseModelNameOrPath: null,
};

const familyTargets: Readonly<Record<string, readonly string[]>> = {
  gpt2: ["c_attn"],
  ...Object.fromEntries(
    ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"].map((type) => [
      type,
      ["q_proj", "v_proj"],
    ]),
  ),
};

/**
 * The whole configuration of some options.
 * @param modelType - the model's family, whose usual targets are taken if none are named.
 * @throws {ConfigError} if an option is unknown or out of range, or no targets are known.
 */
export function completeLoraConfig(options: Partial<LoraConfig>, modelType?: string): LoraConfig {
  const known = [...Object.keys(defaults), "targetModules"];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    throw refusal("options", near === undefined ? known.join(", ") : `${near}?`, name);
  }
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const targetModules = options.targetModules ?? familyTargets[modelType ?? ""];
  if (targetModules === undefined) {
    throw new ConfigError(
      `LoRA: targetModules must be named, got none for a model of type ${modelType ?? "unknown"}; ` +
        'pass names, a pattern or "all-linear"',
    );
  }
  const config = { ...defaults, ...given, targetModules };
  checkNumbers(config);
  checkChoices(config);
  return config;
}

const refusal = (name: string, expected: string, got: unknown): ConfigError =>
  new ConfigError(`LoRA: ${name} must be ${expected}, got ${JSON.stringify(got)}`);

function checkNumbers(config: LoraConfig): void {
  const ranks = { r: config.r, ...config.rankPattern };
  for (const [name, rank] of Object.entries(ranks)) {
    if (!Number.isInteger(rank) || rank < 1) throw refusal(`rank ${name}`, "an integer ≥ 1", rank);
  }
  for (const [name, alpha] of Object.entries({ r: config.loraAlpha, ...config.alphaPattern })) {
    if (!Number.isFinite(alpha)) throw refusal(`loraAlpha (${name})`, "a finite number", alpha);
  }
  const { loraDropout } = config;
  if (!(loraDropout >= 0 && loraDropout < 1))
    throw refusal("loraDropout", "in [0, 1)", loraDropout);
}

function checkChoices(config: LoraConfig): void {
  const { bias, initLoraWeights, targetModules, layersToTransform, layersPattern } = config;
  if (!["none", "all", "lora_only"].includes(bias)) {
    throw refusal("bias", '"none", "all" or "lora_only"', bias);
  }
  if (typeof initLoraWeights !== "boolean" && initLoraWeights !== "gaussian") {
    throw refusal("initLoraWeights", 'true, false or "gaussian"', initLoraWeights);
  }
  if (layersToTransform !== null && typeof targetModules === "string") {
    throw refusal("layersToTransform", "null where targetModules is a pattern", layersToTransform);
  }
  if (layersPattern !== null && layersToTransform === null) {
    throw refusal("layersPattern", "null without layersToTransform", layersPattern);
  }
}

/** A pattern that must match a whole path, as Python's `fullmatch`. @throws {ConfigError} */
export function wholePattern(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw new ConfigError(`LoRA: patterns must be regular expressions, got ${pattern}`, { cause });
  }
}

/** The value of the first pattern that the end of a path matches. */
function byPattern(values: Readonly<Record<string, number>>, path: string): number | undefined {
  const found = Object.keys(values).find((key) => wholePattern(`(.*\\.)?(${key})`).test(path));
  return found === undefined ? undefined : values[found];
}

/** Rank and factor of the update of a module. */
export function rankOf(config: LoraConfig, path: string): { r: number; scaling: number } {
  const r = byPattern(config.rankPattern, path) ?? config.r;
  const alpha = byPattern(config.alphaPattern, path) ?? config.loraAlpha;
  return { r, scaling: alpha / (config.useRslora ? Math.sqrt(r) : r) };
}
