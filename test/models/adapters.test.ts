import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { grad, jit, tensor } from "athanor";
import type { Tensor } from "athanor";
import { loadSafetensors } from "athanor/io";
import type { LoraConfig, PeftModel } from "athanor/models";
import {
  getPeftModel,
  Llama,
  loadAdapter,
  loadCausalLm,
  loadPeftModel,
  savePeftModel,
} from "athanor/models";
import * as nn from "athanor/nn";
import * as optim from "athanor/optim";
import { describe, expect, it } from "vitest";
import { relativeError, useTestDevice } from "../device.ts";

useTestDevice();
const fixtures = join(import.meta.dirname, "../fixtures");
const cases: Readonly<Record<string, string>> = {
  "llama-all": "llama",
  "llama-saved": "llama",
  "llama-dora": "llama-tied-biased",
  "llama-bias": "llama-tied-biased",
  gpt2: "gpt2",
  "gpt2-layer": "gpt2",
};
const names = Object.keys(cases);
const folderOf = (name: string): string => join(fixtures, "adapters", name);
const expectedOf = (name: string): Promise<Record<string, Tensor>> =>
  loadSafetensors(join(folderOf(name), "expected.safetensors"));

async function loadCase(name: string, isTrainable = false): Promise<PeftModel> {
  const base = await loadCausalLm(join(fixtures, "decoders", cases[name]));
  return loadPeftModel(base, folderOf(name), { isTrainable });
}

async function errorOf(actual: Tensor, expected: Tensor): Promise<number> {
  expect(actual.shape).toEqual(expected.shape);
  return relativeError(await actual.data(), await expected.data());
}

function lossOf(logits: Tensor, tokens: Tensor): Tensor {
  const [, T, V] = logits.shape;
  const rows = logits.narrow(1, 0, T - 1).reshape([-1, V]);
  return nn.functional.crossEntropy(rows, tokens.narrow(1, 1, T - 1).reshape([-1]));
}

/** The name in peft's memory of a parameter of ours. */
const peftName = (key: string): string =>
  key.replace(/(lora_magnitude_vector\.default)$/, "$1.weight").replace(/^/, "base_model.model.");

