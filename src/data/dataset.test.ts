import { describe, expect, it } from "vitest";
import { Tensor } from "../tensor/tensor.ts";
import { randomSplit, stratifiedSplit, Subset, TensorDataset } from "./dataset.ts";
import { hostTensor } from "./host-tensor.ts";

const grid = hostTensor(Float32Array.from([0, 1, 2, 3, 4, 5]), [3, 2]);
const labels = hostTensor(Int32Array.from([7, 8, 9]));

describe("hostTensor", () => {
  it("takes dtype and shape from the data", () => {
    expect([labels.dtype, labels.shape]).toEqual(["i32", [3]]);
    expect(hostTensor(new Uint8Array(2), [2], { dtype: "bool" }).dtype).toBe("bool");
    expect(() => hostTensor(new Float32Array(3), [2])).toThrow("got 3 for [2]");
  });
});

describe("TensorDataset", () => {
  it("gives the rows of its columns without copying", () => {
    const dataset = new TensorDataset(grid, labels);
    const [row, label] = dataset.get(1);
    expect([row.shape, [...row.data]]).toEqual([[2], [2, 3]]);
    expect([label.shape, label.dtype, [...label.data]]).toEqual([[], "i32", [8]]);
    expect(row.data.buffer).toBe(grid.data.buffer);
  });

  it("copies tensors to the host", async () => {
    const dataset = await TensorDataset.from(Tensor.from(new Float32Array(6), [2, 3]));
    expect([dataset.length, dataset.get(0)[0].shape]).toEqual([2, [3]]);
  });

  it("refuses columns that disagree and items that do not exist", () => {
    expect(() => new TensorDataset(grid, hostTensor(new Float32Array(2)))).toThrow(
      "agree in their first dim, got [3, 2], [2]",
    );
    expect(() => new TensorDataset()).toThrow("got no columns");
    expect(() => new TensorDataset(hostTensor(new Float32Array(1), []))).toThrow("got []");
    for (const index of [-1, 3, 0.5]) {
      expect(() => new TensorDataset(grid).get(index)).toThrow(`0 … 2, got ${index}`);
    }
  });
});

describe("randomSplit", () => {
  const dataset = { length: 10, get: (index: number) => index };
  const items = (part: Subset<number>): number[] =>
    Array.from({ length: part.length }, (_, i) => part.get(i));

  it("cuts into parts that do not overlap, by counts and by fractions", () => {
    for (const sizes of [
      [7, 3, 0],
      [0.7, 0.3],
      [0.75, 0.25],
      [0.33, 0.33, 0.34],
    ]) {
      const parts = randomSplit(dataset, sizes, { seed: 4 });
      expect(parts.flatMap(items).toSorted((a, b) => a - b)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]);
    }
    const lengths = (sizes: number[]): number[] => randomSplit(dataset, sizes).map((p) => p.length);
    expect(lengths([0.33, 0.33, 0.34])).toEqual([4, 3, 3]);
    expect(lengths([1])).toEqual([10]);
  });

  it("depends on the seed alone", () => {
    const first = (seed: number): number[] => items(randomSplit(dataset, [5, 5], { seed })[0]);
    expect(first(1)).toEqual(first(1));
    expect(first(1)).not.toEqual(first(2));
  });

  it("refuses sizes that sum to something else", () => {
    expect(() => randomSplit(dataset, [5, 4])).toThrow("got [5, 4] with sum 9");
    expect(() => randomSplit(dataset, [0.5, 0.4])).toThrow("sum to the length 10 or to 1");
    expect(() => randomSplit(dataset, [11, -1])).toThrow("got [11, -1] with sum 10");
    expect(() => new Subset(dataset, [3]).get(1)).toThrow("0 … 0, got 1");
  });
});

describe("stratifiedSplit", () => {
  const classes = Int32Array.from({ length: 100 }, (_, i) => (i < 60 ? 0 : i < 90 ? 1 : 2));

  it("keeps the share of each class on both sides", () => {
    const { train, test } = stratifiedSplit(classes, 0.2, { seed: 3 });
    const share = (side: Uint32Array): number[] =>
      [0, 1, 2].map((label) => side.filter((index) => classes[index] === label).length);
    expect([share(train), share(test)]).toEqual([
      [48, 24, 8],
      [12, 6, 2],
    ]);
    expect(new Set([...train, ...test]).size).toBe(100);
  });

  it("depends on the seed alone", () => {
    const test = (seed: number): number[] => [...stratifiedSplit(classes, 0.1, { seed }).test];
    expect(test(1)).toEqual(test(1));
    expect(test(1)).not.toEqual(test(2));
    expect(() => stratifiedSplit(classes, 1.5)).toThrow("testFraction must be 0 … 1, got 1.5");
  });
});
