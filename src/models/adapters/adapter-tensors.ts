import { CheckpointError } from "../../base/errors.ts";
import type { Module } from "../../nn/module.ts";
import type { StateDict } from "../../nn/state-dict.ts";
import { loadInto } from "../../nn/state-dict.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { CausalLM } from "../text/causal-lm.ts";
import type { LoraConfig } from "./lora-config.ts";

/** How keys of files start. */
const prefix = "base_model.model.";

/** What belongs to an adapter: which one, of which model, and the paths of the modules it is on. */
export interface AdapterPlace {
  readonly model: Module;
  readonly name: string;
  readonly config: LoraConfig;
  readonly adapted: ReadonlySet<string>;
}

/** Key in a file of a key of the model, or null if it is not the adapter's. */
function fileKey(key: string, { name, config, adapted }: AdapterPlace): string | null {
  const own = /^(.*)\.(lora_\w+|modules_to_save)\.([^.]+)(\..*)?$/.exec(key);
  if (own !== null) {
    const [, path, field, adapter, rest = ""] = own;
    if (adapter !== name || field === "lora_dropout") return null;
    return field === "modules_to_save" ? `${path}${rest}` : `${path}.${field}${rest}`;
  }
  if (config.bias === "none" || !key.endsWith(".bias")) return null;
  const path = key.slice(0, -".bias".length);
  if (adapted.has(path)) return `${path}.base_layer.bias`;
  return config.bias === "all" ? key : null;
}

/** The adapter's live tensors under the keys that PEFT's files have. */
function liveTensors(place: AdapterPlace): Record<string, Tensor> {
  const found: Record<string, Tensor> = {};
  for (const [key, tensor] of Object.entries(place.model.stateDict())) {
    const name = fileKey(key, place);
    if (name !== null) found[prefix + name] ??= tensor;
  }
  return found;
}

/** Tables of tokens may have rows behind the vocabulary, of which files know nothing. */
function paddedTable(model: Module): { rows: number; vocabSize: number; paths: string[] } | null {
  if (!(model instanceof CausalLM)) return null;
  const table: Tensor = model.getInputEmbeddings().weight;
  const [rows] = table.shape;
  const { vocabSize } = model.config;
  if (rows === vocabSize) return null;
  const paths = model
    .namedModules()
    .filter(([, module]) => Reflect.get(module, "weight") === table)
    .map(([path]) => `${prefix}${path}.`);
  return { rows, vocabSize, paths };
}

/** Tensors of an adapter under PEFT's keys (`base_model.model.….lora_A.weight`); they are the live ones. */
export function adapterTensors(place: AdapterPlace): Record<string, Tensor> {
  const live = liveTensors(place);
  const table = paddedTable(place.model);
  if (table === null) return live;
  const narrowed = Object.entries(live).map(([key, tensor]): [string, Tensor] => {
    const isTable = table.paths.some((path) => key.startsWith(path));
    const dim = isTable ? tensor.shape.indexOf(table.rows) : -1;
    return [key, dim < 0 ? tensor : tensor.narrow(dim, 0, table.vocabSize)];
  });
  return Object.fromEntries(narrowed);
}

/** Copies the tensors of a file into an adapter. @throws {CheckpointError} listing what does not fit. */
export function loadAdapterTensors(place: AdapterPlace, state: StateDict): void {
  const live = liveTensors(place);
  const table = paddedTable(place.model);
  const given: Record<string, Tensor> = {};
  for (const [key, tensor] of Object.entries(state)) {
    const isTable = table?.paths.some((path) => key.startsWith(path)) ?? false;
    if (key.endsWith(".base_layer.weight")) checkBase(place.model, key, tensor);
    else given[toBiasKey(key, live)] = isTable && table ? padded(tensor, table) : tensor;
  }
  loadInto(`adapter "${place.name}"`, live, given, true);
}

/** Adapted layers' biases are `base_layer.bias` in PEFT's files, or `bias` in older ones. */
function toBiasKey(key: string, live: Readonly<Record<string, Tensor>>): string {
  const inner = key.replace(/\.bias$/, ".base_layer.bias");
  return !(key in live) && inner in live ? inner : key;
}

/** A tensor over a vocabulary with zeros for the rows behind it. */
function padded(tensor: Tensor, { rows, vocabSize }: { rows: number; vocabSize: number }): Tensor {
  const dim = tensor.shape.indexOf(vocabSize);
  if (dim < 0) return tensor;
  const amounts = tensor.shape.map((_, i) => (i === dim ? [0, rows - vocabSize] : [0, 0]));
  return tensor.pad(amounts.toReversed().flat());
}

/** PEFT writes the table under an adapted embedding too; the model has its own. */
function checkBase(model: Module, key: string, tensor: Tensor): void {
  const path = key.slice(prefix.length, -".base_layer.weight".length);
  const own = model.stateDict()[`${path}.weight`];
  const rows = paddedTable(model)?.vocabSize ?? own?.shape[0];
  if (own !== undefined && tensor.shape.join() === [rows, ...own.shape.slice(1)].join()) return;
  throw new CheckpointError(
    `adapter: the table of tokens must be like the model's [${own?.shape.join(", ") ?? "none"}], got ` +
      `[${tensor.shape.join(", ")}] at ${key}; resize the model before the adapter is loaded`,
  );
}
