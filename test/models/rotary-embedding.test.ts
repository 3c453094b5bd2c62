import { tensor } from "athanor";
import type { RopeParameters } from "athanor/models";
import { describe, expect, it } from "vitest";
import { RotaryEmbedding, inverseFrequencies } from "../../src/models/text/rotary-embedding.ts";
import { useTestDevice } from "../device.ts";

useTestDevice();

const sizes = { headDim: 4, maxPositionEmbeddings: 64 };

/** The factor of cosines: position 0 has cosine 1. */
async function factorOf(rope: RopeParameters): Promise<number> {
  const angles = new RotaryEmbedding(rope, sizes).angles(tensor([[0]], { dtype: "i32" }));
  return angles.cos.select(3, 0).item();
}

describe("attention factors", () => {
  const yarn = { ropeType: "yarn", ropeTheta: 100, factor: 4 } as const;
  const ones = [1, 1];
  const longrope = {
    ropeType: "longrope",
    ropeTheta: 100,
    shortFactor: ones,
    longFactor: ones,
  } as const;

  it.each<[string, RopeParameters, number]>([
    ["default", { ropeType: "default", ropeTheta: 100 }, 1],
    ["yarn", yarn, 0.1 * Math.log(4) + 1],
    ["yarn, given", { ...yarn, attentionFactor: 0.5 }, 0.5],
    [
      "yarn, two scales",
      { ...yarn, mscale: 1, mscaleAllDim: 0.5 },
      (0.1 * Math.log(4) + 1) / (0.05 * Math.log(4) + 1),
    ],
    // 64 / 16 = 4 where no factor is given.
    ["longrope", { ...longrope, originalMaxPositionEmbeddings: 16 }, Math.sqrt(1.5)],
    ["longrope within its context", longrope, 1],
  ])("%s", async (_, rope, factor) => {
    expect(await factorOf(rope)).toBeCloseTo(factor, 6);
  });
});

it("llama3 keeps short waves, divides long ones, and blends between", () => {
  const rope = { ropeType: "llama3", ropeTheta: 10_000, factor: 8 } as const;
  const scaled = {
    ...rope,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositionEmbeddings: 64,
  };
  const found = inverseFrequencies(scaled, { headDim: 8, maxPositionEmbeddings: 64 });
  // Turns within 64 positions: 10.2, 1.02, 0.10, 0.01.
  const kept = ((64 * 0.1) / (2 * Math.PI) - 1) / 3;
  expect(found[0]).toBe(1);
  expect(found[1]).toBeCloseTo((0.1 / 8) * (1 - kept) + 0.1 * kept, 12);
  expect(found[2]).toBeCloseTo(0.01 / 8, 12);
});

it("refuses options that are missing or out of range", () => {
  const make = (rope: Partial<RopeParameters>, headDim = 4): RotaryEmbedding =>
    new RotaryEmbedding({ ropeType: "default", ropeTheta: 100, ...rope }, { ...sizes, headDim });
  expect(() => make({ ropeTheta: 0 })).toThrow("ropeTheta must be a positive number");
  expect(() => make({ ropeType: "linear" })).toThrow("factor must be a positive number for linear");
  expect(() => make({}, 5)).toThrow("headDim must be even, got 5");
  const longrope = { ropeType: "longrope", longFactor: [1, 1] } as const;
  expect(() => make({ ...longrope, shortFactor: [1] })).toThrow("headDim / 2 = 2 positive numbers");
  const llama3 = { ropeType: "llama3", factor: 8, lowFreqFactor: 4, highFreqFactor: 1 } as const;
  expect(() => make(llama3)).toThrow("highFreqFactor must be larger");
});
