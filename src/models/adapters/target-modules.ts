import { ConfigError } from "../../base/errors.ts";
import { Embedding } from "../../nn/embedding.ts";
import { Linear } from "../../nn/linear.ts";
import type { Module } from "../../nn/module.ts";
import { CausalLM } from "../text/causal-lm.ts";
import { Conv1D } from "../text/gpt2.ts";
import { TiedHead } from "../text/tied-head.ts";
import type { LoraConfig, ModuleNames } from "./lora-config.ts";
import { wholePattern } from "./lora-config.ts";

/** Modules a LoRA can be put on. */
export type AdaptableModule = Linear | TiedHead | Conv1D | Embedding;

/** Whether a LoRA can be put on a module. */
function isAdaptable(module: Module): module is AdaptableModule {
  return [Linear, TiedHead, Conv1D, Embedding].some((kind) => module instanceof kind);
}

const allLinear = "all-linear";

const isNamed = (names: readonly string[], path: string): boolean =>
  names.some((name) => path === name || path.endsWith(`.${name}`));

function matches(names: ModuleNames, path: string): boolean {
  return typeof names === "string" ? wholePattern(names).test(path) : isNamed(names, path);
}

/** Whether a path lies in one of the wanted layers. */
function isInLayers({ layersToTransform, layersPattern }: LoraConfig, path: string): boolean {
  if (layersToTransform === null) return true;
  const given = layersPattern ?? [];
  const lists = typeof given === "string" ? [given] : given;
  const patterns = lists.length > 0 ? lists : ["[^.]*"];
  const found = patterns
    .map((pattern) => new RegExp(`.*\\.${pattern}\\.(\\d+)\\.`).exec(path))
    .find((match) => match !== null);
  const wanted = typeof layersToTransform === "number" ? [layersToTransform] : layersToTransform;
  return found !== undefined && wanted.includes(Number(found[1]));
}

/** The modules below a model with their paths, without those of adapters. */
function baseModules(model: Module): [string, Module][] {
  return model
    .namedModules()
    .filter(([path]) => path !== "" && !/\.(lora_\w+|modules_to_save)(\.|$)/.test(path));
}

/** A configuration whose "all-linear" has become the names that this means in a model, as PEFT saves it. */
export function resolveTargets(model: Module, config: LoraConfig): LoraConfig {
  const { targetModules } = config;
  if (typeof targetModules !== "string" || targetModules.toLowerCase() !== allLinear) return config;
  const head = model instanceof CausalLM ? model.getOutputEmbeddings() : null;
  const linear = baseModules(model).filter(
    ([, module]) => module !== head && (module instanceof Linear || module instanceof Conv1D),
  );
  const names = linear.map(([path]) => path.slice(path.lastIndexOf(".") + 1));
  return { ...config, targetModules: [...new Set(names)].sort() };
}

/**
 * The modules that a configuration adapts, with their paths.
 * @throws {ConfigError} if there are none, or one cannot be adapted.
 */
export function findTargets(model: Module, config: LoraConfig): [string, AdaptableModule][] {
  const { targetModules, excludeModules } = config;
  const all = baseModules(model);
  const whole = findSavedModules(model, config).map(([path]) => path);
  const found = all.filter(
    ([path]) =>
      matches(targetModules, path) &&
      isInLayers(config, path) &&
      !(excludeModules !== null && matches(excludeModules, path)) &&
      !whole.some((saved) => path === saved || path.startsWith(`${saved}.`)),
  );
  if (found.length === 0) throw nothingFound(all, targetModules);
  return found.map(([path, module]) => {
    if (config.useDora && module instanceof Embedding) {
      throw new ConfigError(`LoRA: useDora is for linear layers, got the Embedding ${path}`);
    }
    if (isAdaptable(module)) return [path, module];
    throw new ConfigError(
      `LoRA: targets must be Linear, Conv1D or Embedding, got ${module.constructor.name} at ` +
        `${path}; name modules below it`,
    );
  });
}

function nothingFound(all: readonly [string, Module][], names: ModuleNames): ConfigError {
  const usable = all.filter(([, module]) => isAdaptable(module));
  const last = new Set(usable.map(([path]) => path.slice(path.lastIndexOf(".") + 1)));
  return new ConfigError(
    `LoRA: targetModules must name modules of the model, got ${JSON.stringify(names)}; ` +
      `it has ${[...last].join(", ")}`,
  );
}

/**
 * The modules that `modulesToSave` names, with their paths. As in PEFT, whose files must load, an end of a name
 * is enough: "norm" names `input_layernorm` too.
 * @throws {ConfigError} if one names none.
 */
export function findSavedModules(model: Module, config: LoraConfig): [string, Module][] {
  const all = baseModules(model);
  const names = config.modulesToSave ?? [];
  for (const name of names) {
    if (all.some(([path]) => path.endsWith(name))) continue;
    throw new ConfigError(`LoRA: modulesToSave must name modules of the model, got "${name}"`);
  }
  return all.filter(([path]) => names.some((name) => path.endsWith(name)));
}
