import { describe, expect, it } from "vitest";
import { ArrayDataset } from "./array-dataset.ts";
import { DataLoader } from "./data-loader.ts";
import { Subset } from "./dataset.ts";
import { cacheDataset, ConcatDataset, mapDataset } from "./derived-dataset.ts";
import { itemContext } from "./item-context.ts";
import { ChainDataset, mapIterable, shuffleIterable } from "./iterable-dataset.ts";
import { RandomSampler } from "./sampler.ts";

async function all<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const letters = new ArrayDataset(["a", "b", "c"]);

describe("derived datasets", () => {
  it("lie behind each other", () => {
    const joined = new ConcatDataset([
      letters,
      new ArrayDataset<string>([]),
      new ArrayDataset(["d"]),
    ]);
    expect([joined.length, [...joined.cumulativeSizes]]).toEqual([4, [3, 3, 4]]);
    expect([0, 1, 2, 3].map((index) => joined.get(index))).toEqual(["a", "b", "c", "d"]);
    for (const index of [-1, 4, 0.5]) expect(() => joined.get(index)).toThrow("0 … 3");
    expect(() => new ConcatDataset([])).toThrow("got none");
  });

  it("change items with numbers of seed, epoch, index and occurrence", async () => {
    const drawing = mapDataset(
      letters,
      (letter, { random, epoch }) => `${letter}${epoch}${random.uint32()}`,
    );
    expect(drawing.get(1)).toBe(drawing.get(1, itemContext({ index: 1 })));
    expect(drawing.get(1, itemContext({ index: 1, epoch: 1 }))).toMatch(/^b1/);
    const collate = (items: readonly string[]): string[] => [...items];
    const run = async (batchSize: number, seed: number): Promise<string[]> => {
      const loader = new DataLoader(drawing, { batchSize, shuffle: true, seed, collate });
      return (await all(loader)).flat().toSorted();
    };
    expect(await run(1, 0)).toEqual(await run(3, 0));
    expect(await run(1, 0)).not.toEqual(await run(1, 1));

    const sampler = new RandomSampler(letters, { replacement: true, numSamples: 12 });
    const [repeated] = await all(new DataLoader(drawing, { batchSize: 12, sampler, collate }));
    expect(new Set(repeated).size).toBe(12);
  });

  it("keep promises promises", async () => {
    const slow = { length: 2, get: (index: number) => Promise.resolve(index * 10) };
    const mapped = mapDataset(slow, (value) => value + 1);
    const promised: Promise<number> = mapped.get(1);
    expect(await promised).toBe(11);
    const subset = new Subset(mapped, [1, 0]);
    const collate = (items: readonly number[]): number[] => [...items];
    expect(await all(new DataLoader(subset, { batchSize: 2, collate }))).toEqual([[11, 1]]);
  });

  it("read each item once, but for those that failed", async () => {
    let reads = 0;
    const counted = cacheDataset({
      length: 2,
      get: async (index: number) => {
        reads++;
        if (reads === 1) throw new Error("busy");
        return index;
      },
    });
    await expect(counted.get(0)).rejects.toThrow("busy");
    expect([await counted.get(0), await counted.get(0), await counted.get(1), reads]).toEqual([
      0, 0, 1, 3,
    ]);
  });
});

describe("streams", () => {
  it("lie behind each other and are changed", async () => {
    const chained = new ChainDataset<number>([
      [1, 2],
      {
        async *[Symbol.asyncIterator]() {
          yield 3;
        },
      },
    ]);
    expect(await all(chained)).toEqual([1, 2, 3]);
    expect(await all(mapIterable(chained, async (item) => item * 2))).toEqual([2, 4, 6]);
  });

  it("are shuffled through a buffer, by seed and epoch", async () => {
    const numbers = Array.from({ length: 100 }, (_, i) => i);
    const stream = shuffleIterable(numbers, 10);
    const first = await all(stream);
    expect(first.toSorted((a, b) => a - b)).toEqual(numbers);
    expect(first).not.toEqual(numbers);
    first.forEach((item, place) => expect(item).toBeLessThanOrEqual(place + 10));
    const collate = (items: readonly number[]): number[] => [...items];
    const loader = new DataLoader(stream, { batchSize: 100, seed: 3, collate });
    const epochs = [...(await all(loader)), ...(await all(loader))];
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(await all(new DataLoader(stream, { batchSize: 100, seed: 3, collate }))).toEqual([
      epochs[0],
    ]);
    expect(() => shuffleIterable(numbers, 0)).toThrow("got 0");
  });
});
