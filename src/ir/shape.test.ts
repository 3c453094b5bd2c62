import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Shape } from "./shape.ts";
import {
  broadcastShapes,
  contiguousStrides,
  formatShape,
  normalizeDim,
  normalizeDims,
  numel,
  sameShape,
} from "./shape.ts";

const size = fc.nat({ max: 4 });
const shape = fc.array(size, { maxLength: 4 });

/** Two shapes that broadcast: dims of one target dropped from the left or set to 1. */
const partners = fc
  .array(fc.tuple(size, fc.constantFrom("both", "left", "right")), { maxLength: 4 })
  .chain((dims) =>
    fc.tuple(fc.constant(dims), fc.nat({ max: dims.length }), fc.constantFrom("left", "right")),
  )
  .map(([dims, dropped, short]) => {
    const side = (name: string): number[] => {
      const all = dims.map(([n, owner]) => (owner === "both" || owner === name ? n : 1));
      return name === short ? all.slice(dropped) : all;
    };
    return [side("left"), side("right")] as const;
  });

/** The rule of NumPy, dim by dim from the right. */
function broadcastByRule(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a.at(i - rank) ?? 1, b.at(i - rank) ?? 1];
    return x === 1 ? y : x;
  }).map((n, i) => (i < rank ? n : 1));
}

describe("broadcastShapes", () => {
  it("follows the rule, in either order", () => {
    fc.assert(
      fc.property(partners, ([a, b]) => {
        const padded = (s: Shape, rank: number): number[] => [
          ...Array<number>(rank - s.length).fill(1),
          ...s,
        ];
        const rank = Math.max(a.length, b.length);
        const expected = broadcastByRule(padded(a, rank), padded(b, rank));
        expect(broadcastShapes("test", a, b)).toEqual(expected);
        expect(broadcastShapes("test", b, a)).toEqual(expected);
      }),
    );
  });

  it("leaves a shape with itself, with [] and with its result as it is", () => {
    fc.assert(
      fc.property(shape, (a) => {
        expect(broadcastShapes("test", a, a)).toEqual(a);
        expect(broadcastShapes("test", a, [])).toEqual(a);
        expect(broadcastShapes("test", a)).toEqual(a);
      }),
    );
  });

  it("is associative", () => {
    fc.assert(
      fc.property(partners, shape, ([a, b], c) => {
        const attempt = (make: () => number[]): number[] | undefined => {
          try {
            return make();
          } catch {
            return undefined;
          }
        };
        const ab = broadcastShapes("test", a, b);
        expect(attempt(() => broadcastShapes("test", ab, c))).toEqual(
          attempt(() => broadcastShapes("test", a, b, c)),
        );
      }),
    );
  });

  it("names the shapes and the dim that differ", () => {
    expect(() => broadcastShapes("add", [2, 3, 4], [5, 4])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: add: shapes must broadcast, got [2, 3, 4] and [5, 4]; sizes 3 and 5 differ at dim -2]`,
    );
    expect(() => broadcastShapes("add", [0], [2])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: add: shapes must broadcast, got [0] and [2]; sizes 0 and 2 differ at dim -1]`,
    );
  });
});

describe("contiguousStrides", () => {
  it("give every element its own place, in row-major order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }), (s) => {
        const strides = contiguousStrides(s);
        let places = [0];
        s.forEach((n, dim) => {
          places = places.flatMap((p) => Array.from({ length: n }, (_, i) => p + i * strides[dim]));
        });
        expect(places).toEqual(Array.from({ length: numel(s) }, (_, i) => i));
      }),
    );
  });
});

describe("normalizeDim", () => {
  it("counts negative dims from the end", () => {
    expect([0, 1, 2, -1, -2, -3].map((dim) => normalizeDim("sum", dim, 3))).toEqual([
      0, 1, 2, 2, 1, 0,
    ]);
    expect([0, -1].map((dim) => normalizeDim("sum", dim, 0))).toEqual([0, 0]);
  });

  it.each([3, -4, 0.5, NaN])("refuses %d for three dims", (dim) => {
    expect(() => normalizeDim("sum", dim, 3)).toThrow(
      `sum: dim must be an integer in [-3, 2] for a tensor of 3 dims, got ${dim}`,
    );
  });
});

describe("normalizeDims", () => {
  it("sorts, and takes all when none are given", () => {
    expect(normalizeDims("sum", [-1, 0], 3)).toEqual([0, 2]);
    expect(normalizeDims("sum", undefined, 3)).toEqual([0, 1, 2]);
    expect(normalizeDims("sum", -2, 3)).toEqual([1]);
    expect(normalizeDims("sum", [], 3)).toEqual([]);
    expect(normalizeDims("sum", 0, 0)).toEqual([]);
  });

  it("refuses a dim given twice", () => {
    expect(() => normalizeDims("sum", [1, -2], 3)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: sum: dims must be distinct, got [1, -2]]`,
    );
  });
});

describe("shape text and equality", () => {
  it("prints and compares", () => {
    expect([[], [3], [2, 0]].map(formatShape)).toEqual(["[]", "[3]", "[2, 0]"]);
    expect([numel([]), numel([2, 0]), numel([2, 3])]).toEqual([1, 0, 6]);
    expect([sameShape([2], [2]), sameShape([2], [2, 1]), sameShape([], [])]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
