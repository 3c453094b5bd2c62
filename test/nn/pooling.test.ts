import type { Tensor } from "athanor";
import { grad, ones, random, tensor, vmap, zeros } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();
const f = nn.functional;

describe("pooling with places", () => {
  it("finds NaN and ignores the border", async () => {
    const odd = f.maxPool1dWithIndices(tensor([[[1, NaN, 3, 2]]]), 2);
    expect(await odd.values.tolist()).toEqual([[[NaN, 3]]]);
    expect(await odd.indices.tolist()).toEqual([[[1, 2]]]);
    const whole = tensor([[[1, 5, 3, 2]]], { dtype: "i32" });
    const pooled = f.maxPool1d(whole, 2, { padding: 1, returnIndices: true });
    expect(await pooled.values.tolist()).toEqual([[[1, 5, 2]]]);
    expect(await pooled.indices.tolist()).toEqual([[[0, 1, 3]]]);
  });

  it("maps over batches as over single inputs", async () => {
    random.manualSeed(1);
    const batch = random.normal([3, 2, 4, 6, 6]);
    const undo = (x: Tensor): Tensor => {
      const { values, indices } = f.maxPool2dWithIndices(x, 2);
      return f.maxUnpool2d(values, indices, 2);
    };
    const all = await vmap(undo)(batch).data();
    const size = all.length / 3;
    for (const k of [0, 1, 2]) {
      const one = await undo(batch.select(0, k)).data();
      expect(all.slice(k * size, (k + 1) * size)).toEqual(one);
    }
  });

  it("draws other windows at every call of a fractional pooling", async () => {
    random.manualSeed(2);
    const pool = new nn.FractionalMaxPool2d(2, { outputRatio: 0.6, returnIndices: true });
    const x = random.normal([1, 8, 12, 12]);
    const [first, second] = [pool.forward(x), pool.forward(x)];
    expect(first.values.shape).toEqual([1, 8, 7, 7]);
    expect(await first.indices.data()).not.toEqual(await second.indices.data());
    const places = first.indices.reshape([1, 8, 49]);
    const read = x.reshape([1, 8, 144]).gather(2, places);
    expect(await read.data()).toEqual(await first.values.data());
  });
});

describe("half types and tensors without elements", () => {
  const index = tensor(
    [
      [0, 1],
      [2, 3],
    ],
    { dtype: "i32" },
  );
  const layers: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    lpPool2d: (x) => f.lpPool2d(x, 2, 2),
    adaptiveAvgPool2d: (x) => f.adaptiveAvgPool2d(x, [4, 5]),
    fractionalMaxPool2d: (x) => f.fractionalMaxPool2d(x, 2, { outputSize: 3 }),
    localResponseNorm: (x) => f.localResponseNorm(x, 3),
    instanceNorm: (x) => f.instanceNorm(x),
    pixelShuffle: (x) => f.pixelShuffle(x, 2),
    alphaDropout: (x) => f.alphaDropout(x),
    maxUnpool2d: (x) => {
      const { values, indices } = f.maxPool2dWithIndices(x, 2, { stride: 1 });
      return f.maxUnpool2d(values, indices, 2, { stride: 1 });
    },
  };

  it.each(Object.entries(layers))("%s", async (_, layer) => {
    random.manualSeed(3);
    for (const dtype of ["f16", "bf16", "f64"] as const) {
      const x = random.uniform([2, 4, 6, 6], { low: 0.1 }).to(dtype);
      const y = layer(x);
      const [gradient] = grad(y.sum(), [x]);
      expect([y.dtype, gradient.dtype]).toEqual([dtype, dtype]);
      expect(await gradient.isfinite().all().item()).toBe(1);
    }
    expect((await layer(zeros([0, 4, 6, 6])).data()).length).toBe(0);
  });

  it("embeddingBag and embedding", async () => {
    const table = ones([4, 3], { dtype: "f16" });
    for (const mode of ["sum", "mean", "max"] as const) {
      const y = f.embeddingBag(index, table, { mode });
      expect([y.dtype, ...y.shape]).toEqual(["f16", 2, 3]);
      const offsets = tensor([0, 0], { dtype: "i32" });
      const none = f.embeddingBag(tensor([], { dtype: "i32" }), table, { mode, offsets });
      expect(await none.tolist()).toEqual([
        [0, 0, 0],
        [0, 0, 0],
      ]);
    }
    const empty = f.embedding(zeros([3, 0], { dtype: "i32" }), table, { scaleGradByFreq: true });
    expect(empty.shape).toEqual([3, 0, 3]);
    const [gradient] = grad(empty.sum(), [table]);
    expect(await gradient.sum().item()).toBe(0);
  });
});
