import { afterAll, describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { expectSameAsReference } from "../contract/run.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { verifyingBackend } from "./variants.ts";

const backend = verifyingBackend({ threads: 2 });
afterAll(() => backend.dispose());

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

/** Compares one graph with the reference; the number of tensors compared. */
function compare(dtype: DType, build: (scene: Scene) => Node[], exact = false): number {
  return expectSameAsReference(backend, buildCase({ build }, dtype), { exact });
}

function softmax(x: Node, axes: readonly number[]): Node {
  const shifted = b.sub(x, spread(b.extremum("reduceMax", x, axes), x));
  const weights = b.unary("exp", shifted);
  return b.div(weights, spread(b.reduceSum(weights, axes), x));
}

/** Sum, product, maximum and minimum. */
const everyReduction = (x: Node, axes: readonly number[]): Node[] => [
  b.reduceSum(x, axes),
  b.reduce("reduceProd", x, axes),
  b.extremum("reduceMax", x, axes),
  b.extremum("reduceMin", x, axes),
];

describe("rows and columns of every length around the vector width", () => {
  it.each(range(1, 20))("reductions (%i)", (n) => {
    for (const dtype of ["f32", "i32", "bf16", "f64"] as const) {
      const build = ({ input }: Scene): Node[] => {
        const small = [1, -1, 2, 1, -2, 1, 1, 3];
        const [rows, columns] = [input([3, n], small), input([n, 5], small)];
        return [
          ...everyReduction(rows, [1]),
          ...everyReduction(columns, [0]),
          ...everyReduction(rows, [0, 1]),
          b.reduceSum(b.transpose(columns, 0, 1), [1]),
        ];
      };
      expect(compare(dtype, build, true)).toBe(13);
    }
  });

  it.each([...range(1, 37), 64, 67, 130])("softmax keeps its weights (%i)", (n) => {
    const build = ({ input }: Scene): Node[] => [
      softmax(input([3, n]), [1]),
      softmax(input([n, 3]), [0]),
      softmax(input([2, n, 3]), [1, 2]),
      softmax(input([3, 2, n]), [0, 2]),
      softmax(b.flip(input([2, n]), [1]), [1]),
    ];
    expect(compare("f32", build)).toBe(5);
  });

  it.each(range(1, 20))("reversed, strided and padded views (%i)", (n) => {
    const build = ({ input }: Scene): Node[] => {
      const x = input([n, n + 1]);
      const every = b.slice(x, [n - 1, 0], [n, Math.ceil((n + 1) / 2)], [-1, 2]);
      const edged = b.pad(x, [1, 2], [2, 1], 7);
      return [
        b.add(b.flip(x, [0, 1]), x),
        b.add(b.flip(x, [1]), b.flip(x, [0])),
        b.neg(every),
        edged,
        b.reduceSum(edged, [1]),
        b.reduceSum(edged, [0]),
        b.extremum("reduceMax", b.mul(edged, edged), [0, 1]),
      ];
    };
    expect(compare("f32", build)).toBe(7);
    expect(compare("i32", build, true)).toBe(7);
  });

  it.each(range(1, 20))("gathers along rows and columns, scatters with duplicates (%i)", (n) => {
    const build = ({ input }: Scene): Node[] => {
      const x = input([n, 6], [3, -1, 2, 0, 5]);
      const y = b.transpose(input([6, n], [1, 2, -3, 4]), 0, 1);
      const row = (list: readonly number[]): Node => input([n, 6], list, "i32");
      const [byRow, byColumn] = [row([0, n - 1, Math.floor(n / 2)]), row([5, 0, 3, 3, 1])];
      const repeated = row([0, 0, n - 1]);
      const picked = b.gather(x, byRow, 0);
      return [
        picked,
        b.gather(y, byColumn, 1),
        b.add(b.gather(b.neg(y), byColumn, 1), x),
        b.reduceSum(b.mul(picked, y), [1]),
        b.scatter(x, repeated, y, 0, "add"),
        b.scatter(x, byColumn, b.neg(y), 1, "add"),
      ];
    };
    expect(compare("f32", build, true)).toBe(6);
    expect(compare("i8", build, true)).toBe(6);
  });

  it.each(range(1, 20))("conditions, conversions and stored bytes (%i)", (n) => {
    const build = ({ input }: Scene): Node[] => {
      const [x, y] = [input([2, n], "wide"), input([2, n], "mixed")];
      const less = b.binary("lt", x, y);
      return [
        less,
        b.where(b.unary("not", less), x, y),
        b.cast(less, "i32"),
        b.reduceSum(b.cast(less, "f32"), [1]),
        b.cast(x, "f16"),
        b.cast(b.cast(y, "bf16"), "f32"),
        b.cast(y, "i8"),
        b.cast(b.cast(y, "f64"), "f32"),
      ];
    };
    expect(compare("f32", build, true)).toBe(8);
  });
});

describe("graphs of many operations", () => {
  it("a chain of 5,000 elementwise operations", () => {
    const build = ({ input }: Scene): Node[] => {
      let x = input([7], "unit");
      const y = input([7], "unit");
      for (let i = 0; i < 5000; i++) x = i % 2 === 0 ? b.neg(x) : b.binary("max", x, y);
      return [x];
    };
    expect(compare("f32", build, true)).toBe(1);
  });

  it("a chain of 5,000 views", () => {
    const build = ({ input }: Scene): Node[] => {
      let x = input([3, 4]);
      for (let i = 0; i < 5000; i++)
        x = i % 2 === 0 ? b.flip(x, [0]) : b.pad(x, [0, 0], [0, 0].fill(i % 999 === 0 ? 1 : 0));
      return [x];
    };
    expect(compare("f32", build, true)).toBe(1);
  });

  it("a chain of 2,000 reductions spread out again", () => {
    const build = ({ input }: Scene): Node[] => {
      let x = input([2, 3], [1, 0, -1]);
      for (let i = 0; i < 1000; i++) x = b.sub(x, spread(b.extremum("reduceMax", x, [i % 2]), x));
      return [x];
    };
    expect(compare("f32", build, true)).toBe(1);
  });

  it("a value from 600 inputs, and 600 values from one input", () => {
    const build = ({ input }: Scene): Node[] => {
      const all = Array.from({ length: 600 }, (_, i) => input([3], [i % 7, 1, -2]));
      let level: Node[] = all;
      while (level.length > 1) {
        level = level.flatMap((x, i) => (i % 2 === 1 ? [] : [b.add(x, level[i + 1] ?? x)]));
      }
      return [
        level[0],
        all.reduce(b.add),
        ...all.map((_, i) => b.mul(all[0], b.full([3], i, "f32"))),
      ];
    };
    expect(compare("f32", build, true)).toBe(602);
  });
});
