import { ModuleDict } from "../../nn/container.ts";
import { Dropout } from "../../nn/dropout.ts";
import { Embedding } from "../../nn/embedding.ts";
import { embedding } from "../../nn/functional/embedding.ts";
import { linear } from "../../nn/functional/linear.ts";
import type { HookHandle } from "../../nn/hooks.ts";
import * as init from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import type { Module } from "../../nn/module.ts";
import { Parameter } from "../../nn/parameter.ts";
import { ParameterDict } from "../../nn/parameter-container.ts";
import { zeros } from "../../tensor/factories.ts";
import { guard } from "../../tensor/jit.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Conv1D } from "../text/gpt2.ts";
import type { AdapterSwitch } from "./adapter-switch.ts";
import type { LoraConfig, LoraInit } from "./lora-config.ts";
import { rankOf } from "./lora-config.ts";
import type { AdaptableModule } from "./target-modules.ts";

/** The fields that adapters have in a module, under PEFT's names: so they are in its state dictionary. */
const fieldNames = [
  "lora_A",
  "lora_B",
  "lora_embedding_A",
  "lora_embedding_B",
  "lora_magnitude_vector",
  "lora_dropout",
] as const;

const toExact = (x: Tensor): Tensor => (x.dtype === "f64" ? x : x.float());

/** Norms of the rows of a matrix. */
const rowNorms = (x: Tensor): Tensor => x.square().sum({ dim: 1 }).sqrt();

/**
 * The LoRAs of one module. It stays in its place with its own weight; what the adapters add comes from a hook
 * on its `forward`: y = x · Wᵀ + scaling · x · Aᵀ · Bᵀ, with A [r, in] and B [out, r].
 * @see Hu et al. 2021, "LoRA", https://arxiv.org/abs/2106.09685
 */
export class LoraLayer {
  readonly path: string;
  readonly target: AdaptableModule;
  readonly #switch: AdapterSwitch;
  readonly #scalings = new Map<string, number>();
  readonly #a = new ModuleDict<Record<string, Linear>>();
  readonly #b = new ModuleDict<Record<string, Linear>>();
  readonly #tableA = new ParameterDict();
  readonly #tableB = new ParameterDict();
  readonly #magnitudes = new ParameterDict();
  readonly #dropouts = new ModuleDict<Record<string, Dropout>>();
  readonly #hook: HookHandle;
  /** The weight before adapters were merged into it. */
  #original: Parameter | null = null;

  constructor(path: string, target: AdaptableModule, adapterSwitch: AdapterSwitch) {
    this.path = path;
    this.target = target;
    this.#switch = adapterSwitch;
    const dicts =
      target instanceof Embedding
        ? { lora_embedding_A: this.#tableA, lora_embedding_B: this.#tableB }
        : {
            lora_dropout: this.#dropouts,
            lora_A: this.#a,
            lora_B: this.#b,
            lora_magnitude_vector: this.#magnitudes,
          };
    Object.assign(target, dicts);
    this.#hook = (target as Module).registerForwardHook((_module, args, result) =>
      this.#adapt(args[0] as Tensor, result as Tensor),
    );
  }

