import { describe, expect, it } from "vitest";
import {
  DTypeError,
  ShapeError,
  UsageError,
  engineStats,
  jit,
  memoryStats,
  scope,
  tensor,
} from "athanor";
import { uninitialized, writeRows } from "../../src/tensor/rows.ts";

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);

describe("writeRows", () => {
  it("overwrites rows and leaves the others alone", async () => {
    using table = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    writeRows(table, 1, f32(7, 8));
    expect(await table.tolist()).toEqual([
      [1, 2],
      [7, 8],
      [5, 6],
    ]);
    writeRows(table, 0, f32(9, 9, 8, 8, 7, 7));
    expect(await table.tolist()).toEqual([
      [9, 9],
      [8, 8],
      [7, 7],
    ]);
    writeRows(table, 3, f32());
    using flags = tensor([true, false, true]);
    writeRows(flags, 1, Uint8Array.of(1));
    expect(await flags.tolist()).toEqual([true, true, true]);
  });

  it("keeps the memory: no program, no buffer", async () => {
    using table = uninitialized([1000, 3], "f32");
    const before = [engineStats().runs, memoryStats().liveBuffers, memoryStats().liveBytes];
    for (let i = 0; i < 1000; i++) writeRows(table, i, f32(i, i, i));
    expect([engineStats().runs, memoryStats().liveBuffers, memoryStats().liveBytes]).toEqual(
      before,
    );
    expect((await table.data()).at(-1)).toBe(999);
  });

  it("is seen by the next call of a jitted function, which is not traced again", async () => {
    using table = tensor([
      [1, 2],
      [3, 4],
    ]);
    const sums = jit(() => table.sum({ dim: 1 }));
    using first = sums();
    const { traces, runs } = engineStats();
    for (const value of [10, 20, 30]) {
      writeRows(table, 1, f32(value, value));
      using now = sums();
      expect(await now.tolist()).toEqual([3, 2 * value]);
    }
    expect(await first.tolist()).toEqual([3, 7]);
    expect(engineStats()).toMatchObject({ traces, runs: runs + 3 });
    sums.dispose();
  });

  it("goes with updates of the same tensor in jit", async () => {
    using table = tensor([
      [1, 2],
      [3, 4],
    ]);
    const double = jit(() => {
      table.assign(table.mul(2));
    });
    double();
    writeRows(table, 0, f32(0, 1));
    double();
    expect(await table.tolist()).toEqual([
      [0, 2],
      [12, 16],
    ]);
    double.dispose();
  });

  it("makes expressions over the tensor new ones", async () => {
    using table = tensor([1, 2]);
    using before = table.mul(3);
    expect(await before.tolist()).toEqual([3, 6]);
    writeRows(table, 0, f32(5));
    using after = table.mul(3);
    expect(await after.tolist()).toEqual([15, 6]);
    expect(await before.tolist()).toEqual([3, 6]);
  });

  it("computes a pending value of the tensor, and assignments that read it, first", async () => {
    using source = tensor([1, 2]);
    using table = source.add(1);
    writeRows(table, 1, f32(9));
    using sum = tensor([0, 0]);
    scope(() => void sum.assign(table.mul(2)));
    writeRows(table, 0, f32(7));
    expect(await sum.tolist()).toEqual([4, 18]);
    expect(await table.tolist()).toEqual([7, 9]);
  });

  it("refuses a value that something else still needs", async () => {
    using table = tensor([1, 2]);
    const pending = table.mul(3);
    expect(() => writeRows(table, 0, f32(5))).toThrow(/not computed yet/);
    expect(await pending.tolist()).toEqual([3, 6]);
    writeRows(table, 0, f32(5));
    const twin = table.detach();
    expect(() => writeRows(table, 0, f32(6))).toThrow(/another tensor over the same memory/);
    twin.dispose();
    pending.dispose();
    using weight = tensor([1, 2], { requiresGrad: true });
    expect(() => writeRows(weight, 0, f32(6))).toThrow(/gradients/);
    const traced = jit(() => writeRows(table, 0, f32(1)));
    expect(traced).toThrow(UsageError);
    expect(await table.tolist()).toEqual([5, 2]);
  });

  it("refuses what does not fit", () => {
    using table = tensor([
      [1, 2],
      [3, 4],
    ]);
    for (const [start, ...data] of [
      [0, 1],
      [2, 1, 1],
      [1, 1, 1, 1, 1],
      [-1, 1, 1],
      [0.5, 1, 1],
    ]) {
      expect(() => writeRows(table, start, f32(...data))).toThrow(ShapeError);
    }
    expect(() => writeRows(table, 0, Float64Array.of(1, 2))).toThrow(DTypeError);
    using scalar = tensor(1);
    expect(() => writeRows(scalar, 0, f32(1))).toThrow(ShapeError);
  });
});
