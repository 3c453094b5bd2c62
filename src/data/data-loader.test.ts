import { describe, expect, it } from "vitest";
import { stackItems } from "./collate.ts";
import { DataLoader } from "./data-loader.ts";
import { TensorDataset } from "./dataset.ts";
import { hostTensor } from "./host-tensor.ts";

const numbers = { length: 10, get: (index: number) => index };
const collate = (items: readonly number[]): number[] => [...items];

async function epoch<Batch>(loader: AsyncIterable<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

describe("DataLoader", () => {
  it("hands out batches in order, the last one partial or left out", async () => {
    const loader = new DataLoader(numbers, { batchSize: 4, collate });
    expect(await epoch(loader)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect([loader.length, loader.epoch]).toEqual([3, 1]);
    const dropping = new DataLoader(numbers, { batchSize: 4, dropLast: true, collate });
    expect([dropping.length, (await epoch(dropping)).length]).toEqual([2, 2]);
  });

  it("shuffles each epoch differently, by the seed", async () => {
    const options = { batchSize: 10, shuffle: true, collate };
    const loader = new DataLoader(numbers, { ...options, seed: 1 });
    const [first] = await epoch(loader);
    const [second] = await epoch(loader);
    expect(first.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(second).not.toEqual(first);
    expect(await epoch(new DataLoader(numbers, { ...options, seed: 1 }))).toEqual([first]);
    expect(await epoch(new DataLoader(numbers, { ...options, seed: 2 }))).not.toEqual([first]);
  });

  it("continues in the middle of an epoch with the same batches and random numbers", async () => {
    const options = {
      batchSize: 3,
      shuffle: true,
      seed: 5,
      collate: (items: readonly number[], { random }: { random: { uint32(): number } }) => [
        ...items,
        random.uint32(),
      ],
    };
    const whole = new DataLoader(numbers, options);
    const expected = [...(await epoch(whole)), ...(await epoch(whole))];
    expect(new Set(expected.map((batch) => batch.at(-1))).size).toBe(8);
    for (let seen = 0; seen <= 8; seen++) {
      const before = new DataLoader(numbers, options);
      const batches: number[][] = [];
      while (batches.length < seen) {
        for await (const batch of before) {
          batches.push(batch);
          if (batches.length === seen) break;
        }
      }
      const after = new DataLoader(numbers, options);
      after.loadStateDict(JSON.parse(JSON.stringify(before.stateDict())));
      while (batches.length < 8) batches.push(...(await epoch(after)));
      expect(batches.slice(0, 8)).toEqual(expected);
    }
  });

  it("begins a new epoch after a loop that was left early", async () => {
    const loader = new DataLoader(numbers, { batchSize: 5, collate });
    for await (const batch of loader) {
      expect(batch).toHaveLength(5);
      break;
    }
    expect(loader.stateDict()).toMatchObject({ epoch: 0, batch: 1 });
    expect(await epoch(loader)).toHaveLength(2);
    expect(loader.epoch).toBe(2);
  });

  it("refuses the state of a loader with other batches", () => {
    const state = new DataLoader(numbers, { batchSize: 5 }).stateDict();
    const other = new DataLoader(numbers, { batchSize: 4 });
    expect(() => other.loadStateDict(state)).toThrow(
      "batchSize must be as in the saved state to continue with the same batches, got 4 instead of 5",
    );
    expect(() => new DataLoader(numbers, { batchSize: 0 })).toThrow("positive integer, got 0");
  });

  it("stacks rows into tensors by default", async () => {
    const images = hostTensor(
      Uint8Array.from({ length: 12 }, (_, i) => i),
      [3, 2, 2],
    );
    const labels = hostTensor(Int32Array.from([5, 6, 7]));
    const loader = new DataLoader(new TensorDataset(images, labels), { batchSize: 2 });
    const [[pixels, classes], [last]] = await epoch(loader);
    expect([pixels.dtype, pixels.shape, classes.dtype]).toEqual(["u8", [2, 2, 2], "i32"]);
    expect([...(await pixels.data())]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...(await classes.data())]).toEqual([5, 6]);
    expect(last.shape).toEqual([1, 2, 2]);
  });

  it("has no batches over no items", async () => {
    const loader = new DataLoader({ length: 0, get: () => 0 });
    expect(await epoch(loader)).toEqual([]);
    expect(loader.stateDict()).toMatchObject({ epoch: 1, batch: 0 });
  });
});

describe("stackItems", () => {
  it("stacks numbers, booleans, strings and records of them", async () => {
    const batch = stackItems([
      { x: 1, isReal: true, name: "a", pair: [1, 2] as const },
      { x: 2.5, isReal: false, name: "b", pair: [3, 4] as const },
    ]);
    expect([batch.x.dtype, await batch.x.tolist()]).toEqual(["f32", [1, 2.5]]);
    expect(await batch.isReal.tolist()).toEqual([true, false]);
    expect(batch.name).toEqual(["a", "b"]);
    expect(await batch.pair[1].tolist()).toEqual([2, 4]);
  });

  it("refuses items that differ, and things without a meaning", () => {
    const items = [hostTensor(new Float32Array(2)), hostTensor(new Float32Array(3))];
    expect(() => stackItems(items)).toThrow("got f32[2] and f32[3] (item 1)");
    expect(() => stackItems([undefined])).toThrow("got undefined; give the loader a collate");
  });
});
