import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensor } from "athanor";
import type { Tensor } from "athanor";
import { loadSafetensors, openGguf, saveGguf, saveSafetensors } from "athanor/io";
import { GPT2, Gemma, Llama, createCausalLm, loadCausalLm, saveCausalLm } from "athanor/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { relativeError, useTestDevice } from "../device.ts";

useTestDevice();
const fixtures = join(import.meta.dirname, "../fixtures/decoders");
let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "athanor-decoders-"));
});
afterAll(() => rm(scratch, { recursive: true }));

const json = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;

/** A copy of a fixture whose configuration is changed. */
async function changed(name: string, fields: Record<string, unknown>): Promise<string> {
  const folder = await mkdtemp(join(scratch, "case-"));
  await cp(join(fixtures, name), folder, { recursive: true });
  const config = await json(join(folder, "config.json"));
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...fields }));
  return folder;
}

const dynamic = ["transformers_version", "use_cache", "pretraining_tp", "_sliding_window_pattern"];

describe("saveCausalLm", () => {
  it.each([
    "gpt2",
    "llama-tied-biased",
    "llama-llama3",
    "llama-yarn",
    "llama-longrope",
    "mistral",
    "qwen2-window",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3",
  ])("%s: writes the weights and the configuration of transformers", async (name) => {
    const folder = join(scratch, name);
    await saveCausalLm(folder, await loadCausalLm(join(fixtures, name)));
    const [own, theirs] = [join(folder, "config.json"), join(fixtures, name, "config.json")];
    const [saved, given] = [await json(own), await json(theirs)];
    const compared = Object.keys(given).filter((key) => Object.hasOwn(saved, key));
    expect(compared.length).toBeGreaterThan(15);
    for (const key of compared) expect([key, saved[key]]).toEqual([key, given[key]]);
    // Whatever they have more is not ours to write.
    const rest = Object.keys(given).filter((key) => !compared.includes(key));
    const ignored = /^(summary_|scale_attn|reorder|add_cross|n_ctx|use_bidirectional|max_window)/;
    expect(rest.filter((key) => !ignored.test(key) && !dynamic.includes(key))).toEqual([]);
    const again = await loadCausalLm(folder);
    const { inputIds, logits } = await loadSafetensors(
      join(fixtures, name, "expected.safetensors"),
    );
    const found = await again.forward(inputIds).data();
    expect(relativeError(found, await logits.data())).toBeLessThan(5e-5);
  });

  it("writes shards, bf16, and a padded table without its padding", async () => {
    const model = new GPT2({ vocabSize: 10, paddedVocabSize: 16, nEmbd: 8, nLayer: 1, nHead: 2 });
    model.bfloat16();
    const folder = join(scratch, "padded");
    await saveCausalLm(folder, model, { maxShardSize: 2000 });
    expect((await readdir(folder)).toSorted()).toContain("model.safetensors.index.json");
    const again = await loadCausalLm(folder, { dtype: "auto" });
    expect(again.getInputEmbeddings().weight.shape).toEqual([10, 8]);
    expect(again.getInputEmbeddings().weight.dtype).toBe("bf16");
    expect(again.training).toBe(false);
  });

  it("refuses what transformers has no name for", async () => {
    const sizes = { vocabSize: 8, hiddenSize: 8, intermediateSize: 8 };
    const options = { ...sizes, numHiddenLayers: 1, numAttentionHeads: 2 };
    const save = (model: Llama): Promise<void> => saveCausalLm(join(scratch, "none"), model);
    await expect(save(new Llama({ ...options, qkNorm: true }))).rejects.toThrow("qkNorm false");
    await expect(save(new Llama({ ...options, slidingWindow: 4 }))).rejects.toThrow("no sliding");
  });
});

