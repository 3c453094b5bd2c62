import { random, zeros } from "athanor";
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const { cases } = loadFixture("initializer");
const { init, Linear, Conv1d, Conv2d, ConvTranspose2d, Embedding } = nn;
const classes = { Linear, Conv1d, Conv2d, ConvTranspose2d, Embedding };

async function momentsOf(x: Tensor) {
  const data = Float64Array.from(await x.data());
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return { mean, std: Math.sqrt(variance), largest, count: data.length };
}

const gains = cases.filter(({ op }) => op === "calculateGain");
const fills = cases.filter(({ op }) => op.startsWith("kaiming") || op.startsWith("xavier"));
const layers = cases.filter(({ constructorArgs }) => constructorArgs !== undefined);

describe("init", () => {
  it.each(gains)("calculateGain: $name", ({ args, value = 0 }) => {
    const { nonlinearity, param } = args as { nonlinearity: nn.init.Nonlinearity; param?: number };
    expect(init.calculateGain(nonlinearity, param)).toBeCloseTo(value, 12);
  });

  it.each(fills)("$name", async ({ op, args, shape = [], fanIn, fanOut, bound, std = 0 }) => {
    random.manualSeed(11);
    const x = zeros(shape);
    expect(init.calculateFanInAndFanOut(x)).toEqual({ fanIn, fanOut });
    init[op as "kaimingUniform"](x, args);
    const { mean, std: seen, largest, count } = await momentsOf(x);
    const limit = bound ?? Infinity;
    // Six standard errors of a mean and of a deviation.
    expect(Math.abs(mean)).toBeLessThan((6 * std) / Math.sqrt(count));
    expect(Math.abs(seen / std - 1)).toBeLessThan(6 / Math.sqrt(2 * count));
    expect(largest).toBeLessThanOrEqual(Math.fround(limit));
    // The largest of many uniform values is close to the bound.
    expect(bound === undefined || largest > bound * (1 - 20 / count)).toBe(true);
  });

  it.each(layers)("$name starts as in PyTorch", async (one) => {
    random.manualSeed(12);
    const { op, constructorArgs = [], weightShape, weightBound, biasBound, weightStd } = one;
    const make = classes[op as "Linear"] as new (...args: unknown[]) => nn.Linear;
    const layer = new make(...constructorArgs);
    expect(layer.weight.shape).toEqual(weightShape);
    const weight = await momentsOf(layer.weight);
    const std = weightStd ?? (weightBound ?? 0) / Math.sqrt(3);
    expect(Math.abs(weight.std / std - 1)).toBeLessThan(6 / Math.sqrt(2 * weight.count));
    expect(weight.largest).toBeLessThanOrEqual(Math.fround(weightBound ?? Infinity));
    const bias = await momentsOf(layer.bias ?? zeros([1])); // an Embedding has none
    expect(bias.largest).toBeLessThanOrEqual(Math.fround(biasBound ?? Infinity));
    expect(bias.largest > 0).toBe(biasBound !== undefined);
  });

  it("truncNormal keeps its bounds and the deviation of the cut distribution", async () => {
    random.manualSeed(13);
    const x = init.truncNormal(zeros([100, 100]), { mean: 1, std: 0.5, a: 0.5, b: 2 });
    const data = await x.data();
    expect(data.every((value) => value >= 0.5 && value <= 2)).toBe(true);
    const { mean, std } = await momentsOf(x);
    // scipy.stats.truncnorm(-1, 2, loc=1, scale=0.5)
    expect(mean).toBeCloseTo(1.1146, 1.5);
    expect(std).toBeCloseTo(0.3595, 1.5);
  });

  it("fills with constants and the identity", async () => {
    expect(await init.eye(zeros([2, 3])).tolist()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(await init.constant(zeros([2]), 3).tolist()).toEqual([3, 3]);
    expect(() => init.kaimingUniform(zeros([3]))).toThrow(
      "init: fans need at least two dims, got [3]",
    );
  });

  it("repeats with the same seed and differs between layers", async () => {
    const draw = async () => {
      random.manualSeed(5);
      return [new nn.Linear(2, 2), new nn.Linear(2, 2)].map((layer) => layer.weight.tolist());
    };
    const [first, second] = [await Promise.all(await draw()), await Promise.all(await draw())];
    expect(first).toEqual(second);
    expect(first[0]).not.toEqual(first[1]);
  });
});
