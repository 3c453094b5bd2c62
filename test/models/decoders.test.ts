import { join } from "node:path";
import { arange, autocast, cat, grad, jit, tensor } from "athanor";
import type { Tensor } from "athanor";
import { loadSafetensors } from "athanor/io";
import type { CausalLM } from "athanor/models";
import { loadCausalLm } from "athanor/models";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { relativeError, useTestDevice } from "../device.ts";

useTestDevice();
const folder = join(import.meta.dirname, "../fixtures/decoders");
const expectedOf = (name: string): Promise<Record<string, Tensor>> =>
  loadSafetensors(join(folder, name, "expected.safetensors"));

/** Logits of f32 agree to about five digits. */
const tolerance = 5e-5;

async function errorOf(actual: Tensor, expected: Tensor): Promise<number> {
  expect(actual.shape).toEqual(expected.shape);
  return relativeError(await actual.data(), await expected.data());
}

const names = [
  "gpt2",
  "llama",
  "llama-tied-biased",
  "llama-linear",
  "llama-dynamic",
  "llama-llama3",
  "llama-yarn",
  "llama-longrope",
  "mistral",
  "qwen2",
  "qwen2-window",
  "qwen3",
  "gemma",
  "gemma2",
  "gemma3",
];

const ggufNames = [
  "llama-f16",
  "llama-q8_0",
  "qwen2-q4_1",
  "qwen3-bf16",
  "gemma-f16",
  "gemma2-f16",
  "gemma3-f16",
  "gpt2-f16",
];

/** The second row's logits behind its padding. */
const realRows = (logits: Tensor, padding = 4): Tensor =>
  logits.narrow(0, 1, 1).narrow(1, padding, logits.shape[1] - padding);

describe("logits as transformers'", () => {
  it.each(names)("%s", async (name) => {
    const model = await loadCausalLm(join(folder, name));
    const { inputIds, attentionMask, logits, paddedLogits } = await expectedOf(name);
    const read = jit(() => ({
      plain: model.forward({ inputIds }),
      padded: model.forward({ inputIds, attentionMask }),
    }));
    const { plain, padded } = read();
    expect(await errorOf(plain, logits)).toBeLessThan(tolerance);
    expect(await errorOf(padded.narrow(0, 0, 1), paddedLogits.narrow(0, 0, 1))).toBeLessThan(
      tolerance,
    );
    expect(await errorOf(realRows(padded), realRows(paddedLogits))).toBeLessThan(tolerance);
  });

  it.each(ggufNames)("gguf %s", async (name) => {
    const model = await loadCausalLm(join(folder, "gguf", `${name}.gguf`));
    const { inputIds, logits } = await loadSafetensors(join(folder, "gguf", `${name}.safetensors`));
    expect(await errorOf(model.forward(inputIds), logits)).toBeLessThan(tolerance);
  });
});

describe("gradients as transformers'", () => {
  it.each(["llama", "qwen3", "gemma2"])("%s, with padding", async (name) => {
    const model = await loadCausalLm(join(folder, name));
    const { inputIds, attentionMask, loss, ...rest } = await expectedOf(name);
    const named = model.namedParameters();
    const step = jit(() => {
      const logits = model.forward({ inputIds, attentionMask });
      const isKnown = attentionMask.narrow(1, 0, 11).logicalAnd(attentionMask.narrow(1, 1, 11));
      const labels = inputIds.narrow(1, 1, 11).where(isKnown, -100);
      const value = nn.functional.crossEntropy(
        logits.narrow(1, 0, 11).reshape([22, -1]),
        labels.reshape([-1]),
      );
      return {
        value,
        grads: grad(
          value,
          named.map(([, parameter]) => parameter),
        ),
      };
    });
    const { value, grads } = step();
    expect(await errorOf(value.reshape([1]), loss)).toBeLessThan(tolerance);
    for (const [i, [key]] of named.entries())
      expect(await errorOf(grads[i], rest[`grad/${key}`])).toBeLessThan(1e-4);
  });
});

/** Hidden states by `decode`: a prompt at once, the rest token by token. */
async function decodeAll(model: CausalLM, inputIds: Tensor, prompt: number): Promise<number[]> {
  const [batch, length] = inputIds.shape;
  using cache = model.createCache({ batch, length: 16 });
  const found: Tensor[] = [];
  for (let from = 0; from < length; from = from === 0 ? prompt : from + 1) {
    const count = from === 0 ? prompt : 1;
    const places = Array.from({ length: count }, (_, i) => from + i);
    const mask = places.map((at) => Array.from({ length: 16 }, (_, place) => place <= at));
    const step = {
      positions: tensor(places, { dtype: "i32" }),
      positionIds: tensor([places], { dtype: "i32" }),
      mask: tensor([mask]),
    };
    found.push(model.decode(inputIds.narrow(1, from, count), cache, step));
    await found[found.length - 1].realize();
  }
  const rows = await Promise.all(
    found.map(async (part) => [...(await part.narrow(0, 1, 1).data())]),
  );
  return rows.flat();
}

