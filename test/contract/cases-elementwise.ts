import type { BinaryOp, UnaryOp } from "../../src/ir/build.ts";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { dtypeBytes, dtypes } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Case, Fill, Scene } from "./scene.ts";
import { edges, everyDType, floats, integers, numbers, plainFloats } from "./scene.ts";
import type { Tolerance } from "./tolerance.ts";

const shapes = [[], [1], [0], [7], [3, 5], [2, 0, 3], [2, 3, 4, 5], [1031]];

/** Views of different strides, all [4, 3]. */
export function viewsOf({ input }: Scene, fill: Fill = "mixed"): Node[] {
  return [
    b.permute(input([3, 4], fill), [1, 0]),
    b.flip(input([4, 3], fill), [0, 1]),
    b.expand(input([4, 1], fill), [4, 3]),
    b.expand(input([1, 3], fill), [4, 3]),
    b.slice(input([9, 8], fill), [8, 1], [4, 3], [-2, 3]),
    b.broadcastTo(input([], fill), [4, 3]),
    b.reshape(b.permute(input([3, 2, 2], fill), [2, 0, 1]), [4, 3]),
    b.permute(
      b.slice(b.pad(input([2, 2], fill), [1, 0], [1, 2], 1), [3, 0], [3, 4], [-1, 1]),
      [1, 0],
    ),
  ];
}

interface UnaryOptions {
  readonly fill?: Fill;
  /** Extra values; the dtype's edges unless given. */
  readonly special?: Fill;
  readonly exact?: boolean;
  readonly tolerance?: Readonly<Partial<Record<DType, Tolerance>>>;
  readonly reason?: string;
}

/** Functions a vectorised approximation computes: a few ulp instead of the table's eleven. */
const vectorMath: UnaryOptions = {
  tolerance: { f32: { rtol: 5e-7, atol: 1.2e-7 }, f64: { rtol: 1e-13, atol: 1e-14 } },
  reason: "approximations keep a few ulp",
};

function unaryCases(op: UnaryOp, on: readonly DType[], options: UnaryOptions = {}): Case[] {
  const { fill = "mixed", special = "edge", ...rest } = options;
  const apply = (x: Node): Node => b.unary(op, x);
  return [
    {
      name: "shapes",
      dtypes: on,
      build: ({ input }) => shapes.map((s) => apply(input(s, fill))),
      ...rest,
    },
    { name: "views", dtypes: on, build: (scene) => viewsOf(scene, fill).map(apply), ...rest },
    {
      name: "special values",
      dtypes: on,
      build: ({ input }) => apply(input([41], special)),
      ...rest,
    },
  ];
}

const exact = { exact: true };
const spread = [
  -100, -31.4, -9.5, -3.1415927, -1.5707964, -0.78, 1e-3, 0.78, 1.5707964, 3.1415927, 22, 99,
];
const trigonometry: UnaryOptions = {
  ...vectorMath,
  special: [...spread, NaN, Infinity, -Infinity],
};

export const unaryRows = {
  neg: unaryCases("neg", numbers, exact),
  abs: unaryCases("abs", numbers, exact),
  sign: unaryCases("sign", numbers, exact),
  floor: unaryCases("floor", floats, exact),
  ceil: unaryCases("ceil", floats, exact),
  trunc: unaryCases("trunc", floats, exact),
  round: unaryCases("round", floats, exact),
  sqrt: unaryCases("sqrt", floats, { fill: "positive", exact: true }),
  exp: unaryCases("exp", floats, { ...vectorMath, fill: "unit" }),
  expm1: unaryCases("expm1", floats, vectorMath),
  log: unaryCases("log", floats, { ...vectorMath, fill: "positive" }),
  log1p: unaryCases("log1p", floats, { ...vectorMath, fill: "unit" }),
  sin: unaryCases("sin", floats, trigonometry),
  cos: unaryCases("cos", floats, trigonometry),
  tanh: unaryCases("tanh", floats, vectorMath),
  erf: unaryCases("erf", floats, vectorMath),
  not: unaryCases("not", [...integers, "bool"], exact),
} satisfies Record<UnaryOp, Case[]>;

/** Every pair of two lists as two operands. */
function pairs({ input }: Scene, left: Fill, right: Fill, count: number): [Node, Node] {
  const a = b.expand(input([count, 1], left), [count, count]);
  return [a, b.expand(input([1, count], right), [count, count])];
}

interface BinaryOptions {
  readonly left?: Fill;
  readonly right?: Fill;
  readonly exact?: boolean;
  readonly tolerance?: Readonly<Partial<Record<DType, Tolerance>>>;
  readonly reason?: string;
}

function binaryCases(op: BinaryOp, on: readonly DType[], options: BinaryOptions = {}): Case[] {
  const { left = "mixed", right = "mixed", ...rest } = options;
  return [
    {
      name: "shapes",
      dtypes: on,
      build: ({ input }) => shapes.map((s) => b.binary(op, input(s, left), input(s, right))),
      ...rest,
    },
    {
      name: "broadcast operands",
      dtypes: on,
      build: ({ input }) => {
        const x = input([4, 3, 5], left);
        const partners = [[], [5], [3, 1], [4, 1, 1], [4, 1, 5], [1, 1, 1]];
        return partners.map((s) => b.binary(op, x, b.broadcastTo(input(s, right), [4, 3, 5])));
      },
      ...rest,
    },
    {
      name: "views on both sides",
      dtypes: on,
      build: (scene) => {
        const rights = viewsOf(scene, right).reverse();
        return viewsOf(scene, left).map((x, i) => b.binary(op, x, rights[i]));
      },
      ...rest,
    },
    {
      name: "one operand twice",
      dtypes: on,
      build: ({ input }) => {
        const x = input([3, 7], right);
        return b.binary(op, x, x);
      },
      ...rest,
    },
  ];
}

