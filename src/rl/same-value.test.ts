import { expect, test } from "vitest";
import { sameValue } from "./same-value.ts";

test.each<[unknown, unknown, boolean]>([
  [1, 1, true],
  [Number.NaN, Number.NaN, true],
  [0, -0, false],
  [null, {}, false],
  [Float32Array.of(1, Number.NaN), Float32Array.of(1, Number.NaN), true],
  [Float32Array.of(1), Float64Array.of(1), false],
  [Float32Array.of(1), [1], false],
  [[1, 2], [1, 2, 3], false],
  [{ 0: 1 }, [1], false],
  [{ a: { b: [1, "x"] } }, { a: { b: [1, "x"] } }, true],
  [{ a: 1 }, { b: 1 }, false],
])("%o and %o: %s", (a, b, isSame) => {
  expect(sameValue(a, b)).toBe(isSame);
  expect(sameValue(b, a)).toBe(isSame);
});
