import { describe, expect, it } from "vitest";
import { erf, power } from "./special.ts";

describe("erf", () => {
  // 18 digits from arbitrary-precision arithmetic.
  it.each([
    [1e-10, 1.12837916709551262e-10],
    [0.1, 0.112462916018284898],
    [0.5, 0.520499877813046538],
    [1, 0.842700792949714869],
    [1.5, 0.966105146475310727],
    [1.999, 0.995301556651370512],
    [2, 0.995322265018952734],
    [2.5, 0.999593047982555041],
    [3, 0.999977909503001415],
    [4, 0.9999999845827421],
    [5.5, 0.999999999999992642],
  ])("erf(±%d) is exact to 1e-15", (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(1e-15 * Math.min(1, 10 * x));
    expect(erf(-x)).toBe(-erf(x));
  });

  it("has the limits ±1, keeps zeros and NaN", () => {
    expect([Infinity, -Infinity, 30, 0, -0, NaN].map(erf)).toEqual([1, -1, 1, 0, -0, NaN]);
  });
});

describe("power", () => {
  it("follows C where JavaScript does not", () => {
    expect([power(1, NaN), power(-1, Infinity), power(-1, -Infinity)]).toEqual([1, 1, 1]);
    expect([power(NaN, 0), power(2, 0.5), power(-8, 1 / 3)]).toEqual([1, Math.SQRT2, NaN]);
  });
});
