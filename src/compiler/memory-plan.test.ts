import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Lifetime } from "./memory-plan.ts";
import { planMemory } from "./memory-plan.ts";

const alive = (bytes: number, first: number, last: number): Lifetime => ({ bytes, first, last });

/** A pair alive together whose bytes overlap. */
function clash(lifetimes: readonly Lifetime[]): readonly [number, number] | undefined {
  const { offsets, bytes } = planMemory(lifetimes);
  const end = (i: number): number => offsets[i] + lifetimes[i].bytes;
  for (let i = 0; i < lifetimes.length; i++) {
    if (end(i) > bytes) return [i, i];
    for (let j = 0; j < i; j++) {
      const together =
        lifetimes[i].first <= lifetimes[j].last && lifetimes[j].first <= lifetimes[i].last;
      if (together && offsets[i] < end(j) && offsets[j] < end(i)) return [j, i];
    }
  }
  return undefined;
}

describe("planMemory", () => {
  it("gives those alive one after the other the same bytes", () => {
    const chain = [alive(256, 0, 1), alive(256, 1, 2), alive(256, 2, 3), alive(256, 3, 4)];
    expect(planMemory(chain)).toEqual({ offsets: [0, 256, 0, 256], bytes: 512 });
  });

  it("keeps those alive in one step apart: a step reads and writes at once", () => {
    expect(planMemory([alive(64, 0, 3), alive(64, 3, 5)]).bytes).toBe(128);
    expect(planMemory([alive(64, 0, 2), alive(64, 3, 5)]).bytes).toBe(64);
  });

  it("puts small ones into the tightest gap between large ones", () => {
    const large = [alive(1024, 0, 9), alive(512, 0, 3), alive(1024, 0, 9)];
    const { offsets, bytes } = planMemory([...large, alive(128, 5, 6)]);
    expect(bytes).toBe(2560);
    expect(offsets[3]).toBeLessThan(bytes);
  });

  it("aligns to 64 bytes and places what is empty", () => {
    const { offsets } = planMemory([alive(1, 0, 1), alive(0, 0, 1), alive(65, 0, 1)]);
    expect(offsets.map((offset) => offset % 64)).toEqual([0, 0, 0]);
    expect(planMemory([])).toEqual({ offsets: [], bytes: 0 });
  });

  it("never overlaps two that are alive together", () => {
    const lifetime = fc
      .record({
        bytes: fc.nat({ max: 700 }),
        first: fc.nat({ max: 20 }),
        length: fc.nat({ max: 8 }),
      })
      .map(({ bytes, first, length }) => alive(bytes, first, first + length));
    fc.assert(
      fc.property(fc.array(lifetime, { maxLength: 40 }), (lifetimes) => {
        expect(clash(lifetimes)).toBeUndefined();
      }),
      { numRuns: 500, seed: 20_265 },
    );
  });

  it("needs no more than what is alive at the busiest step, for nested lifetimes", () => {
    const nested = Array.from({ length: 10 }, (_, i) => alive(64, i, 19 - i));
    expect(planMemory(nested).bytes).toBe(640);
  });
});
