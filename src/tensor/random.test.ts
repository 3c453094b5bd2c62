// Draws with fixed seeds against what they promise.
import { init, multinomial, random, randnLike, randperm, tensor, zeros } from "athanor";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

const count = 20_000;

beforeAll(async () => {
  await init();
});

beforeEach(() => {
  random.manualSeed(7);
});

describe("random", () => {
  it("tells the seed it began with", () => {
    expect(random.initialSeed()).toBe(7);
    const generator = new random.Generator(3);
    expect(generator.initialSeed()).toBe(3);
    expect(generator.manualSeed(11).initialSeed()).toBe(11);
  });

  it("exponential has mean 1 / lambd", async () => {
    const x = random.exponential([count], { lambd: 4 });
    expect(await x.mean().item()).toBeCloseTo(0.25, 2);
    expect(await x.min().item()).toBeGreaterThanOrEqual(0);
  });

  it("cauchy has its quartiles", async () => {
    const x = random.cauchy([count], { median: 1, sigma: 2 });
    const [low, middle, high] = await x.quantile([0.25, 0.5, 0.75]).data();
    expect(low).toBeCloseTo(-1, 0);
    expect(middle).toBeCloseTo(1, 0);
    expect(high).toBeCloseTo(3, 0);
  });

  it("geometric starts at 1 and has mean 1 / p", async () => {
    const x = random.geometric([count], 0.25);
    expect(await x.min().item()).toBe(1);
    expect(Math.abs((await x.mean().item()) - 4)).toBeLessThan(0.1);
    expect(() => random.geometric([1], 1)).toThrow("random.geometric: p must be in (0, 1), got 1");
  });

  it("logNormal is e to the power of normal values", async () => {
    const x = random.logNormal([count], { mean: 0.5, std: 0.25 }).log();
    expect(await x.mean().item()).toBeCloseTo(0.5, 2);
    expect(await x.std().item()).toBeCloseTo(0.25, 2);
  });

  it("poisson has its mean for small and large rates", async () => {
    const rates = tensor([0, 0.3, 4, 12, 500]);
    const x = random.poisson(rates.expand([count, 5]));
    const off = x.mean({ dim: 0 }).sub(rates).abs().div(rates.sqrt().clampMin(1e-3));
    expect(await off.max().item()).toBeLessThan(5 / Math.sqrt(count));
  });

  it("like draws take shape and dtype", () => {
    const x = zeros([2, 3], { dtype: "f64" });
    expect([randnLike(x).dtype, ...randnLike(x).shape]).toEqual(["f64", 2, 3]);
    expect(random.randintLike(x, 0, 5).dtype).toBe("f64");
    expect(random.randLike(x).shape).toEqual([2, 3]);
  });

  it("randperm holds every number once", async () => {
    const places = await randperm(100).data();
    expect(Array.from(places).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
  });
});

describe("multinomial", () => {
  const weights = tensor([0, 1, 3, 0, 6]);

  it("draws in proportion to the weights, with replacement", async () => {
    const drawn = multinomial(weights, count, { replacement: true });
    expect(drawn.dtype).toBe("i32");
    const shares = (await drawn.bincount({ minlength: 5 })).div(count);
    expect(await shares.sub(weights.div(10)).abs().max().item()).toBeLessThan(0.02);
    expect(await shares.select(0, 0).item()).toBe(0);
    expect(await shares.select(0, 3).item()).toBe(0);
  });

  it("draws distinct indices without replacement, rows apart", async () => {
    const rows = multinomial(weights.expand([4000, 5]), 3);
    expect(rows.shape).toEqual([4000, 3]);
    const sorted = await rows.sort().values.unique({ dim: 0 });
    expect(await sorted.tolist()).toEqual([[1, 2, 4]]);
    const first = (await rows.select(1, 0).bincount({ minlength: 5 })).div(4000);
    expect(await first.sub(weights.div(10)).abs().max().item()).toBeLessThan(0.04);
  });

  it("refuses more samples than weights", () => {
    expect(() => multinomial(weights, 6)).toThrow("random.multinomial: needs weights");
  });
});
