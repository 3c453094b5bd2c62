import { grad, tensor } from "athanor";
import { functional as F } from "athanor/nn";
import { describe, expect, it } from "vitest";

/** Layer norm in doubles, by the definition. */
function exact(row: ArrayLike<number>, eps = 1e-5): number[] {
  const values = Array.from(row);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return values.map((x) => (x - mean) / Math.sqrt(variance + eps));
}

/** Numbers of a fixed sequence, about even in [-1, 1]. */
const noise = (size: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1)) * Math.cos(78.233 * i));

/** Where the pivot of a row of 1024 is taken from. */
const pivots = [0.12, 0.5, 0.74].map((part) => Math.floor(1024 * part));

const rows: [string, number[], number?][] = [
  ["plain", noise(1024)],
  ["a mean a thousand times the deviation", noise(1024).map((x) => 1000 + x)],
  ["an outlier that is part of the pivot", noise(1024).with(512, 3000)],
  [
    "outliers wherever the pivot looks",
    noise(1024).map((x, i) => (pivots.includes(i) ? 900 : x)),
    2e-5,
  ],
  ["tiny numbers", noise(1024).map((x) => 1e-12 * x)],
  ["large numbers", noise(1024).map((x) => 1e15 * x)],
  ["an odd length", noise(1023)],
  ["the shortest row with a pivot", noise(64)],
];

describe("layer norm of long rows, one pass over memory", () => {
  it.each(rows)("%s", async (_name, values, tolerance = 4e-6) => {
    const row = Float32Array.from(values);
    const y = await F.layerNorm(tensor(row), row.length).data();
    const wanted = exact(row);
    const scale = Math.max(...wanted.map(Math.abs));
    wanted.forEach((value, i) => expect(Math.abs(y[i] - value)).toBeLessThan(tolerance * scale));
  });

  it("a constant row is zero, and its gradient finite", async () => {
    const x = tensor(new Float32Array(256).fill(0.1));
    const y = F.layerNorm(x, 256);
    const [g] = grad(y.mul(tensor(Float32Array.from(noise(256)))).sum(), [x]);
    expect(Math.max(...(await y.abs().data()))).toBeLessThan(1e-4);
    expect((await g.data()).every(Number.isFinite)).toBe(true);
  });

  it("infinity and NaN spoil their row only", async () => {
    const values = noise(3 * 128);
    const y = F.layerNorm(
      tensor(Float32Array.from(values.with(5, Infinity).with(300, NaN))).reshape([3, 128]),
      128,
    );
    const kinds = (await y.tolist()) as number[][];
    expect(kinds.map((row) => row.every(Number.isNaN))).toEqual([true, false, true]);
    expect(kinds[1].every(Number.isFinite)).toBe(true);
  });
});