function edgePairs(op: BinaryOp, on: readonly DType[], options: Partial<Case> = {}): Case {
  return {
    name: "all pairs of special values",
    dtypes: on,
    exact: true,
    ...options,
    build: (scene) => {
      const [x, y] = pairs(scene, "edge", "edge", edges[scene.dtype].length);
      return b.binary(op, x, y);
    },
  };
}

const withEdges = (op: BinaryOp, on: readonly DType[]): Case[] => [
  ...binaryCases(op, on, exact),
  edgePairs(op, on),
];

const powerSpecial = [0, -0, 1, -1, 2, -2, 3, 0.5, -0.5, 1.5, -3, NaN, Infinity, -Infinity, 7];

function shiftCases(op: "shl" | "shr"): Case[] {
  return [
    ...binaryCases(op, integers, { left: "wide", right: [0, 1, 2, 3, 7], exact: true }),
    {
      name: "every amount of a 32-bit type",
      dtypes: ["i32", "u32"],
      exact: true,
      build: (scene) =>
        b.binary(
          op,
          ...pairs(
            scene,
            "edge",
            Array.from({ length: 32 }, (_, i) => i),
            32,
          ),
        ),
    },
  ];
}

const bits: readonly DType[] = [...integers, "bool"];

export const binaryRows = {
  add: withEdges("add", numbers),
  sub: withEdges("sub", numbers),
  mul: withEdges("mul", numbers),
  div: [
    ...binaryCases("div", numbers, { right: "positive", exact: true }),
    edgePairs("div", numbers),
  ],
  rem: [
    ...binaryCases("rem", numbers, { left: "wide", right: "positive" }),
    edgePairs("rem", integers),
    {
      name: "signs, zeros, infinities, NaN",
      dtypes: floats,
      build: (scene) =>
        b.binary("rem", ...pairs(scene, powerSpecial, powerSpecial, powerSpecial.length)),
    },
  ],
  pow: [
    ...binaryCases("pow", floats, { left: "positive" }),
    {
      name: "signs, zeros, infinities, NaN",
      dtypes: floats,
      build: (scene) =>
        b.binary("pow", ...pairs(scene, powerSpecial, powerSpecial, powerSpecial.length)),
    },
  ],
  max: withEdges("max", everyDType),
  min: withEdges("min", everyDType),
  and: withEdges("and", bits),
  or: withEdges("or", bits),
  xor: withEdges("xor", bits),
  shl: shiftCases("shl"),
  shr: shiftCases("shr"),
  eq: withEdges("eq", everyDType),
  ne: withEdges("ne", everyDType),
  lt: withEdges("lt", everyDType),
  le: withEdges("le", everyDType),
} satisfies Record<BinaryOp, Case[]>;

const whereCases: Case[] = [
  {
    name: "shapes",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) => shapes.map((s) => b.where(input(s, "mixed", "bool"), input(s), input(s))),
  },
  {
    name: "views, a comparison as condition, NaN in the branch not taken",
    dtypes: everyDType,
    exact: true,
    build: (scene) => {
      const lefts = viewsOf(scene);
      const rights = viewsOf(scene, "edge").reverse();
      return lefts.map((x, i) => b.where(b.binary("lt", x, rights[i]), x, rights[i]));
    },
  },
  {
    name: "broadcast mask",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) => {
      const mask = b.expand(input([1, 5], [1, 0, 0], "bool"), [4, 5]);
      return b.where(mask, input([4, 5]), b.broadcastTo(input([]), [4, 5]));
    },
  },
];

const castCases: Case[] = [
  {
    name: "to every dtype, special values",
    dtypes: everyDType,
    exact: true,
    build: ({ input, dtype }) => {
      const x = input([edges[dtype].length], "edge");
      return dtypes.map((to) => b.cast(x, to));
    },
  },
  {
    name: "to every dtype, shapes",
    dtypes: everyDType,
    exact: true,
    build: ({ input }) => shapes.flatMap((s) => dtypes.map((to) => b.cast(input(s, "wide"), to))),
  },
  {
    name: "to every dtype, views",
    dtypes: everyDType,
    exact: true,
    build: (scene) => viewsOf(scene).flatMap((x) => dtypes.map((to) => b.cast(x, to))),
  },
];

const bitcastCases: Case[] = [
  {
    name: "to every dtype of the same width",
    dtypes: everyDType.filter((dtype) => dtype !== "bool" && dtype !== "u8" && dtype !== "i8"),
    exact: true,
    build: ({ input, dtype }) =>
      dtypes
        .filter((to) => dtypeBytes(to) === dtypeBytes(dtype))
        .flatMap((to) => [
          b.bitcast(input([17], plainFloats), to),
          b.bitcast(b.permute(input([3, 5], "positive"), [1, 0]), to),
        ]),
  },
  {
    name: "between bytes",
    dtypes: ["i8", "u8"],
    exact: true,
    build: ({ input }) => [
      b.bitcast(input([7], "edge"), "u8"),
      b.bitcast(input([7], "edge"), "i8"),
      b.bitcast(input([5], [0, 1]), "bool"),
    ],
  },
];

export const otherElementwiseRows = { where: whereCases, cast: castCases, bitcast: bitcastCases };
