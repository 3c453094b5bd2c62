import { describe, expect, it } from "vitest";
import { halfToNumber, numberToHalf } from "./half.ts";

describe("halves", () => {
  it("keep their bits through numbers", () => {
    const changed: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const value = halfToNumber(bits);
      if (!Number.isNaN(value) && numberToHalf(value) !== bits) changed.push(bits);
    }
    expect(changed).toEqual([]);
  });

  it("are the nearest to a number, the even one of two", () => {
    expect(numberToHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(numberToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(numberToHalf(-(1 + 2 ** -11 + 2 ** -30))).toBe(0xbc01);
    expect(numberToHalf(2 ** -25)).toBe(0);
    expect(numberToHalf(2 ** -25 * 1.01)).toBe(1);
    expect(numberToHalf(2047.5)).toBe(numberToHalf(2048));
    expect(numberToHalf(65519.9)).toBe(0x7bff);
    expect(numberToHalf(65520)).toBe(0x7c00);
    expect(numberToHalf(-Infinity)).toBe(0xfc00);
    expect(halfToNumber(numberToHalf(NaN))).toBeNaN();
  });
});
