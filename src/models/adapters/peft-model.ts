import { ConfigError } from "../../base/errors.ts";
import { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { StateDict } from "../../nn/state-dict.ts";
import { realize } from "../../tensor/realize.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { CausalLM } from "../text/causal-lm.ts";
import { Conv1D } from "../text/gpt2.ts";
import type { AdapterPlace } from "./adapter-tensors.ts";
import { adapterTensors, loadAdapterTensors } from "./adapter-tensors.ts";
import { AdapterSwitch } from "./adapter-switch.ts";
import type { LoraConfig } from "./lora-config.ts";
import { completeLoraConfig } from "./lora-config.ts";
import { LoraLayer } from "./lora-layer.ts";
import { SavedModule } from "./saved-module.ts";
import { findSavedModules, findTargets, resolveTargets } from "./target-modules.ts";

/** Options of {@link getPeftModel}. */
export interface PeftModelOptions {
  /** Name of the first adapter. @defaultValue "default" */
  readonly adapterName?: string;
  /** Whether adapters of a model in half precision are f32, as PEFT's. @defaultValue true */
  readonly autocastAdapterDtype?: boolean;
}

/** Options of {@link PeftModel.mergeAdapter}. */
export interface MergeOptions {
  /** @defaultValue the active adapters */
  readonly adapterNames?: readonly string[];
  /** Whether to refuse merged weights that are not finite. @defaultValue false */
  readonly safeMerge?: boolean;
}

/**
 * A model with adapters: small trainable changes beside frozen weights. The adapters live in `model` itself, in
 * hooks on the modules they change, so that `model` is used as before: trainers, generation and losses take
 * `peft.model`. Its state dictionary keeps its keys and has PEFT's for the adapters
 * (`….q_proj.lora_A.default.weight`).
 *
 * @example
 * const peft = getPeftModel(await loadCausalLm("SmolLM2-135M"), { r: 16, targetModules: "all-linear" });
 * const optimizer = new optim.AdamW(peft.trainableParameters(), { lr: 2e-4 });
 * const reference = peft.disableAdapter(() => peft.model.forward(batch)); // the base: DPO's reference
 * await savePeftModel("adapter", peft);
 */
export class PeftModel<M extends Module = CausalLM> extends Module {
  readonly model: M;
  readonly #isExact: boolean;
  readonly #switch = new AdapterSwitch();
  readonly #configs = new Map<string, LoraConfig>();
  readonly #layers = new Map<string, LoraLayer>();
  readonly #saved = new Map<string, SavedModule>();
  /** What was trainable before. */
  readonly #trainable: readonly Parameter[];

  /** A model without any adapter yet; the first one freezes its parameters. */
  constructor(model: M, { autocastAdapterDtype = true }: PeftModelOptions = {}) {
    super();
    this.model = model;
    this.#isExact = autocastAdapterDtype;
    this.#trainable = model.parameters().filter(({ requiresGrad }) => requiresGrad);
  }

  /** Configurations by adapter. */
  get peftConfig(): ReadonlyMap<string, LoraConfig> {
    return this.#configs;
  }

  /** Names of the adapters that act. */
  get activeAdapters(): readonly string[] {
    return this.#switch.active;
  }

  /** Whether the weights have adapters merged into them. */
  get isMerged(): boolean {
    return [...this.#layers.values()].some((layer) => layer.isMerged);
  }

  /**
   * Adds an adapter; the first one becomes active.
   * @throws {ConfigError} if the name is taken, targets are missing, or an option is out of range.
   */
  addAdapter(name: string, options: Partial<LoraConfig> = {}): this {
    this.#checkNew(name);
    this.#requireUnmerged("addAdapter");
    const type = this.model instanceof CausalLM ? this.model.config.modelType : undefined;
    const config = resolveTargets(this.model, completeLoraConfig(options, type));
    this.#checkBias(config);
    const targets = findTargets(this.model, config);
    const whole = findSavedModules(this.model, config);
    // Nothing has changed until here, so that errors leave the model as it was.
    if (this.#configs.size === 0) this.model.requiresGrad_(false);
    for (const [path, target] of targets) {
      const layer = this.#layers.get(path) ?? new LoraLayer(path, target, this.#switch);
      this.#layers.set(path, layer);
      layer.add(name, config, this.#adapterDType(target.weight.dtype));
    }
    for (const [path, target] of whole) {
      const saved = this.#saved.get(path) ?? new SavedModule(path, target, this.#switch);
      this.#saved.set(path, saved);
      saved.add(name);
    }
    this.#configs.set(name, config);
    this.setAdapter(this.activeAdapters.length === 0 ? name : this.activeAdapters);
    return this;
  }

  /**
   * Chooses the adapters that act and learn; several add up.
   * @throws {ConfigError} if there is none of a name, or two bring whole modules of one place.
   */
  setAdapter(names: string | readonly string[]): this {
    const list = typeof names === "string" ? [names] : [...names];
    for (const name of list) this.#config("setAdapter", name);
    for (const { path, has } of this.#savedPlaces()) {
      if (list.filter(has).length <= 1) continue;
      throw new ConfigError(
        `setAdapter: whole modules do not add up, got several of ${list.join(", ")} with ${path}`,
      );
    }
    this.#requireUnmerged("setAdapter");
    this.#switch.active = list;
    for (const name of this.#configs.keys()) {
      for (const parameter of this.#parametersOf(name))
        parameter.requiresGrad = list.includes(name);
    }
    for (const parameter of this.#biases()) parameter.requiresGrad = true;
    return this;
  }

  /** Takes an adapter away and frees it. @throws {ConfigError} if there is none of this name. */
  deleteAdapter(name: string): this {
    this.#config("deleteAdapter", name);
    this.#requireUnmerged("deleteAdapter");
    for (const layer of this.#layers.values()) layer.delete(name);
    for (const saved of this.#saved.values()) saved.delete(name);
    this.#configs.delete(name);
    this.#switch.active = this.activeAdapters.filter((other) => other !== name);
    return this;
  }

  /**
   * Calls `fn` while the model computes what the base does; if it gives a promise, until that is settled.
   * Biases that were trained in place (`bias`) stay trained.
   * @throws {ConfigError} if adapters are merged.
   */
  disableAdapter<R>(fn: () => R): R {
    this.#requireUnmerged("disableAdapter");
    return this.#switch.without(fn);
  }

  /** The parameters that learn: those of the active adapters, and biases if they are trained. */
  trainableParameters(): Parameter[] {
    return this.model.parameters().filter(({ requiresGrad }) => requiresGrad);
  }

  /** Freezes an adapter, until `setAdapter` chooses it. @throws {ConfigError} if there is none. */
  freeze(name: string): this {
    const { bias } = this.#config("freeze", name);
    const biases = bias === "none" ? [] : this.#biases();
    for (const parameter of [...this.#parametersOf(name), ...biases])
      parameter.requiresGrad = false;
    return this;
  }

  /** Whether an adapter is on weights [in, out] (GPT-2's): PEFT's `fan_in_fan_out`. */
  hasTransposedWeights(name: string): boolean {
    return [...this.#layers.values()].some(
      ({ names, target }) => names.includes(name) && target instanceof Conv1D,
    );
  }

  /** Numbers of elements that learn, and of all. */
  countParameters(): { readonly trainable: number; readonly all: number } {
    const count = (list: readonly Parameter[]): number =>
      list.reduce((sum, { numel }) => sum + numel, 0);
    return { trainable: count(this.trainableParameters()), all: count(this.model.parameters()) };
  }

  /**
   * Merges adapters into the weights, so that they cost nothing at inference. {@link unmergeAdapter} gives the
   * old weights back bit by bit: they are kept until then.
   * @throws {ConfigError} if adapters are merged already, a tied table would change with it, or (with
   *   safeMerge) a weight would not be finite; then nothing has changed.
   */
  async mergeAdapter(options: MergeOptions = {}): Promise<void> {
    await this.#merge(options, true);
  }

  /** Undoes {@link mergeAdapter}: the weights are what they were, bit by bit. */
  async unmergeAdapter(): Promise<void> {
    for (const layer of this.#layers.values()) layer.unmerge();
    await realize(...this.#weights());
  }

  /** Merges adapters for good and takes them off: gives the plain model, trainable as it was before. */
  async mergeAndUnload(options: MergeOptions = {}): Promise<M> {
    await this.#merge(options, false);
    return this.#detach(options.adapterNames ?? this.activeAdapters);
  }

  /** Takes all adapters off: gives the plain model, trainable as it was before. */
  async unload(): Promise<M> {
    await this.unmergeAdapter();
    return this.#detach([]);
  }

  /** An adapter's live tensors under the keys of PEFT's files. @throws {ConfigError} if there is none. */
  adapterStateDict(name = "default"): Record<string, Tensor> {
    return adapterTensors(this.#place("adapterStateDict", name));
  }

  /** Copies tensors under the keys of PEFT's files into an adapter. @throws {CheckpointError} as loadStateDict. */
  loadAdapterStateDict(state: StateDict, name = "default"): void {
    loadAdapterTensors(this.#place("loadAdapterStateDict", name), state);
  }

  protected override stateKey(field: string): string {
    return field === "model" ? "base_model.model" : field;
  }

  #detach(kept: readonly string[]): M {
    for (const layer of this.#layers.values()) layer.detach();
    for (const saved of this.#saved.values()) saved.detach(kept);
    for (const map of [this.#layers, this.#saved, this.#configs]) map.clear();
    this.#switch.active = [];
    this.model.requiresGrad_(false);
    for (const parameter of this.#trainable) parameter.requiresGrad = true;
    return this.model;
  }

  async #merge(options: MergeOptions, isKept: boolean): Promise<void> {
    const { adapterNames = this.activeAdapters, safeMerge = false } = options;
    for (const name of adapterNames) this.#config("mergeAdapter", name);
    this.#requireUnmerged("mergeAdapter");
    const layers = [...this.#layers.values()].filter(({ names }) =>
      names.some((name) => adapterNames.includes(name)),
    );
    for (const layer of layers) this.#requireUntied(layer);
    const merged = layers.map((layer) => layer.mergedWeight(adapterNames));
    if (safeMerge) await requireFinite(layers, merged);
    for (const [i, layer] of layers.entries()) layer.merge(merged[i], isKept);
    await realize(...this.#weights());
  }

  #weights(): Parameter[] {
    return [...this.#layers.values()].map(({ target }) => target.weight);
  }

  /** A table that two modules share cannot take the change of one. */
  #requireUntied({ path, target }: LoraLayer): void {
    const other = this.model
      .namedModules()
      .find(([, module]) => module !== target && Reflect.get(module, "weight") === target.weight);
    if (other === undefined) return;
    throw new ConfigError(
      `mergeAdapter: the weight must be one module's own, got ${path}, which shares it with ` +
        `${other[0]}; keep the adapter apart`,
    );
  }

  #requireUnmerged(op: string): void {
    if (!this.isMerged) return;
    throw new ConfigError(`${op}: adapters must not be merged; call unmergeAdapter first`);
  }

  #checkNew(name: string): void {
    if (!/^[^.]+$/.test(name)) {
      throw new ConfigError(`addAdapter: the name must have no dots, got ${JSON.stringify(name)}`);
    }
    if (!this.#configs.has(name)) return;
    throw new ConfigError(`addAdapter: the name must be new, got "${name}"; delete the old one`);
  }

  /** Biases are trained in place, which one adapter can have to itself. */
  #checkBias({ bias }: LoraConfig): void {
    const all = [bias, ...[...this.#configs.values()].map((config) => config.bias)];
    if (all.length === 1 || all.every((choice) => choice === "none")) return;
    throw new ConfigError(
      `addAdapter: bias must be "none" where there are several adapters, got ${all.join(", ")}`,
    );
  }

  #config(op: string, name: string): LoraConfig {
    const found = this.#configs.get(name);
    if (found !== undefined) return found;
    const known = [...this.#configs.keys()].join(", ");
    throw new ConfigError(`${op}: the adapter must be one of ${known}, got "${name}"`);
  }

  #place(op: string, name: string): AdapterPlace {
    const config = this.#config(op, name);
    return { model: this.model, name, config, adapted: new Set(this.#layers.keys()) };
  }

  #savedPlaces(): { path: string; has: (name: string) => boolean }[] {
    return [...this.#saved.values()].map((saved) => ({
      path: saved.path,
      has: (name) => saved.has(name),
    }));
  }

  #parametersOf(name: string): Parameter[] {
    const parts = [...this.#layers.values(), ...this.#saved.values()];
    return parts.flatMap((part) => part.parametersOf(name));
  }

  /** Biases of the base that the active adapters train. */
  #biases(): Parameter[] {
    const choices = this.activeAdapters.map((name) => this.#config("setAdapter", name).bias);
    const isWanted = (path: string): boolean =>
      choices.includes("all") || (choices.includes("lora_only") && this.#layers.has(path));
    return this.model
      .namedParameters()
      .filter(([key]) => key.endsWith(".bias") && !/\.(lora_\w+|modules_to_save)\./.test(key))
      .filter(([key]) => isWanted(key.slice(0, -".bias".length)))
      .map(([, parameter]) => parameter);
  }

  #adapterDType(dtype: Parameter["dtype"]): Parameter["dtype"] {
    return this.#isExact && (dtype === "f16" || dtype === "bf16") ? "f32" : dtype;
  }
}

async function requireFinite(
  layers: readonly LoraLayer[],
  merged: readonly Tensor[],
): Promise<void> {
  for (const [i, { path }] of layers.entries()) {
    if (await merged[i].isfinite().all().item()) continue;
    throw new ConfigError(`mergeAdapter: merged weights must be finite, got others at ${path}`);
  }
}

/**
 * A model with a first adapter; its own parameters are frozen.
 * @throws {ConfigError} if targets are missing, or an option is out of range.
 * @example
 * const peft = getPeftModel(model, { r: 8, loraAlpha: 16, targetModules: ["q_proj", "v_proj"] });
 */
export function getPeftModel<M extends Module = CausalLM>(
  model: M,
  config: Partial<LoraConfig> = {},
  options: PeftModelOptions = {},
): PeftModel<M> {
  return new PeftModel(model, options).addAdapter(options.adapterName ?? "default", config);
}
