import { describe, expect, it } from "vitest";
import {
  BatchSampler,
  DistributedSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./sampler.ts";

const ten = { length: 10 };
const sorted = (values: ArrayLike<number>): number[] =>
  Array.from(values).toSorted((a, b) => a - b);
const range = Array.from({ length: 10 }, (_, i) => i);

describe("samplers", () => {
  it("go through all items, in order or shuffled by seed and epoch", () => {
    expect([...new SequentialSampler(ten).indices()]).toEqual(range);
    const sampler = new RandomSampler(ten, { seed: 1 });
    expect(sorted(sampler.indices(0))).toEqual(range);
    expect(sampler.indices(0)).toEqual(new RandomSampler(ten, { seed: 1 }).indices(0));
    expect(sampler.indices(0)).not.toEqual(sampler.indices(1));
    expect(sampler.indices(0)).not.toEqual(new RandomSampler(ten).indices(0));
    expect(new RandomSampler({ length: 0 }).indices(0)).toHaveLength(0);
  });

  it("draw more or fewer items than there are", () => {
    const few = new RandomSampler(ten, { numSamples: 4 });
    expect([few.length, new Set(few.indices(0)).size]).toEqual([4, 4]);
    const many = new RandomSampler(ten, { numSamples: 25 }).indices(0);
    expect(sorted(many.subarray(0, 10))).toEqual(range);
    expect(sorted(many.subarray(10, 20))).toEqual(range);
    expect(new Set(many.subarray(20)).size).toBe(5);
    const drawn = new RandomSampler(ten, { replacement: true, numSamples: 5_000 }).indices(0);
    const counts = range.map((item) => drawn.filter((index) => index === item).length);
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(100);
    expect(() => new RandomSampler(ten, { numSamples: 0 })).toThrow(
      "numSamples must be an integer",
    );
  });

  it("keep to a subset", () => {
    const sampler = new SubsetRandomSampler([3, 5, 8]);
    expect([sampler.length, sorted(sampler.indices(2))]).toEqual([3, [3, 5, 8]]);
  });

  it("draw by weight", () => {
    const drawn = new WeightedRandomSampler([1, 0, 3], 8_000).indices(0);
    const share = (item: number): number => drawn.filter((index) => index === item).length / 8_000;
    expect(share(1)).toBe(0);
    expect(Math.abs(share(2) - 0.75)).toBeLessThan(0.02);
    const distinct = new WeightedRandomSampler([1, 0, 5, 1], 3, { replacement: false });
    expect(sorted(distinct.indices(0))).toEqual([0, 2, 3]);
    const first = Array.from({ length: 700 }, (_, epoch) => distinct.indices(epoch)[0]);
    expect(Math.abs(first.filter((item) => item === 2).length / 700 - 5 / 7)).toBeLessThan(0.06);
    const make = (weights: number[], count: number, replacement: boolean) => () =>
      new WeightedRandomSampler(weights, count, { replacement });
    expect(make([0, 0], 1, true)).toThrow("at least 1 weights must be positive, got 0");
    expect(make([1, 0], 2, false)).toThrow("at least 2 weights must be positive, got 1");
    expect(make([1, -1], 1, true)).toThrow("got -1 at 1");
    expect(make([NaN], 1, true)).toThrow("got NaN at 0");
  });

  it("share items among processes", () => {
    const shares = (options: { dropLast?: boolean; shuffle?: boolean }) =>
      [0, 1, 2].map((rank) => new DistributedSampler(ten, { numReplicas: 3, rank, ...options }));
    const plain = shares({ shuffle: false }).map((sampler) => [...sampler.indices(0)]);
    expect(plain).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7, 0],
      [2, 5, 8, 1],
    ]);
    const dropped = shares({ shuffle: false, dropLast: true }).map((sampler) => [
      ...sampler.indices(0),
    ]);
    expect(dropped).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5, 8],
    ]);
    const shuffled = shares({}).flatMap((sampler) => [...sampler.indices(4)]);
    expect([shuffled.length, new Set(shuffled).size]).toEqual([12, 10]);
    const tiny = new DistributedSampler({ length: 1 }, { numReplicas: 4, rank: 3 });
    expect([...tiny.indices(0)]).toEqual([0]);
    expect(() => new DistributedSampler(ten, { numReplicas: 2, rank: 2 })).toThrow(
      "rank must be 0 … 1",
    );
    expect(() => new DistributedSampler(ten, { numReplicas: 0, rank: 0 })).toThrow("numReplicas");
  });

  it("are cut into batches", () => {
    const whole = new BatchSampler(new SequentialSampler(ten), 4);
    expect([whole.length, [...whole.batches(0)].map((batch) => [...batch])]).toEqual([
      3,
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
      ],
    ]);
    expect([...new BatchSampler(new SequentialSampler(ten), 4, true).batches(0)]).toHaveLength(2);
    expect(() => new BatchSampler(new SequentialSampler(ten), 1.5)).toThrow("got 1.5");
  });
});
