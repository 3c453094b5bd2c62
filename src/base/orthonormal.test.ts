import { describe, expect, it } from "vitest";
import { orthonormalize } from "./orthonormal.ts";

describe("orthonormalize", () => {
  it.each([
    [1, 1],
    [4, 4],
    [7, 3],
    [5, 1],
  ])("gives orthonormal columns that span the same, for %i × %i", (rows, columns) => {
    const a = Float64Array.from({ length: rows * columns }, (_, i) => Math.sin(3.7 * i + 1));
    const q = a.slice();
    orthonormalize(q, rows, columns);
    const product = (x: Float64Array, i: number, y: Float64Array, j: number): number => {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += x[r * columns + i] * y[r * columns + j];
      return sum;
    };
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++) {
        expect(product(q, i, q, j)).toBeCloseTo(i === j ? 1 : 0, 12);
        // R = QᵀA is upper triangular with a positive diagonal.
        expect(i > j ? product(q, i, a, j) : 0).toBeCloseTo(0, 12);
      }
      expect(product(q, i, a, i)).toBeGreaterThan(0);
    }
  });

  it("leaves the identity alone", () => {
    const q = Float64Array.of(1, 0, 0, 1);
    orthonormalize(q, 2, 2);
    expect([...q].map((value) => value + 0)).toEqual([1, 0, 0, 1]);
  });
});
