import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { viewsOf } from "./cases-elementwise.ts";
import type { Case, Fill } from "./scene.ts";
import { everyDType, floats, numbers, wideFloats } from "./scene.ts";
import type { Tolerance } from "./tolerance.ts";

type ReduceOp = "reduceSum" | "reduceProd" | "reduceMax" | "reduceMin";

/** Shapes with every kind of axis set: first, last, middle, several, all, of size 1 and 0. */
const reductions: readonly (readonly [number[], number[]])[] = [
  [[7], [0]],
  [[1], [0]],
  [[3, 5], [0]],
  [[3, 5], [1]],
  [
    [3, 5],
    [0, 1],
  ],
  [[2, 3, 4], [1]],
  [
    [2, 3, 4],
    [0, 2],
  ],
  [
    [2, 3, 4],
    [0, 1],
  ],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [[2, 1, 4], [1]],
  [[0, 3], [1]],
  [[3, 0, 2], [0]],
  [[4, 261], [1]],
  [[261, 4], [0]],
  [
    [3, 17, 6],
    [0, 1, 2],
  ],
];

const emptyReductions: readonly (readonly [number[], number[]])[] = [
  [[0], [0]],
  [[0, 3], [0]],
  [[2, 0, 3], [1]],
  [
    [2, 0, 3],
    [1, 2],
  ],
];

const apply = (op: ReduceOp, x: Node, axes: readonly number[]): Node =>
  op === "reduceSum" || op === "reduceProd" ? b.reduce(op, x, axes) : b.extremum(op, x, axes);

interface Options {
  readonly fill?: Fill;
  readonly exact?: boolean;
  readonly tolerance?: Readonly<Partial<Record<DType, Tolerance>>>;
  readonly reason?: string;
}

function reduceCases(
  op: ReduceOp,
  on: readonly DType[],
  { fill = "mixed", ...rest }: Options,
): Case[] {
  const extremum = op === "reduceMax" || op === "reduceMin";
  return [
    {
      name: "shapes and axes",
      dtypes: on,
      build: ({ input }) =>
        [...reductions, ...(extremum ? [] : emptyReductions)].map(([shape, axes]) =>
          apply(op, input(shape, fill), axes),
        ),
      ...rest,
    },
    {
      name: "views",
      dtypes: on,
      build: (scene) =>
        viewsOf(scene, fill).flatMap((x) => [
          apply(op, x, [0]),
          apply(op, x, [1]),
          apply(op, x, [0, 1]),
        ]),
      ...rest,
    },
    {
      name: "of an elementwise chain, with a chain after it",
      dtypes: on.filter((dtype) => dtype !== "bool"),
      build: ({ input }) => {
        const x = input([5, 9], fill);
        const y = apply(op, b.mul(x, b.expand(input([1, 9], fill), [5, 9])), [1]);
        return b.sub(b.expand(b.neg(y), [5, 9]), x);
      },
      ...rest,
    },
    {
      name: "of a reduction, and one operand over several axes",
      dtypes: on,
      build: ({ input }) => {
        const x = input([4, 3, 6], fill);
        const rows = apply(op, x, [2]);
        return [apply(op, rows, [0]), apply(op, x, [0]), apply(op, x, [1]), rows];
      },
      ...rest,
    },
  ];
}

const extremumCases = (op: "reduceMax" | "reduceMin"): Case[] => [
  ...reduceCases(op, everyDType, { exact: true }),
  {
    name: "special values: NaN wins, all infinite, limits",
    dtypes: everyDType,
    exact: true,
    build: ({ input, dtype }) => {
      const far = isFloat(dtype) ? [-Infinity] : [1];
      const out = [apply(op, input([50], "edge"), [0]), apply(op, input([4, 3], far), [1])];
      if (!isFloat(dtype)) return out;
      const rows = input(
        [3, 20],
        [...Array<number>(24).fill(-7), NaN, ...Array<number>(35).fill(5)],
      );
      return [...out, apply(op, rows, [1]), apply(op, rows, [0])];
    },
  },
];

