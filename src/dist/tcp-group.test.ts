import { afterEach, describe, expect, it } from "vitest";
import type { HostArray } from "../ir/dtype.ts";
import { bytesOf } from "./host-collectives.ts";
import { TcpGroup } from "./tcp-group.ts";
import { TcpStore } from "./tcp-store.ts";

const opened: { store: TcpStore; group: TcpGroup }[] = [];
afterEach(() => {
  for (const { store } of opened.splice(0)) store.destroy();
});

/** Groups of `size` ranks in this process. */
async function openGroups(size: number, timeoutSeconds = 10): Promise<TcpGroup[]> {
  const host = "127.0.0.1";
  const first = await TcpStore.open({ host, port: 0, rank: 0 });
  const open = async (rank: number): Promise<TcpGroup> => {
    const { port } = first;
    const store = rank === 0 ? first : await TcpStore.open({ host, port, rank });
    const group = await TcpGroup.open(store, { size, timeoutSeconds });
    opened[rank] = { store, group };
    return group;
  };
  return Promise.all(Array.from({ length: size }, (_, rank) => open(rank)));
}

const range = (length: number, value: (i: number) => number): Float32Array =>
  Float32Array.from({ length }, (_, i) => value(i));

/** Whether all bytes are equal; toEqual takes seconds for large arrays. */
function isSame(result: HostArray, wanted: HostArray): boolean {
  return Buffer.compare(bytesOf(result), bytesOf(wanted)) === 0;
}

/** Whole numbers, so that sums are exact in any order. */
const valuesOf = (rank: number, length: number): Float32Array =>
  range(length, (i) => ((i * 7 + rank * 3) % 11) - 5);

describe.each([1, 2, 3, 4])("TcpGroup of %i ranks", (size) => {
  const ranks = Array.from({ length: size }, (_, rank) => rank);

  it.each([0, 1, 3, 1000, 300_001])("reduces %i elements to the same values", async (length) => {
    const groups = await openGroups(size);
    const data = groups.map(({ rank }) => valuesOf(rank, length));
    await Promise.all(groups.map((group) => group.allReduce(data[group.rank], "sum")));
    const sums = range(length, (i) => {
      return ranks.reduce((sum, rank) => sum + (((i * 7 + rank * 3) % 11) - 5), 0);
    });
    for (const result of data) expect(isSame(result, sums)).toBe(true);
  });

  it.each(["sum", "avg", "max", "min", "prod"] as const)("reduces by %s", async (op) => {
    const groups = await openGroups(size);
    const data = groups.map(({ rank }) => Float64Array.of(rank + 1, -rank, 2));
    await Promise.all(groups.map((group) => group.allReduce(data[group.rank], op)));
    const fold = (values: number[]): number => {
      if (op === "max") return Math.max(...values);
      if (op === "min") return Math.min(...values);
      if (op === "prod") return values.reduce((a, b) => a * b, 1);
      const sum = values.reduce((a, b) => a + b, 0);
      return op === "avg" ? sum / size : sum;
    };
    const columns = [ranks.map((r) => r + 1), ranks.map((r) => -r), ranks.map(() => 2)];
    for (const result of data) {
      [...result].forEach((value, i) => expect(value).toBeCloseTo(fold(columns[i]), 12));
    }
  });

  it("scatters sums, and gathers them again", async () => {
    const groups = await openGroups(size);
    const length = 70_000;
    const whole = groups.map(() => new Float32Array(size * length));
    await Promise.all(
      groups.map(async (group) => {
        const own = new Float32Array(length);
        await group.reduceScatter(valuesOf(group.rank, size * length), own, "sum");
        await group.allGather(own, whole[group.rank]);
      }),
    );
    const sums = groups.map(({ rank }) => valuesOf(rank, size * length));
    await Promise.all(groups.map((group) => group.allReduce(sums[group.rank], "sum")));
    for (const result of whole) expect(isSame(result, sums[0])).toBe(true);
  });

  it("broadcasts from every root, in several types", async () => {
    const groups = await openGroups(size);
    const make: ((rank: number) => HostArray)[] = [
      (rank) => Int32Array.of(rank, -rank),
      (rank) => Uint8Array.of(rank),
      (rank) => new Float64Array(100_000).fill(rank + 0.5),
    ];
    for (const root of ranks) {
      for (const array of make) {
        const data = ranks.map(array);
        await Promise.all(groups.map((group) => group.broadcast(data[group.rank], root)));
        for (const result of data) expect(isSame(result, array(root))).toBe(true);
      }
    }
  });

  it("carries out operations that overlap in the order of the calls", async () => {
    const groups = await openGroups(size);
    const results = groups.map(() => [0, 1, 2, 3].map((i) => new Float32Array(5000).fill(i)));
    await Promise.all(
      groups.flatMap((group) => results[group.rank].map((one) => group.allReduce(one, "sum"))),
    );
    for (const own of results)
      expect(own.map((one) => one[4999])).toEqual([0, 1, 2, 3].map((i) => i * size));
  });
});