async function temporary<R>(use: (folder: string) => Promise<R>): Promise<R> {
  const folder = await mkdtemp(join(tmpdir(), "athanor-adapters-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const small = { vocabSize: 32, hiddenSize: 16, intermediateSize: 24, numHiddenLayers: 2 };
const makeLlama = (): Llama => new Llama({ ...small, numAttentionHeads: 4 });
const tokens = (): Tensor => tensor([[3, 5, 7, 9, 11, 4]], { dtype: "i32" });

/** Draws an adapter that changes something. */
const strong: Partial<LoraConfig> = { r: 3, initLoraWeights: false, targetModules: "all-linear" };

describe("adapters of peft", () => {
  it.each(names)("%s gives peft's logits, and the base's without it", async (name) => {
    const peft = await loadCase(name);
    const { inputIds, logits, baseLogits } = await expectedOf(name);
    const read = jit(() => peft.model.forward(inputIds));
    expect(await errorOf(read(), logits)).toBeLessThan(5e-5);
    expect(
      await errorOf(
        peft.disableAdapter(() => read()),
        baseLogits,
      ),
    ).toBeLessThan(5e-5);
    expect(await errorOf(read(), logits)).toBeLessThan(5e-5);
  });

  it.each(names)("%s has peft's gradients, of the adapter only", async (name) => {
    const peft = await loadCase(name, true);
    const expected = await expectedOf(name);
    const { inputIds, loss } = expected;
    const learned = peft.model.namedParameters().filter(([, { requiresGrad }]) => requiresGrad);
    const step = jit(() => {
      const value = lossOf(peft.model.forward(inputIds), inputIds);
      return {
        value,
        gradients: grad(
          value,
          learned.map(([, parameter]) => parameter),
        ),
      };
    });
    const { value, gradients } = step();
    expect(await errorOf(value, loss)).toBeLessThan(5e-5);
    const keys = Object.keys(expected).filter((key) => key.startsWith("gradient."));
    expect(learned.length).toBeGreaterThanOrEqual(keys.length);
    let compared = 0;
    for (const [i, [key]] of learned.entries()) {
      // Biases of adapted modules stand below peft's base layer.
      const own = `gradient.${peftName(key)}`;
      const found = [own, own.replace(/\.bias$/, ".base_layer.bias")].find((k) => k in expected);
      if (found === undefined) continue;
      compared++;
      const wanted = expected[found];
      const given = gradients[i];
      const dim = given.shape.findIndex((size, d) => size !== wanted.shape[d]);
      const part = dim < 0 ? given : given.narrow(dim, 0, wanted.shape[dim]);
      expect(await errorOf(part, wanted), key).toBeLessThan(5e-4);
    }
    expect(compared).toBe(keys.length);
  });

  it.each(names)("%s is saved as peft saves it", async (name) => {
    const peft = await loadCase(name);
    await temporary(async (folder) => {
      await savePeftModel(folder, peft);
      const file = "adapter_model.safetensors";
      const [ours, theirs] = await Promise.all([
        loadSafetensors(join(folder, file)),
        loadSafetensors(join(folderOf(name), file)),
      ]);
      const wanted = Object.keys(theirs).filter((key) => !key.endsWith(".base_layer.weight"));
      expect(Object.keys(ours).sort()).toEqual(wanted.sort());
      for (const key of wanted) {
        expect(await ours[key].data(), key).toEqual(await theirs[key].data());
      }
      const read = async (path: string): Promise<Record<string, unknown>> =>
        JSON.parse(await readFile(join(path, "adapter_config.json"), "utf8")) as Record<
          string,
          unknown
        >;
      const { base_model_name_or_path: _, ...config } = await read(folder);
      const known = await read(folderOf(name));
      const unordered = (value: unknown): unknown =>
        Array.isArray(value) ? new Set(value) : value;
      for (const [key, value] of Object.entries(config)) {
        expect(unordered(value), key).toEqual(unordered(known[key]));
      }
    });
  });
});

describe("a new adapter", () => {
  it("changes nothing at the start, and learns alone", async () => {
    const model = makeLlama();
    const before = await model.forward(tokens()).data();
    const base = Object.entries(model.stateDict());
    const values = await Promise.all(base.map(([, value]) => value.data()));
    const peft = getPeftModel(model, { r: 2, targetModules: "all-linear" });
    expect(await model.forward(tokens()).data()).toEqual(before);
    const { trainable, all } = peft.countParameters();
    expect(trainable).toBe(peft.trainableParameters().reduce((sum, { numel }) => sum + numel, 0));
    expect(all - trainable).toBe(base.reduce((sum, [, { numel }]) => sum + numel, 0));
    const optimizer = new optim.AdamW(peft.trainableParameters(), { lr: 0.05 });
    const step = jit(() => {
      const loss = lossOf(model.forward(tokens()), tokens());
      optimizer.step(grad(loss, peft.trainableParameters()));
      return loss;
    });
    const losses: number[] = [];
    for (let i = 0; i < 12; i++) losses.push(await step().item());
    expect(losses[11]).toBeLessThan(losses[0] - 0.05);
    for (const [i, [key, value]] of base.entries()) {
      expect(await value.data(), key).toEqual(values[i]);
    }
    expect(await peft.disableAdapter(() => model.forward(tokens())).data()).toEqual(before);
    expect(await model.forward(tokens()).data()).not.toEqual(before);
  });

  it("is merged into the weights and out of them, bit by bit", async () => {
    for (const dtype of ["f32", "bf16"] as const) {
      const model = makeLlama().to(dtype);
      const peft = getPeftModel(model, { ...strong, useDora: true });
      const { weight } = model.model.layers.at(0)!.mlp.upProj;
      const before = await weight.data();
      const apart = await model.forward(tokens()).data();
      await peft.mergeAdapter({ safeMerge: true });
      expect(await weight.data()).not.toEqual(before);
      const merged = await model.forward(tokens()).data();
      expect(relativeError(merged, apart)).toBeLessThan(dtype === "f32" ? 1e-5 : 0.05);
      await expect(peft.mergeAdapter()).rejects.toThrow("must not be merged");
      await peft.unmergeAdapter();
      expect(await weight.data()).toEqual(before);
      expect(await model.forward(tokens()).data()).toEqual(apart);
    }
  });

  it("leaves a plain model behind", async () => {
    const model = makeLlama();
    const keys = Object.keys(model.stateDict());
    const peft = getPeftModel(model, { ...strong, modulesToSave: ["lm_head"] });
    const apart = await model.forward(tokens()).data();
    const plain = await peft.mergeAndUnload();
    expect(Object.keys(plain.stateDict())).toEqual(keys);
    expect(relativeError(await plain.forward(tokens()).data(), apart)).toBeLessThan(1e-5);
    expect(plain.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
    const before = await plain.forward(tokens()).data();
    await getPeftModel(plain, strong).unload();
    expect(Object.keys(plain.stateDict())).toEqual(keys);
    expect(await plain.forward(tokens()).data()).toEqual(before);
  });

  it("drops parts of its input in training only", async () => {
    const peft = getPeftModel(makeLlama(), { ...strong, loraDropout: 0.5 });
    const read = (): Promise<unknown> => peft.model.forward(tokens()).data();
    peft.train();
    expect(await read()).not.toEqual(await read());
    peft.eval();
    expect(await read()).toEqual(await read());
  });

  it("is f32 on a base in half precision", () => {
    const isExact = (autocastAdapterDtype: boolean): boolean =>
      getPeftModel(makeLlama().to("bf16"), { r: 2 }, { autocastAdapterDtype })
        .trainableParameters()
        .every(({ dtype }) => dtype === "f32");
    expect(isExact(true)).toBe(true);
    expect(isExact(false)).toBe(false);
  });
});

describe("several adapters", () => {
  it("are switched, added up, deleted, and saved in folders of their own", async () => {
    const model = makeLlama();
    const peft = getPeftModel(model, strong).addAdapter("second", { ...strong, r: 2 });
    const read = (): Promise<unknown> => model.forward(tokens()).data();
    expect(peft.activeAdapters).toEqual(["default"]);
    const first = await read();
    const isSecond = (key: string): boolean => key.includes(".second.");
    const learned = (): string[] =>
      model.namedParameters().flatMap(([key, { requiresGrad }]) => (requiresGrad ? [key] : []));
    expect(learned().some(isSecond)).toBe(false);
    const second = (peft.setAdapter("second"), await read());
    expect(second).not.toEqual(first);
    expect(learned().every(isSecond)).toBe(true);
    const both = (peft.setAdapter(["default", "second"]), await read());
    expect(both).not.toEqual(second);
    await temporary(async (folder) => {
      await savePeftModel(folder, peft);
      peft.setAdapter("default").deleteAdapter("second");
      expect(await read()).toEqual(first);
      await loadAdapter(peft, join(folder, "second"), { adapterName: "again" });
      expect(await read()).toEqual(first);
      peft.setAdapter("again");
      expect(await read()).toEqual(second);
    });
  });

  it("switches while a promise is open", async () => {
    const peft = getPeftModel(makeLlama(), strong);
    const adapted = await peft.model.forward(tokens()).data();
    const plain = await peft.disableAdapter(async () => {
      await Promise.resolve();
      return peft.model.forward(tokens()).data();
    });
    expect(plain).not.toEqual(adapted);
    expect(await peft.model.forward(tokens()).data()).toEqual(adapted);
  });
});

describe("what is refused", () => {
  const refuse =
    (config: object): (() => unknown) =>
    () =>
      getPeftModel(makeLlama(), config);

  it.each([
    [{ rank: 8 }, "rank"],
    [{ r: 0 }, "integer ≥ 1"],
    [{ loraDropout: 1 }, "[0, 1)"],
    [{ targetModules: ["nothing"] }, "q_proj"],
    [{ targetModules: ["self_attn"] }, "DecoderAttention"],
    [{ targetModules: "(" }, "regular expressions"],
    [{ modulesToSave: ["nothing"] }, "modulesToSave"],
    [{ bias: "some" }, "lora_only"],
    [{ initLoraWeights: "pissa" }, "gaussian"],
    [{ layersToTransform: 1, targetModules: ".*q_proj" }, "layersToTransform"],
  ])("%j", (config, part) => {
    expect(refuse(config)).toThrow(part);
  });

  it("a merge that would change a tied table", async () => {
    const model = new Llama({ ...small, numAttentionHeads: 4, tieWordEmbeddings: true });
    const peft = getPeftModel(model, { targetModules: ["embed_tokens"] });
    await expect(peft.mergeAdapter()).rejects.toThrow("lm_head");
  });

  it("a second adapter beside trained biases, and names with dots", () => {
    const peft = getPeftModel(makeLlama(), { bias: "all" });
    expect(() => peft.addAdapter("second")).toThrow("several adapters");
    expect(() => peft.addAdapter("a.b")).toThrow("no dots");
    expect(() => peft.addAdapter("default")).toThrow("must be new");
  });

  it("files that do not fit, and then nothing has changed", async () => {
    const model = makeLlama();
    const keys = Object.keys(model.stateDict());
    await expect(loadPeftModel(model, folderOf("gpt2"))).rejects.toThrow("targetModules");
    await expect(loadPeftModel(model, fixtures)).rejects.toThrow("adapter_config");
    const twice = { useDora: true, targetModules: ["q_proj", "embed_tokens"] };
    expect(() => getPeftModel(model, twice)).toThrow("useDora");
    expect(Object.keys(model.stateDict())).toEqual(keys);
    expect(model.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
  });
});
