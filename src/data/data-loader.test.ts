import { describe, expect, it } from "vitest";
import { stackItems } from "./collate.ts";
import { DataLoader } from "./data-loader.ts";
import { TensorDataset } from "./dataset.ts";
import { hostTensor } from "./host-tensor.ts";
import type { StreamContext } from "./iterable-dataset.ts";
import { SequentialSampler } from "./sampler.ts";

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

  it("reads items ahead of the batch in use, and no further", async () => {
    const started: number[] = [];
    const slow = {
      length: 10,
      get: async (index: number) => {
        started.push(index);
        await new Promise((done) => setTimeout(done, (index * 7) % 4));
        return index;
      },
    };
    const loader = new DataLoader(slow, { batchSize: 2, prefetch: 2, collate });
    const seen: number[] = [];
    for await (const batch of loader) {
      seen.push(...batch);
      expect(started).toHaveLength(Math.min(10, seen.length + 4));
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    started.length = 0;
    for await (const batch of new DataLoader(slow, { batchSize: 2, collate })) {
      expect(started).toHaveLength(batch[1] + 1);
    }
  });

  it("passes the error of an item on in its place", async () => {
    const torn = {
      length: 8,
      get: async (index: number) => {
        if (index === 4) throw new Error("torn");
        return index;
      },
    };
    for (const prefetch of [0, 1, 9]) {
      const seen: number[][] = [];
      const loader = new DataLoader(torn, { batchSize: 2, prefetch, collate });
      const run = async (): Promise<void> => {
        for await (const batch of loader) seen.push(batch);
      };
      await expect(run()).rejects.toThrow("torn");
      expect(seen).toEqual([
        [0, 1],
        [2, 3],
      ]);
      expect(loader.stateDict()).toMatchObject({ epoch: 0, batch: 2 });
    }
  });

  it("takes samplers and batches of any size", async () => {
    const sampler = new SequentialSampler({ length: 5 });
    expect(await epoch(new DataLoader(numbers, { batchSize: 3, sampler, collate }))).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    const batchSampler = { length: 2, batches: () => [[9], [1, 1, 2]] };
    const loader = new DataLoader(numbers, { batchSampler, collate });
    expect([loader.length, await epoch(loader)]).toEqual([2, [[9], [1, 1, 2]]]);
    const state = { ...loader.stateDict(), epoch: 4, batch: 1 };
    const after = new DataLoader(numbers, { batchSampler, collate });
    after.loadStateDict(state);
    expect([await epoch(after), after.epoch]).toEqual([[[1, 1, 2]], 5]);
    const make = (options: object) => () => new DataLoader(numbers, options);
    expect(make({ sampler, shuffle: true })).toThrow("a sampler excludes shuffle, got shuffle");
    expect(make({ batchSampler, batchSize: 2, dropLast: true })).toThrow("got batchSize, dropLast");
    expect(make({ prefetch: -1 })).toThrow("prefetch must be an integer of at least 0, got -1");
    const beyond = { length: 1, indices: () => [10] };
    await expect(epoch(new DataLoader(numbers, { sampler: beyond }))).rejects.toThrow(
      "index must be 0 … 9, got 10",
    );
  });

  it("reads streams, resumes in them and closes them", async () => {
    let closed = 0;
    const stream = {
      async *[Symbol.asyncIterator]({ epoch: number }: StreamContext = { epoch: 0, seed: 0 }) {
        try {
          for (let i = 0; i < 7; i++) yield 10 * number + i;
        } finally {
          closed++;
        }
      },
    };
    for (const prefetch of [0, 3]) {
      closed = 0;
      const loader = new DataLoader(stream, { batchSize: 3, prefetch, collate });
      expect(await epoch(loader)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
      for await (const batch of loader) {
        expect(batch).toEqual([10, 11, 12]);
        break;
      }
      expect(closed).toBe(2);
      const after = new DataLoader(stream, { batchSize: 3, prefetch, collate });
      after.loadStateDict(JSON.parse(JSON.stringify(loader.stateDict())));
      expect(await epoch(after)).toEqual([[13, 14, 15], [16]]);
      const dropping = new DataLoader(stream, { batchSize: 3, dropLast: true, prefetch, collate });
      expect(await epoch(dropping)).toHaveLength(2);
      expect(() => loader.length).toThrow("length is not known for a stream");
      expect(() => new DataLoader(stream, { shuffle: true })).toThrow(
        "a stream has an order of its own",
      );
    }
    expect(await epoch(new DataLoader([1, 2, 3], { batchSize: 2, collate }))).toEqual([
      [1, 2],
      [3],
    ]);
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

  it("stacks typed arrays, and neighbours in memory as well as strangers", async () => {
    const rows = [0, 2, 4].map((start) => Float32Array.of(start, start + 1));
    expect(await stackItems(rows).tolist()).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    const memory = Float32Array.from({ length: 8 }, (_, i) => i);
    const views = (starts: readonly number[]) =>
      starts.map((start) => hostTensor(memory.subarray(start, start + 2), [2]));
    for (const starts of [[2, 4, 6], [4, 2, 6], [0, 4], [6]]) {
      const stacked = stackItems(views(starts));
      expect(await stacked.tolist()).toEqual(starts.map((start) => [start, start + 1]));
      memory[0] = -1; // the tensor has a copy
      memory[0] = 0;
    }
  });

  it("refuses items that differ, and things without a meaning", () => {
    const items = [hostTensor(new Float32Array(2)), hostTensor(new Float32Array(3))];
    expect(() => stackItems(items)).toThrow("got f32[2] and f32[3] (item 1)");
    expect(() => stackItems([undefined])).toThrow("got undefined; give the loader a collate");
  });
});
