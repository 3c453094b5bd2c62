import { describe, expect, it } from "vitest";
import { watchAllocations } from "./allocations.ts";
import { fixtureFolder, formats, loadSeeds, makeCase, readEverything } from "./targets.ts";

/** `npm run fuzz` runs as many as it has time for, under any seed. */
const casesPerFormat = 500;
const seed = 20261123;

describe("readers of files", () => {
  it("refuse or read damaged files, and never fail otherwise", async () => {
    const seeds = await loadSeeds(fixtureFolder);
    const outcomes = { read: 0, refused: 0 };
    using _watch = watchAllocations(2 ** 24);
    for (let index = 0; index < casesPerFormat * formats.length; index++) {
      const input = await makeCase(seeds, seed, index);
      try {
        outcomes[await readEverything(input)]++;
      } catch (cause) {
        throw new Error(`fuzz: case ${index} of seed ${seed}, made of ${input.origin}`, { cause });
      }
    }
    // Both must happen often, or the inputs are too much or too little damaged to tell anything.
    expect(outcomes.read).toBeGreaterThan(casesPerFormat / 4);
    expect(outcomes.refused).toBeGreaterThan(casesPerFormat);
  });

  it("get the same inputs again", async () => {
    const seeds = await loadSeeds(fixtureFolder);
    for (const index of [0, 3, 17]) {
      const [once, twice] = [await makeCase(seeds, 1, index), await makeCase(seeds, 1, index)];
      expect(once.bytes).toEqual(twice.bytes);
    }
  });
});
