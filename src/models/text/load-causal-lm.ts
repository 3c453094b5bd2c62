import { CheckpointError, ConfigError } from "../../base/errors.ts";
import { decodeUtf8 } from "../../io/byte-cursor.ts";
import { openSource } from "../../io/byte-source.ts";
import { fileExists } from "../../io/file-exists.ts";
import { open } from "../../io/open.ts";
import { readAll } from "../../io/tensor-source.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { skipInit } from "../../nn/skip-init.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { causalLmFromConfig } from "./causal-lm-families.ts";
import type { CausalLM } from "./causal-lm.ts";
import { ConfigFields } from "./config-fields.ts";
import { loadGgufCausalLm } from "./load-gguf-causal-lm.ts";
import { loadWeights } from "./load-weights.ts";

/** Where and in which dtype {@link loadCausalLm} makes the model. */
export interface LoadCausalLmOptions {
  /** "auto" takes the one that `config.json` names (f32 for GGUF). @defaultValue "f32" */
  readonly dtype?: ModuleOptions["dtype"] | "auto";
  /** @defaultValue the default device */
  readonly device?: string | undefined;
}

/** Names of weights in a folder, the preferred ones first. */
const weightFiles = [
  "model.safetensors.index.json",
  "model.safetensors",
  "pytorch_model.bin.index.json",
  "pytorch_model.bin",
];

/**
 * Loads a language model from a folder in transformers' layout (`config.json` beside safetensors, whole or
 * sharded, or torch's files), or from one `.gguf` file, whose packed weights become floats. The model is in
 * evaluation mode.
 *
 * Families: GPT-2, Llama (1 to 3, SmolLM2), Mistral, Qwen2, Qwen3, Gemma 1 to 3 (text).
 *
 * @throws {CheckpointError} listing missing and unexpected names and sizes that do not fit, or if a file is
 *   missing or damaged; {ConfigError} if the architecture or an option of it is not known.
 * @example
 * const model = await loadCausalLm("models/SmolLM2-135M-Instruct");
 * const logits = model.forward({ inputIds: tensor([[1, 2, 3]], { dtype: "i32" }) });
 */
export async function loadCausalLm(
  path: string,
  options: LoadCausalLmOptions = {},
): Promise<CausalLM> {
  const model = path.endsWith(".gguf")
    ? await loadGgufCausalLm(
        path,
        place(options, () => "f32"),
      )
    : await loadFolder(path.replace(/[/\\]+$/, ""), options);
  return model.eval();
}

async function loadFolder(folder: string, options: LoadCausalLmOptions): Promise<CausalLM> {
  const fields = await readConfig(`${folder}/config.json`);
  const where = place(options, () => storedDType(fields));
  const model = skipInit(() => causalLmFromConfig(fields, where));
  const source = await open(await findWeights(folder));
  const state = await readAll(source, { device: where.device });
  await shareTables(model, state, folder);
  await loadWeights(model, withoutConstants(state));
  return model;
}

function place(
  { dtype = "f32", device }: LoadCausalLmOptions,
  auto: () => ModuleOptions["dtype"],
): ModuleOptions {
  return { dtype: dtype === "auto" ? auto() : dtype, device };
}

const torchDTypes: Readonly<Record<string, ModuleOptions["dtype"]>> = {
  float64: "f64",
  float32: "f32",
  float16: "f16",
  bfloat16: "bf16",
};

function storedDType(fields: ConfigFields): ModuleOptions["dtype"] {
  const name = fields.text("dtype", fields.text("torch_dtype", "float32"));
  if (Object.hasOwn(torchDTypes, name)) return torchDTypes[name];
  throw new ConfigError(
    `config: dtype must be one of ${Object.keys(torchDTypes).join(", ")}, got "${name}" in ` +
      `${fields.where}; name one in the options`,
  );
}

async function readConfig(path: string): Promise<ConfigFields> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      `config: the file must be JSON, got ${JSON.stringify(text.slice(0, 20))}… in ${path}; ` +
        "download it again",
      { cause, details: { file: path } },
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return new ConfigFields(value as Record<string, unknown>, path);
  }
  throw new CheckpointError(`config: the file must hold an object, got another value in ${path}`);
}

async function readText(path: string): Promise<string> {
  const source = await openSource(path, "config");
  try {
    return decodeUtf8(await source.read(0, source.size));
  } finally {
    await source.close();
  }
}

async function findWeights(folder: string): Promise<string> {
  for (const name of weightFiles) {
    if (await fileExists(`${folder}/${name}`)) return `${folder}/${name}`;
  }
  throw new CheckpointError(
    `loadCausalLm: the folder must hold one of ${weightFiles.join(", ")}, got none in ${folder}; ` +
      "download the weights, or give the path of a .gguf file",
    { details: { file: folder } },
  );
}

/**
 * A tied classifier is the table of tokens, which most files hold once.
 * @throws {CheckpointError} if a file holds two that differ.
 */
async function shareTables(
  model: CausalLM,
  state: Record<string, Tensor>,
  folder: string,
): Promise<void> {
  if (!model.config.tieWordEmbeddings) return;
  const found = Object.keys(state).find((key) => /(embed_tokens|wte)\.weight$/.test(key));
  if (found === undefined) return;
  const [table, head] = [state[found], state["lm_head.weight"] as Tensor | undefined];
  state["lm_head.weight"] = table;
  if (head === undefined) return;
  const isSame = table.shape.join() === head.shape.join() && table.dtype === head.dtype;
  if (isSame && (await table.eq(head).all().item())) return head.dispose();
  throw new CheckpointError(
    `loadCausalLm: tied embeddings must be one table, got lm_head.weight unlike ${found} in ` +
      `${folder}; set tie_word_embeddings to false in config.json`,
  );
}

/** Leaves out tables that older files carry and every model computes. */
function withoutConstants(state: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(state).filter(([key]) => !key.endsWith(".rotary_emb.inv_freq")),
  );
}