describe("decode", () => {
  it.each(["gpt2", "llama-tied-biased", "llama-yarn", "mistral", "qwen3", "gemma2", "gemma3"])(
    "%s: with a cache as without",
    async (name) => {
      const model = await loadCausalLm(join(folder, name));
      const { inputIds } = await expectedOf(name);
      const whole = await model.hidden({ inputIds }).narrow(0, 1, 1).data();
      expect(relativeError(await decodeAll(model, inputIds, 5), whole)).toBeLessThan(1e-5);
    },
  );
});

describe("decode with padding on the left", () => {
  it.each(["gpt2", "llama", "qwen2-window", "gemma2"])("%s: as the row alone", async (name) => {
    const model = await loadCausalLm(join(folder, name));
    const { inputIds, attentionMask } = await expectedOf(name);
    using cache = model.createCache({ batch: 2, length: 16 });
    const places = arange(16);
    const start = attentionMask.pad([0, 4], { value: 1 });
    // As generation does it: the prompt and then one token, in compiled functions over one cache.
    const read = (ids: Tensor, positions: Tensor): Tensor => {
      const seen = places.le(positions.unsqueeze(1)).unsqueeze(0);
      const mask = seen.logicalAnd(start.unsqueeze(1));
      const positionIds = positions
        .unsqueeze(0)
        .sub(start.logicalNot().sum({ dim: 1, keepdim: true }));
      return model.decode(ids, cache, { positions, positionIds: positionIds.maximum(0), mask });
    };
    const fill = jit(() => read(inputIds.narrow(1, 0, 8), arange(8)));
    const next = jit((ids: Tensor, positions: Tensor) => read(ids, positions));
    const parts = [fill()];
    for (let at = 8; at < 12; at++) {
      parts.push(next(inputIds.narrow(1, at, 1), tensor([at], { dtype: "i32" })));
    }
    const rows = await cat(parts, { dim: 1 }).data();
    const decoded = [0, 4].map((from, row) => {
      const width = rows.length / 24;
      return rows.slice((12 * row + from) * width, 12 * (row + 1) * width);
    });
    for (const [row, from] of [0, 4].entries()) {
      const alone = inputIds.narrow(0, row, 1).narrow(1, from, 12 - from);
      const expected = await model.hidden({ inputIds: alone }).data();
      expect(relativeError(decoded[row], expected)).toBeLessThan(1e-5);
    }
  });
});

describe("bf16", () => {
  it.each(["llama", "gemma2"])(
    "%s: nearly as in f32, in parameters and under autocast",
    async (name) => {
      const { inputIds, logits } = await expectedOf(name);
      const exact = await logits.data();
      const half = await loadCausalLm(join(folder, name), { dtype: "bf16" });
      const found = half.forward(inputIds);
      expect(found.dtype).toBe("bf16");
      expect(relativeError(await found.float().data(), exact)).toBeLessThan(0.1);
      const model = await loadCausalLm(join(folder, name));
      const cast = autocast({ dtype: "bf16" }, () => model.forward(inputIds));
      expect(relativeError(await cast.float().data(), exact)).toBeLessThan(0.1);
    },
  );
});

describe("segments", () => {
  it.each(["gpt2", "llama", "mistral", "gemma3"])("%s: packed as apart", async (name) => {
    const model = await loadCausalLm(join(folder, name));
    const { inputIds } = await expectedOf(name);
    const row = inputIds.narrow(0, 0, 1);
    const segmentIds = tensor([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]], { dtype: "i32" });
    const packed = model.forward({ inputIds: row, segmentIds });
    expect(await errorOf(packed.narrow(1, 0, 5), model.forward(row.narrow(1, 0, 5)))).toBeLessThan(
      tolerance,
    );
    expect(await errorOf(packed.narrow(1, 5, 7), model.forward(row.narrow(1, 5, 7)))).toBeLessThan(
      tolerance,
    );
  });

  it("another token in one segment leaves the other's logits as they are, bit for bit", async () => {
    const model = await loadCausalLm(join(folder, "llama"));
    const { inputIds } = await expectedOf("llama");
    const segmentIds = tensor([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]], { dtype: "i32" });
    const logits = async (row: Tensor): Promise<unknown> =>
      model.forward({ inputIds: row, segmentIds }).narrow(1, 5, 7).tolist();
    const row = inputIds.narrow(0, 0, 1);
    const isFirst = tensor([[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]).gt(0);
    expect(await logits(row.maskedFill(isFirst, 7))).toEqual(await logits(row));
  });
});