  /** Names of the adapters. */
  get names(): string[] {
    return [...this.#scalings.keys()];
  }

  /** Whether adapters are merged into the weight. */
  get isMerged(): boolean {
    return this.#original !== null;
  }

  /** Adds an adapter. */
  add(name: string, config: LoraConfig, dtype: Parameter["dtype"]): void {
    const { r, scaling } = rankOf(config, this.path);
    const { weight } = this.target;
    if (this.target instanceof Embedding) {
      this.#addTable(name, r, dtype, config.initLoraWeights);
    } else {
      const [outputs, inputs] = this.#isTransposed ? weight.shape.toReversed() : weight.shape;
      const place = { bias: false, dtype, device: weight.device };
      const a = new Linear(inputs, r, place);
      const b = new Linear(r, outputs, place);
      initialise(a, b, config.initLoraWeights, r);
      this.#a.set(name, a);
      this.#b.set(name, b);
      if (config.loraDropout > 0) {
        this.#dropouts.set(name, new Dropout(config.loraDropout).train(this.target.training));
      }
    }
    this.#scalings.set(name, scaling);
    if (config.useDora) this.#magnitudes.set(name, rowNorms(this.#updated(name)).to(dtype));
  }

  /** Takes an adapter away and frees it. */
  delete(name: string): void {
    for (const parameter of this.parametersOf(name)) parameter.dispose();
    this.#scalings.delete(name);
    for (const dict of [this.#a, this.#b, this.#dropouts, this.#magnitudes]) dict.delete(name);
    for (const dict of [this.#tableA, this.#tableB]) dict.delete(name);
  }

  /** Takes all adapters off the module, which computes as before. */
  detach(): void {
    this.#hook.remove();
    for (const name of this.names) this.delete(name);
    for (const field of fieldNames) Reflect.deleteProperty(this.target, field);
  }

  /** Parameters of an adapter; none if it is not on this module. */
  parametersOf(name: string): Parameter[] {
    const pairs = [this.#a, this.#b].filter((dict) => dict.has(name));
    const tables = [this.#tableA, this.#tableB, this.#magnitudes].filter((dict) => dict.has(name));
    return [...pairs.map((dict) => dict.get(name).weight), ...tables.map((dict) => dict.get(name))];
  }

  /** What an adapter adds to the weight, in the weight's layout; f32 (f64). */
  delta(name: string): Tensor {
    const change = this.#change(name);
    return this.target instanceof Embedding || this.#isTransposed ? change.T : change;
  }

  /** The weight with adapters merged into it. */
  mergedWeight(names: readonly string[]): Tensor {
    const { weight } = this.target;
    let merged = toExact(weight);
    for (const name of names.filter((known) => this.#scalings.has(known))) {
      merged = merged.add(this.delta(name));
      if (!this.#magnitudes.has(name)) continue;
      const rows = this.#isTransposed ? merged.T : merged;
      const scaled = rows.mul(toExact(this.#magnitudes.get(name)).div(rowNorms(rows)).unsqueeze(1));
      merged = this.#isTransposed ? scaled.T : scaled;
    }
    return merged.to(weight.dtype);
  }

  /** Puts a merged weight in place. The old one is kept for {@link unmerge} if it will be needed. */
  merge(merged: Tensor, isKept: boolean): void {
    if (isKept) this.#original = new Parameter(this.target.weight, { requiresGrad: false });
    this.target.weight.assign(merged);
  }

  /** Puts the weight from before the merge in place, bit by bit. */
  unmerge(): void {
    if (this.#original === null) return;
    this.target.weight.assign(this.#original);
    this.#original = null;
  }

  /** Whether the weight is [in, out]. */
  get #isTransposed(): boolean {
    return this.target instanceof Conv1D;
  }

  /** Change of a linear layer's weight [out, in], or of a table's transpose. */
  #change(name: string): Tensor {
    const isTable = this.#tableA.has(name);
    const a = isTable ? this.#tableA.get(name) : this.#a.get(name).weight;
    const b = isTable ? this.#tableB.get(name) : this.#b.get(name).weight;
    return toExact(b).matmul(toExact(a)).mul(this.#scaling(name));
  }

  /** The weight [out, in] with an adapter in it. */
  #updated(name: string): Tensor {
    const weight = toExact(this.target.weight);
    return (this.#isTransposed ? weight.T : weight).add(this.#change(name));
  }

  #scaling(name: string): number {
    return this.#scalings.get(name) ?? 0;
  }

  #addTable(name: string, r: number, dtype: Parameter["dtype"], start: LoraInit): void {
    const { shape, device } = this.target.weight;
    const [rows, columns] = shape;
    const a = new Parameter(zeros([r, rows], { dtype, device }));
    const b = new Parameter(zeros([columns, r], { dtype, device }));
    init.normal(b);
    if (start === false) init.normal(a);
    this.#tableA.set(name, a);
    this.#tableB.set(name, b);
  }

  #adapt(x: Tensor, result: Tensor): Tensor {
    if (guard(() => this.#original !== null)) return result;
    let sum = result;
    for (const name of this.#switch.acting) {
      if (!this.#scalings.has(name)) continue;
      const addition =
        this.target instanceof Embedding ? this.#lookUp(x, name) : this.#low(x, sum, name);
      // As in PEFT, the sum is rounded once.
      sum = sum.to(addition.dtype).add(addition);
    }
    return sum.to(result.dtype);
  }

  #lookUp(index: Tensor, name: string): Tensor {
    const rows = embedding(index, this.#tableA.get(name).T);
    return linear(rows, this.#tableB.get(name)).mul(this.#scaling(name));
  }

  #low(x: Tensor, result: Tensor, name: string): Tensor {
    const a = this.#a.get(name);
    const isRandom = this.#dropouts.has(name) && this.#dropouts.get(name).training;
    const exact = x.to(a.weight.dtype);
    const input = isRandom ? this.#dropouts.get(name).forward(exact) : exact;
    const update = this.#b.get(name).forward(a.forward(input)).mul(this.#scaling(name));
    return this.#magnitudes.has(name)
      ? this.#decomposed(update, isRandom ? input : null, result, name)
      : update;
  }

  /**
   * DoRA's addition to what the base gives: its output, without bias, and the update are both multiplied by
   * magnitude / norm; the norm counts as a constant. Dropout acts on the base's part as well.
   */
  #decomposed(update: Tensor, dropped: Tensor | null, result: Tensor, name: string): Tensor {
    const { weight } = this.target;
    const rows = this.#isTransposed ? weight.T : weight;
    const bias = "bias" in this.target ? this.target.bias : null;
    const plain = result.to(update.dtype);
    const base =
      dropped === null
        ? bias === null
          ? plain
          : plain.sub(bias.to(plain.dtype))
        : linear(dropped, rows.to(dropped.dtype));
    const norms = rowNorms(this.#updated(name).detach());
    const factor = toExact(this.#magnitudes.get(name)).div(norms).to(update.dtype);
    return base.mul(factor.sub(1)).add(update.mul(factor));
  }
}

/** Draws A and B. By default B is 0, so that the module computes as before. */
function initialise(a: Linear, b: Linear, start: LoraInit, r: number): void {
  if (start === "gaussian") init.normal(a.weight, { std: 1 / r });
  if (start !== false) init.zeros(b.weight);
}
