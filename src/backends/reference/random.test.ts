import { describe, expect, it } from "vitest";
import { randomWords, threefry2x32 } from "./random.ts";

const hex = (words: Iterable<number>): string[] => [...words].map((word) => word.toString(16));

describe("threefry2x32", () => {
  // Known-answer vectors published with Random123.
  it.each([
    [
      [0, 0],
      [0, 0],
      ["6b200159", "99ba4efe"],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      ["1cb996fc", "bb002be7"],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      ["c4923a9c", "483df7a0"],
    ],
  ])("key %j counter %j", (key, counter, expected) => {
    const out = new Uint32Array(2);
    threefry2x32(key[0], key[1], counter[0], counter[1], out);
    expect(hex(out)).toEqual(expected);
  });
});

describe("randomWords", () => {
  it("takes the first word of each counter, so that a longer draw extends a shorter one", () => {
    const words = randomWords(0, 0, 5);
    expect(hex(words)[0]).toBe("6b200159");
    expect(randomWords(0, 0, 3)).toEqual(words.slice(0, 3));
    expect(new Set(words).size).toBe(5);
  });
});
