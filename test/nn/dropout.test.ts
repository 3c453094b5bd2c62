import { Tensor, grad, jit, ones, random } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();
const f = nn.functional;

/** The different values of x, rounded. */
async function valuesOf(x: Tensor): Promise<number[]> {
  return [...new Set([...(await x.data())].map((value) => Number(value.toFixed(4))))].toSorted(
    (a, b) => a - b,
  );
}

describe("dropout", () => {
  it.each([
    ["dropout1d", [40, 3, 5], 2],
    ["dropout1d", [60, 5], 1],
    ["dropout2d", [30, 4, 2, 3], 2],
    ["dropout2d", [40, 3, 5], 2],
    ["dropout3d", [30, 4, 2, 2, 2], 2],
    ["dropout3d", [60, 2, 2, 2], 1],
    ["featureAlphaDropout", [40, 3, 5], 2],
  ] as const)("%s of %j drops whole channels", async (name, shape, lead) => {
    random.manualSeed(8);
    const y = f[name](ones(shape), { p: 0.4 });
    expect((await valuesOf(y)).length).toBe(2);
    // Every element equals the first of its channel.
    const first = shape.reduce<Tensor>((x, _, dim) => (dim < lead ? x : x.narrow(dim, 0, 1)), y);
    expect(await y.sub(first).abs().max().item()).toBe(0);
    const share = await y.lt(1).to("f32").mean().item();
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.6);
  });

  it("alphaDropout keeps mean and variance, and knows its two values", async () => {
    random.manualSeed(9);
    const x = random.normal([200, 200]);
    const y = f.alphaDropout(x, { p: 0.3 });
    expect(Math.abs(await y.mean().item())).toBeLessThan(0.02);
    expect(Math.abs((await y.std().item()) - 1)).toBeLessThan(0.02);
    // torch: a = ((1 + α² p)(1 − p))^-½, dropped −α a (1 − p), kept a x + α a p, with α = 1.7580993.
    const a = 1 / Math.sqrt((1 + 1.7580993408473766 ** 2 * 0.3) * 0.7);
    const values = await valuesOf(f.alphaDropout(ones([100]), { p: 0.3 }));
    expect(values[0]).toBeCloseTo(-1.7580993 * a * 0.7, 3);
    expect(values[1]).toBeCloseTo(a + 1.7580993 * a * 0.3, 3);
  });

  it("at p 0 and in evaluation gives x itself, at p 1 zeros", async () => {
    const x = ones([2, 3, 4]);
    const classes = [nn.Dropout, nn.Dropout1d, nn.AlphaDropout, nn.FeatureAlphaDropout];
    for (const type of classes) {
      expect(new type(0).forward(x)).toBe(x);
      expect(new type(0.5).eval().forward(x)).toBe(x);
      expect(await valuesOf(new type(1).forward(x))).toEqual([0]);
    }
    expect(new nn.Dropout3d(0.5).eval().forward(x)).toBe(x);
  });

  it("passes gradients where it kept, with its factor", async () => {
    random.manualSeed(10);
    const x = ones([50]);
    const run = jit((input: Tensor) => {
      const y = f.alphaDropout(input, { p: 0.5 });
      return { y, gradient: grad(y.sum(), [input])[0] };
    });
    const { y, gradient } = run(x);
    const [kept, slope] = [await y.data(), await gradient.data()];
    const a = 1 / Math.sqrt((1 + 1.7580993408473766 ** 2 * 0.5) * 0.5);
    kept.forEach((value, i) => expect(slope[i]).toBeCloseTo(value > 0 ? a : 0, 5));
  });
});

describe("tables", () => {
  it("come from pretrained ones, frozen or not", async () => {
    const table = random.normal([4, 3]);
    const frozen = nn.Embedding.fromPretrained(table, { paddingIdx: 1 });
    expect(frozen.weight.requiresGrad).toBe(false);
    expect(await frozen.weight.data()).toEqual(await table.data());
    const bag = nn.EmbeddingBag.fromPretrained(table, { freeze: false, mode: "sum" });
    expect(bag.weight.requiresGrad).toBe(true);
    expect(() => nn.Embedding.fromPretrained(ones([2]))).toThrow(
      "Embedding: the table must be a matrix, got [2]",
    );
  });

  it("shorten the rows they read to maxNorm, in place", async () => {
    const table = new nn.Embedding(3, 4, { maxNorm: 1 });
    table.weight.assign(ones([3, 4]));
    const index = Tensor.from(Int32Array.of(0, 2));
    const look = jit((places: Tensor) => table.forward(places));
    expect(
      (await look(index).norm({ dim: 1 }).data()).map((n) => Math.round(n * 1e5) / 1e5),
    ).toEqual(Float32Array.of(1, 1));
    const norms = await table.weight.norm({ dim: 1 }).data();
    expect([...norms].map((n) => n.toFixed(4))).toEqual(["1.0000", "2.0000", "1.0000"]);
  });
});