describe("TcpGroup", () => {
  it("gives the same bits on all ranks", async () => {
    const groups = await openGroups(4);
    const data = groups.map(({ rank }) => range(10_001, (i) => Math.sin(i * (rank + 1)) / 3));
    await Promise.all(groups.map((group) => group.allReduce(data[group.rank], "sum")));
    for (const result of data) expect(isSame(result, data[0])).toBe(true);
  });

  it("sends and receives in both directions at once", async () => {
    const [a, b] = await openGroups(2);
    const fromA = valuesOf(0, 400_000);
    const [atA, atB] = [new Float32Array(3), new Float32Array(400_000)];
    await Promise.all([
      a.send(fromA, 1),
      b.send(Float32Array.of(1, 2, 3), 0),
      a.recv(atA, 1),
      b.recv(atB, 0),
    ]);
    expect([...atA]).toEqual([1, 2, 3]);
    expect(isSame(atB, fromA)).toBe(true);
  });

  it("makes groups of some ranks", async () => {
    const groups = await openGroups(4);
    const parts = await Promise.all(
      groups.map((group) => group.subgroup(group.rank % 2 === 0 ? [0, 2] : [1, 3])),
    );
    const data = groups.map(({ rank }) => Int32Array.of(rank));
    await Promise.all(parts.map(async (one, rank) => one?.allReduce(data[rank], "sum")));
    expect(data.map(([value]) => value)).toEqual([2, 4, 2, 4]);
    expect(parts.map((one) => one?.rank)).toEqual([0, 0, 1, 1]);
    const outside = await Promise.all(groups.map((group) => group.subgroup([1, 2])));
    expect(outside.map((one) => one?.size)).toEqual([undefined, 2, 2, undefined]);
  });

  it("says which calls do not match", async () => {
    const [a, b] = await openGroups(2);
    const calls = [
      a.allReduce(new Float32Array(2), "sum"),
      b.allReduce(new Float32Array(3), "sum"),
    ];
    const errors = await Promise.allSettled(calls);
    expect(errors.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(calls[0]).rejects.toThrow(
      /all ranks must make the same calls.*allReduce of \d elements.*allReduce of \d elements/,
    );
    await expect(a.allReduce(new Float32Array(2), "sum")).rejects.toThrow("same calls");
  });

  it("gives up on a rank that does not come", async () => {
    const [a, b] = await openGroups(2, 0.1);
    await expect(a.allReduce(new Float32Array(2), "sum")).rejects.toThrow(
      "allReduce must end within 0.1 s, got no end of call 0 on rank 0",
    );
    await expect(b.allReduce(new Float32Array(2), "sum")).rejects.toThrow(/rank 0/);
  });

  it("tells all others when a rank is killed", async () => {
    const [a, b, c] = await openGroups(3);
    const warm = [a, b, c].map((group) => group.allReduce(new Float32Array(8), "sum"));
    await Promise.all(warm);
    const waiting = [a, c].map((group) => group.allReduce(new Float32Array(8), "sum"));
    opened[1].store.destroy();
    for (const one of await Promise.allSettled(waiting)) {
      expect(one.status).toBe("rejected");
      expect(String((one as PromiseRejectedResult).reason)).toMatch(
        /DistributedError: process group: rank 1 is gone .*noticed on rank [02]/,
      );
    }
    await expect(a.broadcast(new Float32Array(1), 0)).rejects.toThrow("rank 1 is gone");
  });

  it("goes on without a rank that has left", async () => {
    const [a, b, c] = await openGroups(3);
    await Promise.all([a, b, c].map((group) => group.allReduce(new Float32Array(8), "sum")));
    const failures: Error[] = [];
    for (const group of [a, c]) group.onFailure((error) => failures.push(error));
    await b.close();
    // As long as a broken connection would be suspected, and more.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    const got = new Float32Array(1);
    await Promise.all([a.send(Float32Array.of(5), 2), c.recv(got, 0)]);
    expect([...got, failures]).toEqual([5, []]);
  });

  it("leaves in order", async () => {
    const groups = await openGroups(3);
    const work = groups.map((group) => group.allReduce(new Float32Array(50_000), "sum"));
    await Promise.all(groups.map((group) => group.close()));
    await Promise.all(work);
    await expect(groups[1].allReduce(new Float32Array(1), "sum")).rejects.toThrow(
      "it was destroyed; call initProcessGroup",
    );
  });
});