const reordered: Options = {
  // Hundreds of terms of both signs: the rounding of f32 partial sums shows.
  tolerance: {
    f32: { rtol: 1.3e-6, atol: 5e-5 },
    f16: { rtol: 1e-3, atol: 1e-4 },
    bf16: { rtol: 1.6e-2, atol: 1e-4 },
  },
  reason: "backends may sum in f32 in another order",
};

export const reduceRows = {
  reduceSum: [
    ...reduceCases("reduceSum", numbers, reordered),
    {
      name: "large rows and columns",
      dtypes: wideFloats,
      tolerance: { f64: { rtol: 1e-12, atol: 1e-9 }, f32: { rtol: 1.3e-6, atol: 1e-3 } },
      reason: "20,000 terms of both signs cancel",
      build: ({ input }) => {
        const x = input([3, 20011]);
        return [
          b.reduceSum(x, [1]),
          b.reduceSum(b.transpose(x, 0, 1), [0]),
          b.reduceSum(x, [0, 1]),
        ];
      },
    },
    {
      name: "infinities and NaN",
      dtypes: floats,
      build: ({ input }) =>
        b.reduceSum(input([4, 3], [1, Infinity, 2, -Infinity, Infinity, 1, NaN, 1, 2, 3]), [1]),
    },
  ],
  reduceProd: reduceCases("reduceProd", numbers, {
    fill: [0.5, 2, -1, 1.5, 1, -1, 1, 1, 2, 0.5, 1],
    ...reordered,
  }),
  reduceMax: extremumCases("reduceMax"),
  reduceMin: extremumCases("reduceMin"),
  argmax: [
    {
      name: "shapes and dims",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => [
        b.argmax(input([7]), 0),
        b.argmax(input([1]), 0),
        b.argmax(input([3, 5]), 0),
        b.argmax(input([3, 5]), 1),
        b.argmax(input([2, 3, 4]), 1),
        b.argmax(input([5, 300]), 1),
        b.argmax(input([0, 3]), 1),
      ],
    },
    {
      name: "ties take the first, views",
      dtypes: everyDType,
      exact: true,
      build: (scene) => [
        ...viewsOf(scene).flatMap((x) => [b.argmax(x, 0), b.argmax(x, 1)]),
        b.argmax(scene.input([4, 6], [0, 1, 1, 0, 1]), 1),
      ],
    },
    {
      name: "NaN is largest, all −∞, of an expression",
      dtypes: floats,
      exact: true,
      build: ({ input }) => {
        const x = input(
          [4, 4],
          [1, NaN, 3, NaN, 2, 9, NaN, 1, -Infinity, -Infinity, -Infinity, -Infinity, 0, -0, 0, 0],
        );
        return [b.argmax(x, 1), b.argmax(x, 0), b.argmax(b.neg(x), 1)];
      },
    },
  ],
} satisfies Record<ReduceOp | "argmax", Case[]>;

const scanKinds = ["sum", "prod", "max", "min"] as const;

export const scanCases: Case[] = scanKinds.flatMap((kind): Case[] => {
  const fill: Fill = kind === "prod" ? [0.5, 2, -1, 1.5, 1, -1, 1] : "mixed";
  return [
    {
      name: `${kind}: shapes and dims`,
      dtypes: numbers,
      ...reordered,
      build: ({ input }) => [
        b.scan(input([9], fill), 0, kind),
        b.scan(input([1], fill), 0, kind),
        b.scan(input([0], fill), 0, kind),
        b.scan(input([3, 5], fill), 0, kind),
        b.scan(input([3, 5], fill), 1, kind),
        b.scan(input([2, 3, 4], fill), 1, kind),
        b.scan(input([2, 70], fill), 1, kind),
      ],
    },
    {
      name: `${kind}: views, inside a chain`,
      dtypes: numbers,
      ...reordered,
      build: (scene) => viewsOf(scene, fill).map((x) => b.add(b.scan(b.neg(x), 0, kind), x)),
    },
    {
      name: `${kind}: NaN stays`,
      dtypes: floats,
      build: ({ input }) => b.scan(input([2, 5], [1, 2, NaN, 3, 0.5]), 1, kind),
    },
  ];
});
