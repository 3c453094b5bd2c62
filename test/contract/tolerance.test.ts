import { describe, expect, it } from "vitest";
import { differenceOf, expectClose } from "./tolerance.ts";

describe("expectClose", () => {
  it("accepts equal, close, NaN and infinite numbers", () => {
    const expected = [1, NaN, Infinity, -Infinity, 0];
    expect(differenceOf([1 + 1e-6, NaN, Infinity, -Infinity, -0], expected, { dtype: "f32" })).toBe(
      undefined,
    );
  });

  it("names the first difference and counts all", () => {
    const compare = (): void =>
      expectClose([1, 2, 3, 5], [1, 2, 4, 4], { dtype: "f32", shape: [2, 2] });
    expect(compare).toThrowErrorMatchingInlineSnapshot(
      `[Error: f32 result differs in 2 of 4 elements, first index 2 at [1, 0]: got 3, expected 4 (difference 1.00, rtol 0.0000013, atol 0.00001)]`,
    );
  });

  it.each<[string, number, number]>([
    ["a number for NaN", 1, NaN],
    ["NaN for a number", NaN, 1],
    ["a number for an infinity", 1e38, Infinity],
    ["the other infinity", -Infinity, Infinity],
    ["a difference above the table", 1.0001, 1],
  ])("refuses %s", (_name, actual, expected) => {
    expect(differenceOf([actual], [expected], { dtype: "f32" })).toContain("differs in 1 of 1");
  });

  it("wants a reason for another tolerance, and equality when asked", () => {
    const loose = { rtol: 1, atol: 1 };
    expect(differenceOf([1], [2], { dtype: "f32", tolerance: loose })).toContain(
      "without a reason",
    );
    expect(differenceOf([1], [2], { dtype: "f32", tolerance: loose, reason: "test" })).toBe(
      undefined,
    );
    expect(differenceOf([1 + 1e-7], [1], { dtype: "f32", exact: true })).toContain("differs");
    expect(differenceOf([1], [1, 2], { dtype: "i32" })).toContain("1 elements, expected 2");
  });
});
