import * as b from "../../src/ir/build.ts";
import type { Case } from "./scene.ts";
import { everyDType, floats, numbers } from "./scene.ts";
import { scanCases } from "./cases-reduce.ts";
import { viewsOf } from "./cases-elementwise.ts";

const i32 = "i32";

const gatherCases: Case[] = [
  {
    name: "dims and shapes",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) => [
      b.gather(input([7]), input([5], [6, 0, 3, 3, 1], i32), 0),
      b.gather(input([7]), input([0], [0], i32), 0),
      b.gather(input([1]), input([4], [0], i32), 0),
      b.gather(input([4, 5]), input([3, 5], [0, 3, 1, 2], i32), 0),
      b.gather(input([4, 5]), input([4, 9], [4, 0, 2], i32), 1),
      b.gather(input([4, 5]), input([2, 3], [4, 0, 2, 1], i32), 1),
      b.gather(input([3, 4, 5]), input([2, 6, 4], [3, 0, 1], i32), 1),
      b.gather(input([3, 4, 5]), input([7, 4, 5], [2, 0, 1, 1], i32), 0),
    ],
  },
  {
    name: "embedding: rows by an expanded index",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) => {
      const index = b.expand(input([6, 1], [9, 0, 4, 4, 2, 9], i32), [6, 3]);
      return b.gather(input([10, 3]), index, 0);
    },
  },
  {
    name: "of views by a computed index, inside a chain",
    dtypes: numbers,
    exact: true,
    build: (scene) => {
      const index = b.sub(b.fullLike(b.iota([4, 3], 0), 3), b.iota([4, 3], 0));
      const shifted = b.binary("rem", b.add(index, b.iota([4, 3], 1)), b.full([4, 3], 4, i32));
      return viewsOf(scene).flatMap((x) => [
        b.gather(x, index, 0),
        b.neg(b.gather(b.neg(x), shifted, 0)),
      ]);
    },
  },
];

function scatterCases(mode: "add" | "set"): Case[] {
  return [
    {
      name: `${mode}: dims and shapes, repeated indices`,
      dtypes: everyDType,
      exact: mode === "set",
      ...(mode === "add" && {
        tolerance: { f16: { rtol: 2e-3, atol: 4e-3 }, bf16: { rtol: 1.6e-2, atol: 3e-2 } },
        reason: "several halves meet in one element",
      }),
      build: ({ input }) => [
        b.scatter(input([7]), input([5], [6, 0, 3, 3, 1], i32), input([5]), 0, mode),
        b.scatter(input([7]), input([0], [0], i32), input([0]), 0, mode),
        b.scatter(input([1]), input([4], [0], i32), input([4]), 0, mode),
        b.scatter(input([4, 5]), input([3, 5], [0, 3, 1, 2], i32), input([3, 5]), 0, mode),
        b.scatter(input([4, 5]), input([4, 9], [4, 0, 2], i32), input([4, 9]), 1, mode),
        b.scatter(input([4, 5]), input([2, 3], [4, 0, 2, 1], i32), input([2, 3]), 1, mode),
        b.scatter(input([3, 4, 5]), input([2, 6, 4], [3, 0, 1], i32), input([2, 6, 4]), 1, mode),
      ],
    },
    {
      name: `${mode}: base, index and updates are views or expressions`,
      dtypes: ["f64", "f32", "i32"],
      build: (scene) => {
        const { input } = scene;
        const index = b.expand(input([4, 1], [3, 1, 1, 0], i32), [4, 3]);
        const updates = b.permute(input([3, 4]), [1, 0]);
        return viewsOf(scene).flatMap((x) => [
          b.scatter(x, index, b.add(updates, x), 0, mode),
          b.neg(b.scatter(b.full([4, 3], 0, x.dtype), index, b.flip(updates, [0]), 0, mode)),
        ]);
      },
    },
    {
      name: `${mode}: the base is used again`,
      dtypes: ["f64", "f32", "i32"],
      build: ({ input }) => {
        const x = input([6, 2]);
        const index = input([3, 2], [5, 0, 2, 2, 5, 1], i32);
        const y = b.scatter(x, index, input([3, 2]), 0, mode);
        return [y, b.sub(y, x), x, b.scatter(y, index, b.slice(x, [1, 0], [3, 2]), 0, mode)];
      },
    },
  ];
}

const sortValues = [3, 1, 2, 1, 3, 0, -0, 2];
const sortSpecial = [1, NaN, -Infinity, 3, NaN, Infinity, 0, -1, NaN, 1];

const argsortCases: Case[] = [
  {
    name: "dims, shapes, stable ties",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) =>
      [false, true].flatMap((descending) => [
        b.argsort(input([9]), 0, descending),
        b.argsort(input([1]), 0, descending),
        b.argsort(input([0]), 0, descending),
        b.argsort(input([16], sortValues), 0, descending),
        b.argsort(input([3, 7], sortValues), 1, descending),
        b.argsort(input([7, 3], sortValues), 0, descending),
        b.argsort(input([2, 5, 3]), 1, descending),
        b.argsort(input([2, 0]), 0, descending),
        b.argsort(input([2, 203]), 1, descending),
      ]),
  },
  {
    name: "NaN is largest",
    dtypes: floats,
    exact: true,
    build: ({ input }) => [
      b.argsort(input([10], sortSpecial), 0, false),
      b.argsort(input([10], sortSpecial), 0, true),
    ],
  },
  {
    name: "views, and sorting through gather",
    dtypes: numbers,
    exact: true,
    build: (scene) =>
      viewsOf(scene).flatMap((x) => {
        const order = b.argsort(b.neg(x), 0, false);
        return [order, b.gather(x, order, 0)];
      }),
  },
];

const topkCases: Case[] = [
  {
    name: "dims, shapes, ties, every k",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) =>
      [false, true].flatMap((largest) => [
        b.topk(input([9]), 0, 3, largest),
        b.topk(input([9]), 0, 0, largest),
        b.topk(input([9]), 0, 9, largest),
        b.topk(input([0]), 0, 0, largest),
        b.topk(input([16], sortValues), 0, 5, largest),
        b.topk(input([3, 7], sortValues), 1, 2, largest),
        b.topk(input([2, 5, 3]), 1, 4, largest),
        b.topk(input([2, 203]), 1, 10, largest),
      ]),
  },
  {
    name: "NaN is largest, views",
    dtypes: floats,
    exact: true,
    build: (scene) => [
      b.topk(scene.input([10], sortSpecial), 0, 5, true),
      b.topk(scene.input([10], sortSpecial), 0, 9, false),
      ...viewsOf(scene).map((x) => b.topk(x, 0, 2, true)),
    ],
  },
];

export const indexingRows = {
  scan: scanCases,
  gather: gatherCases,
  scatter: [...scatterCases("add"), ...scatterCases("set")],
  argsort: argsortCases,
  topk: topkCases,
} satisfies Record<string, Case[]>;
