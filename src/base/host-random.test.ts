import { describe, expect, it } from "vitest";
import { HostRandom } from "./host-random.ts";

describe("HostRandom", () => {
  it("is xoshiro128**", () => {
    const random = HostRandom.fromState([1, 2, 3, 4]);
    expect([random.uint32(), random.uint32(), random.uint32(), random.uint32()]).toEqual([
      11520, 0, 5927040, 70819200,
    ]);
  });

  it("depends on the seed and on every part of the stream", () => {
    const first = (...parts: [number, ...number[]]): number => new HostRandom(...parts).uint32();
    const values = [first(0), first(1), first(-1), first(2 ** 40), first(0, 0), first(0, 1)];
    expect(new Set([...values, first(0, 1, 0), first(1, 0)]).size).toBe(8);
    expect(first(7, 3)).toBe(first(7, 3));
  });

  it("continues from a saved state", () => {
    const random = new HostRandom(3);
    random.uint32();
    const copy = HostRandom.fromState(random.state());
    expect([copy.uniform(), copy.uint32()]).toEqual([random.uniform(), random.uint32()]);
  });

  it("draws integers evenly", () => {
    const random = new HostRandom(5);
    const counts = new Float64Array(6);
    for (let i = 0; i < 60_000; i++) counts[random.integer(6)]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
    expect(random.integer(1)).toBe(0);
  });

  it("draws uniform numbers in [0, 1) with mean 1/2 and variance 1/12", () => {
    const random = new HostRandom(6);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < 50_000; i++) {
      const value = random.uniform();
      expect(value >= 0 && value < 1).toBe(true);
      sum += value;
      squares += (value - 0.5) ** 2;
    }
    expect(sum / 50_000).toBeCloseTo(0.5, 2);
    expect(squares / 50_000).toBeCloseTo(1 / 12, 2);
  });

  it("shuffles to a permutation, each first element equally often", () => {
    const counts = new Float64Array(5);
    for (let seed = 0; seed < 5000; seed++) {
      const order = new HostRandom(seed).shuffle([0, 1, 2, 3, 4]);
      expect(order.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
      counts[order[0]]++;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it("refuses seeds and bounds that are no integers", () => {
    expect(() => new HostRandom(0.5)).toThrow("seeds must be safe integers, got 0.5");
    expect(() => new HostRandom(0).integer(0)).toThrow("bound from 1 to 2^32, got 0");
  });
});
