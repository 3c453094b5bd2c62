import { describe, expect, it } from "vitest";
import { erf, hostMath, pow } from "./special-functions.ts";

describe("erf", () => {
  // Values from mpmath at 40 digits.
  it.each([
    [0, 0],
    [1e-300, 1.1283791670955126e-300],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [0.84375, 0.7672256612323416],
    [1.2, 0.9103139782296353],
    [1.4990234375, 0.9659888333543339],
    [1.5, 0.9661051464753108],
    [2.25, 0.9985372834133188],
    [3.5, 0.9999992569016276],
    [5.9, 0.9999999999999999],
    [Infinity, 1],
  ])("is exact to a few units in the last place at %s", (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThanOrEqual(4e-16 * expected);
    expect(erf(-x)).toBe(-erf(x));
  });

  it("keeps NaN and the sign of zero", () => {
    expect(erf(NaN)).toBeNaN();
    expect(erf(-0)).toBe(-0);
  });
});

describe("pow", () => {
  it("follows IEEE where JavaScript differs", () => {
    expect(pow(1, NaN)).toBe(1);
    expect(pow(-1, Infinity)).toBe(1);
    expect(pow(1, -Infinity)).toBe(1);
    expect(pow(NaN, 0)).toBe(1);
    expect(pow(-8, 1 / 3)).toBeNaN();
    expect(hostMath.pow(2, 10)).toBe(1024);
  });
});
