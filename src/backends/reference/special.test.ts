import { describe, expect, it } from "vitest";
import { erf, power } from "./special.ts";

describe("erf", () => {
  // From arbitrary-precision arithmetic, rounded to double.
  it.each([
    [1e-10, 1.1283791670955126e-10],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [1.999, 0.9953015566513705],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [5.5, 0.9999999999999927],
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
