import { describe, expect, it } from "vitest";
import {
  allGather,
  allGatherIntoTensor,
  allGatherObject,
  allReduce,
  broadcast,
  isInitialized,
  recv,
  reduceScatter,
  reduceScatterTensor,
  send,
  splitGroup,
} from "../../src/dist/index.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { full, tensor, zeros } from "../../src/tensor/factories.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { onAll, openGroups } from "./groups.ts";

const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

describe.each([2, 4])("collectives on %i ranks", (size) => {
  it.each(["f32", "f64", "f16", "bf16", "i32", "u32", "i8", "u8"] as DType[])(
    "sum %s tensors in place",
    async (dtype) => {
      const groups = await openGroups(size);
      const results = await onAll(groups, async (group, rank) => {
        const x = tensor([rank + 1, 3, 5], { dtype });
        await allReduce(x, { group });
        return [x.dtype, await values(x)];
      });
      const sum = (size * (size + 1)) / 2;
      for (const result of results) expect(result).toEqual([dtype, [sum, 3 * size, 5 * size]]);
    },
  );

  it("adds bf16 values in f32 and rounds once", async () => {
    const groups = await openGroups(size);
    // 256 + 1 is 256 in bf16; 256 + size is not.
    const results = await onAll(groups, async (group, rank) => {
      const x = tensor([rank === 0 ? 256 : 2 / (size - 1)], { dtype: "bf16" });
      await allReduce(x, { group });
      return x.item();
    });
    expect(results).toEqual(groups.map(() => 258));
  });

  it("averages, and combines truth values", async () => {
    const groups = await openGroups(size);
    const results = await onAll(groups, async (group, rank) => {
      const [mean, any, all] = [tensor([rank]), tensor([rank === 1]), tensor([rank === 1])];
      await allReduce(mean, { group, op: "avg" });
      await allReduce(any, { group, op: "max" });
      await allReduce(all, { group, op: "min" });
      return [await mean.tolist(), await any.tolist(), await all.tolist()];
    });
    for (const result of results) expect(result).toEqual([[(size - 1) / 2], [true], [false]]);
  });

  it("scatters sums and gathers parts, as tensors and as lists", async () => {
    const groups = await openGroups(size);
    const results = await onAll(groups, async (group, rank) => {
      const own = zeros([2]);
      const input = full([2 * size], 1).mul(rank + 1);
      await reduceScatterTensor(own, input, { group });
      const all = zeros([size, 2]);
      await allGatherIntoTensor(all, own.add(rank), { group });
      const part = zeros([1]);
      const inputs = Array.from({ length: size }, (_, i) => tensor([i * 10]));
      await reduceScatter(part, inputs, { group });
      const parts = inputs.map(() => zeros([1]));
      await allGather(parts, part, { group });
      return [await all.tolist(), await Promise.all(parts.map((one) => one.item()))];
    });
    const sum = (size * (size + 1)) / 2;
    const ranks = groups.map(({ rank }) => rank);
    for (const result of results) {
      expect(result).toEqual([
        ranks.map((rank) => [sum + rank, sum + rank]),
        ranks.map((rank) => rank * 10 * size),
      ]);
    }
  });

  it("keeps the order of calls that are not awaited", async () => {
    const groups = await openGroups(size);
    const results = await onAll(groups, async (group) => {
      const list = [1, 2, 3].map((value) => full([1000 * value], value));
      const pending = list.map((x) => allReduce(x, { group }));
      // A later change is not part of what was sent.
      list[2].assign(list[2].mul(100));
      await Promise.all(pending);
      return Promise.all(list.map(async (x) => (await x.data()).at(-1)));
    });
    for (const result of results) expect(result).toEqual([size, 2 * size, 3 * size]);
  });

  it("passes tensors along", async () => {
    const groups = await openGroups(size);
    const results = await onAll(groups, async (group, rank) => {
      const token = tensor([[rank, -1]], { dtype: "f16" });
      const next = (rank + 1) % size;
      const got = zeros([1, 2], { dtype: "f16" });
      await Promise.all([
        send(token, next, { group }),
        recv(got, (rank + size - 1) % size, { group }),
      ]);
      await broadcast(token, size - 1, { group });
      return [await got.tolist(), await token.tolist()];
    });
    results.forEach((result, rank) => {
      expect(result).toEqual([[[(rank + size - 1) % size, -1]], [[size - 1, -1]]]);
    });
  });

  it("gathers what JSON can hold", async () => {
    const groups = await openGroups(size);
    const results = await onAll(groups, (group, rank) =>
      allGatherObject({ rank, text: "é".repeat(rank * 5) }, { group }),
    );
    for (const result of results) {
      expect(result).toEqual(groups.map(({ rank }) => ({ rank, text: "é".repeat(rank * 5) })));
    }
  });

  it("splits a group by colors, in the order of the keys", async () => {
    const groups = await openGroups(size);
    const results = await onAll(groups, async (group, rank) => {
      const part = await splitGroup(rank % 2, { key: -rank, group });
      const x = tensor([rank]);
      await allReduce(x, { group: part });
      await broadcast(x, part.ranks[0], { group: part });
      return [part.ranks, part.rank, await x.item()];
    });
    const wanted = {
      2: [
        [[0], 0, 0],
        [[1], 0, 1],
      ],
      4: [
        [[2, 0], 1, 2],
        [[3, 1], 1, 4],
        [[2, 0], 0, 2],
        [[3, 1], 0, 4],
      ],
    };
    expect(results).toEqual(wanted[size as 2 | 4]);
  });
});

describe("collectives refuse", () => {
  it("what cannot be combined", async () => {
    const [group] = await openGroups(1);
    await expect(allReduce(tensor([1], { dtype: "i32" }), { group, op: "avg" })).rejects.toThrow(
      'averages need a float dtype, got i32; use the op "sum"',
    );
    await expect(allReduce(tensor([true]), { group })).rejects.toThrow(
      'bool tensors are combined by max (any) or min (all), got "sum"',
    );
    await expect(allReduce(tensor([1]), { group, op: "mean" as "avg" })).rejects.toThrow(
      'op must be one of sum, avg, max, min, prod, got "mean"',
    );
  });

  it("shapes and ranks that do not fit", async () => {
    const [group] = await openGroups(1);
    await expect(reduceScatterTensor(zeros([2]), zeros([3]), { group })).rejects.toThrow(
      "for 1 ranks and parts of [2] the whole must be [2] or [1, 2], got [3]",
    );
    await expect(allGather([zeros([3])], zeros([2]), { group })).rejects.toThrow(
      "the list must have 1 tensors of [2], got 1 of [3]",
    );
    await expect(broadcast(zeros([1]), 1, { group })).rejects.toThrow("must be one of 0, got 1");
    await expect(send(zeros([1]), 0, { group })).rejects.toThrow("another one, got this rank's 0");
  });

  it("to start before there is a group", async () => {
    expect(isInitialized()).toBe(false);
    await expect(allReduce(zeros([1]))).rejects.toThrow("await initProcessGroup() first");
  });
});
