import { describe, expect, it } from "vitest";
import { longestPath } from "./longest-path.ts";

describe("the longest path", () => {
  it("is everything in a chain", () => {
    expect(longestPath([[], [0], [1]], [1, 0, 2])).toEqual([true, true, true]);
  });

  it("goes by time, not by the number of launches", () => {
    const after = [[], [0], [0], [2], [1, 3]];
    expect(longestPath(after, [1, 9, 2, 3, 1])).toEqual([true, true, false, false, true]);
    expect(longestPath(after, [1, 4, 2, 3, 1])).toEqual([true, false, true, true, true]);
  });

  it("may end anywhere, and is nothing for nothing", () => {
    expect(longestPath([[], [], [1]], [9, 2, 2])).toEqual([true, false, false]);
    expect(longestPath([], [])).toEqual([]);
  });
});