describe("loadCausalLm refuses", () => {
  it("an architecture or an option that it does not know", async () => {
    const load = async (fields: Record<string, unknown>): Promise<unknown> =>
      loadCausalLm(await changed("llama", fields));
    await expect(load({ architectures: ["PhiForCausalLM"] })).rejects.toThrow('"PhiForCausalLM"');
    await expect(load({ quantization_config: {} })).rejects.toThrow("must not be quantized");
    await expect(load({ hidden_act: "mish" })).rejects.toThrow("hiddenAct must be one of silu");
    await expect(load({ hidden_size: "16" })).rejects.toThrow(
      'hidden_size must be a number, got "16"',
    );
    const rope = { rope_type: "spiral", rope_theta: 100 };
    await expect(load({ rope_parameters: rope })).rejects.toThrow(
      "rope_type must be one of default",
    );
    const partial = { rope_type: "default", rope_theta: 100, partial_rotary_factor: 0.5 };
    await expect(load({ rope_parameters: partial })).rejects.toThrow(
      "partial_rotary_factor must be 1",
    );
    await expect(load({ num_key_value_heads: 3 })).rejects.toThrow("must divide numAttentionHeads");
  });

  it("weights that do not fit, naming all of them", async () => {
    const deeper = await changed("llama", { num_hidden_layers: 3 });
    await expect(loadCausalLm(deeper)).rejects.toThrow("model.layers.2.self_attn.q_proj.weight");
    const shallower = await changed("llama", { num_hidden_layers: 1 });
    await expect(loadCausalLm(shallower)).rejects.toThrow("unexpected keys");
    const tied = await changed("llama", { tie_word_embeddings: true });
    await expect(loadCausalLm(tied)).rejects.toThrow("tied embeddings must be one table");
  });

  it("folders without weights or configuration, and files that are damaged", async () => {
    await expect(loadCausalLm(join(scratch, "nowhere"))).rejects.toThrow("config.json");
    const empty = await changed("llama", {});
    await rm(join(empty, "model.safetensors"));
    await expect(loadCausalLm(empty)).rejects.toThrow("must hold one of model.safetensors");
    await writeFile(join(empty, "config.json"), "<html>");
    await expect(loadCausalLm(empty)).rejects.toThrow('must be JSON, got "<html>"');
  });
});

it("loads rope_theta and rope_scaling of older files, and ignores tables of frequencies", async () => {
  const { rope_parameters: rope } = await json(join(fixtures, "llama-yarn", "config.json"));
  const { rope_theta, rope_type, ...scaling } = rope as Record<string, unknown>;
  const fields = {
    rope_parameters: undefined,
    rope_theta,
    rope_scaling: { type: rope_type, ...scaling },
  };
  const folder = await changed("llama-yarn", fields);
  const weights = await loadSafetensors(join(folder, "model.safetensors"));
  const constant = { "model.layers.0.self_attn.rotary_emb.inv_freq": tensor([1, 2]) };
  await saveSafetensors(join(folder, "model.safetensors"), { ...weights, ...constant });
  const model = await loadCausalLm(folder);
  const { inputIds, logits } = await loadSafetensors(join(folder, "expected.safetensors"));
  expect(relativeError(await model.forward(inputIds).data(), await logits.data())).toBeLessThan(
    5e-5,
  );
});

it("reads llama.cpp's divisors of frequencies, and refuses tensors without a place", async () => {
  const path = join(fixtures, "gguf", "llama-f16.gguf");
  await using file = await openGguf(path);
  const tensors: Record<string, Tensor> = {};
  for (const name of file.keys()) tensors[name] = await file.get(name);
  const write = async (more: Record<string, Tensor>): Promise<string> => {
    const target = join(scratch, `${Object.keys(more)[0]}.gguf`);
    await saveGguf(target, { ...tensors, ...more }, { metadata: file.metadata });
    return target;
  };
  const plain = await loadCausalLm(path);
  const divided = await loadCausalLm(await write({ "rope_freqs.weight": tensor([1, 2, 4, 8]) }));
  const ids = tensor([[5, 6, 7]], { dtype: "i32" });
  const [a, b] = [await plain.forward(ids).tolist(), await divided.forward(ids).tolist()];
  expect(a).not.toEqual(b);
  expect((divided as Llama).config.ropeParameters.longFactor).toEqual([1, 2, 4, 8]);
  await expect(write({ "blk.0.extra.weight": tensor([1]) }).then(loadCausalLm)).rejects.toThrow(
    "must have llama.cpp's names, got blk.0.extra.weight",
  );
});

it("makes models with new weights of a configuration", async () => {
  const config = await json(join(fixtures, "gemma3", "config.json"));
  const model = createCausalLm({ ...config, num_hidden_layers: 1, layer_types: undefined });
  expect(model).toBeInstanceOf(Gemma);
  expect(await model.getInputEmbeddings().weight.std().item()).toBeGreaterThan(0.01);
  expect(() =>
    createCausalLm({
      ...config,
      model_type: "gemma3",
      architectures: ["Gemma3ForConditionalGeneration"],
    }),
  ).toThrow("architectures must name one of");
});
