import { CheckpointError } from "../../base/errors.ts";
import { decodeUtf8 } from "../../io/byte-cursor.ts";
import { writeFile } from "../../io/byte-sink.ts";
import { openSource } from "../../io/byte-source.ts";
import { fileExists } from "../../io/file-exists.ts";
import { load } from "../../io/open.ts";
import { saveSafetensors } from "../../io/save-safetensors.ts";
import type { Module } from "../../nn/module.ts";
import { realize } from "../../tensor/realize.ts";
import type { CausalLM } from "../text/causal-lm.ts";
import { adapterConfigFromJson, adapterConfigToJson } from "./adapter-config-file.ts";
import type { LoraConfig } from "./lora-config.ts";
import type { PeftModelOptions } from "./peft-model.ts";
import { PeftModel } from "./peft-model.ts";

/** Options of {@link loadPeftModel} and {@link loadAdapter}. */
export interface LoadAdapterOptions extends PeftModelOptions {
  /** Whether the adapter shall learn further. @defaultValue false */
  readonly isTrainable?: boolean;
}

/**
 * Saves adapters in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`, of the adapter "default"
 * in the folder itself, of others in folders of their names.
 *
 * @throws {CheckpointError} if a file cannot be written.
 */
export async function savePeftModel<M extends Module>(
  folder: string,
  peft: PeftModel<M>,
): Promise<void> {
  for (const [name, config] of peft.peftConfig) {
    const place = name === "default" ? folder : `${folder}/${name}`;
    const tensors = peft.adapterStateDict(name);
    await saveSafetensors(`${place}/adapter_model.safetensors`, tensors, {
      metadata: { format: "pt" },
    });
    const json = adapterConfigToJson(config, peft.hasTransposedWeights(name));
    const text = `${JSON.stringify(json, undefined, 2)}\n`;
    await writeFile(`${place}/adapter_config.json`, (sink) =>
      sink.write(new TextEncoder().encode(text)),
    );
  }
}

/**
 * Puts an adapter of PEFT's layout on a model.
 *
 * @throws {CheckpointError} if files are missing or damaged, or tensors do not fit; {ConfigError} if the adapter
 *   is no LoRA, or uses what is not supported.
 * @example
 * const peft = await loadPeftModel(await loadCausalLm("SmolLM2-135M"), "adapter");
 */
export async function loadPeftModel<M extends Module = CausalLM>(
  model: M,
  folder: string,
  options: LoadAdapterOptions = {},
): Promise<PeftModel<M>> {
  const peft = new PeftModel(model, options);
  try {
    await loadAdapter(peft, folder, options);
  } catch (error) {
    await peft.unload();
    throw error;
  }
  return peft;
}

/** Adds an adapter of PEFT's layout to those of a model. @throws as {@link loadPeftModel}. */
export async function loadAdapter<M extends Module>(
  peft: PeftModel<M>,
  folder: string,
  { adapterName = "default", isTrainable = false }: LoadAdapterOptions = {},
): Promise<void> {
  const config = await readConfig(`${folder}/adapter_config.json`);
  const state = await load(await findTensors(folder));
  peft.addAdapter(adapterName, config);
  try {
    peft.loadAdapterStateDict(state, adapterName);
  } catch (error) {
    peft.deleteAdapter(adapterName);
    throw error;
  }
  await realize(...peft.model.parameters());
  for (const tensor of Object.values(state)) tensor.dispose();
  if (!isTrainable) peft.freeze(adapterName);
}

async function findTensors(folder: string): Promise<string> {
  const names = ["adapter_model.safetensors", "adapter_model.bin"];
  for (const name of names) if (await fileExists(`${folder}/${name}`)) return `${folder}/${name}`;
  throw new CheckpointError(
    `adapter: the folder must hold one of ${names.join(", ")}, got none in ${folder}`,
    { details: { file: folder } },
  );
}

async function readConfig(path: string): Promise<LoraConfig> {
  const source = await openSource(path, "adapter_config");
  try {
    const json: unknown = JSON.parse(decodeUtf8(await source.read(0, source.size)));
    if (typeof json === "object" && json !== null) {
      return adapterConfigFromJson(json as Record<string, unknown>, path);
    }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  } finally {
    await source.close();
  }
  throw new CheckpointError(
    `adapter_config: the file must be a JSON object, got another in ${path}`,
    {
      details: { file: path },
    },
  );
}
