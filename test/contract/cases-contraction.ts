import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { ConvAttrs } from "../../src/ir/ops.ts";
import type { Case, Scene } from "./scene.ts";
import { floats, integers, wideFloats } from "./scene.ts";
import type { Tolerance } from "./tolerance.ts";

const sums: Readonly<Partial<Record<DType, Tolerance>>> = {
  f32: { rtol: 1.3e-6, atol: 4e-5 },
  f16: { rtol: 2e-3, atol: 2e-3 },
  bf16: { rtol: 1.6e-2, atol: 1e-2 },
};
const reason = "terms of both signs cancel, and backends sum f32 in another order";
const close = { tolerance: sums, reason };

/** [batch…, M, K, N]. */
const products: readonly (readonly number[])[] = [
  [1, 1, 1],
  [1, 5, 1],
  [3, 5, 7],
  [1, 33, 17],
  [17, 33, 1],
  [6, 8, 16],
  [7, 9, 17],
  [64, 64, 64],
  [65, 31, 67],
  [3, 0, 4],
  [0, 3, 4],
  [3, 4, 0],
  [2, 3, 4, 5],
  [5, 1, 8, 8],
  [0, 2, 3, 4],
  [2, 3, 4, 5, 6],
];

const dotCases: Case[] = [
  {
    name: "shapes",
    dtypes: floats,
    ...close,
    build: ({ input }) =>
      products.map((sizes) => {
        const [m, k, n] = sizes.slice(-3);
        const batch = sizes.slice(0, -3);
        return b.dot(input([...batch, m, k]), input([...batch, k, n]));
      }),
  },
  {
    name: "integers wrap",
    dtypes: integers,
    exact: true,
    build: ({ input }) => [
      b.dot(input([3, 5], "wide"), input([5, 7], "wide")),
      b.dot(input([2, 9, 4], "wide"), b.permute(input([2, 6, 4], "wide"), [0, 2, 1])),
      b.dot(input([2, 0]), input([0, 3])),
    ],
  },
  {
    name: "transposed, reversed, padded, broadcast operands",
    dtypes: floats,
    ...close,
    build: ({ input }) => {
      const a = input([9, 13]);
      const c = input([13, 6]);
      const at = b.transpose(input([13, 9]), 0, 1);
      const ct = b.transpose(input([6, 13]), 0, 1);
      return [
        b.dot(at, c),
        b.dot(a, ct),
        b.dot(at, ct),
        b.dot(b.flip(a, [0]), b.flip(c, [0, 1])),
        b.dot(b.slice(input([18, 26]), [17, 0], [9, 13], [-2, 2]), c),
        b.dot(b.pad(input([9, 11]), [0, 1], [0, 1], 1), b.pad(input([6, 3]), [0, 0], [7, 3])),
        b.dot(b.expand(input([1, 13]), [4, 13]), b.expand(input([13, 1]), [13, 5])),
        b.dot(b.broadcastTo(a, [3, 9, 13]), b.permute(input([6, 3, 13]), [1, 2, 0])),
        b.dot(input([3, 9, 13]), b.broadcastTo(c, [3, 13, 6])),
        b.dot(b.permute(input([9, 2, 13]), [1, 0, 2]), b.permute(input([13, 2, 6]), [1, 0, 2])),
      ];
    },
  },
  {
    name: "one operand twice, chained products",
    dtypes: wideFloats,
    ...close,
    build: ({ input }) => {
      const x = input([11, 11], "unit");
      const gram = b.dot(x, b.transpose(x, 0, 1));
      return [b.dot(x, x), gram, b.dot(b.dot(x, x), x), b.dot(gram, input([11, 3]))];
    },
  },
  {
    name: "elementwise before and after, reduction after",
    dtypes: wideFloats,
    ...close,
    build: ({ input }) => {
      const x = input([10, 12]);
      const w = input([12, 9]);
      const bias = b.broadcastTo(input([9]), [10, 9]);
      const y = b.dot(b.unary("tanh", x), b.mul(w, b.fullLike(w, 0.5)));
      const hidden = b.binary("max", b.add(y, bias), b.fullLike(y, 0));
      return [hidden, b.add(hidden, y), b.reduceSum(hidden, [0]), b.extremum("reduceMax", y, [1])];
    },
  },
  {
    name: "half storage with a cast result",
    dtypes: ["f16", "bf16"],
    ...close,
    build: ({ input }) => b.cast(b.dot(input([5, 20]), input([20, 6])), "f32"),
  },
];

/** x, w and geometry of one convolution; lists have one entry per spatial dim. */
interface Geometry extends ConvAttrs {
  readonly x: readonly number[];
  readonly w: readonly number[];
}

function geometry(
  x: readonly number[],
  w: readonly number[],
  { stride = 1, pad = 0, dilation = 1, groups = 1, padHigh = pad }: Record<string, number> = {},
): Geometry {
  const each = (value: number): number[] => x.slice(2).map(() => value);
  return {
    x,
    w,
    stride: each(stride),
    padLow: each(pad),
    padHigh: each(padHigh),
    dilation: each(dilation),
    groups,
  };
}

const geometries: readonly Geometry[] = [
  geometry([2, 3, 9], [4, 3, 3]),
  geometry([1, 2, 11], [3, 2, 4], { stride: 2, pad: 1, dilation: 2 }),
  geometry([2, 3, 7, 6], [5, 3, 3, 3], { pad: 1 }),
  geometry([1, 1, 5, 5], [1, 1, 1, 1]),
  geometry([3, 5, 4, 6], [7, 5, 1, 1]),
  geometry([2, 4, 8, 9], [6, 4, 3, 2], { stride: 2, pad: 1, padHigh: 2 }),
  geometry([1, 3, 9, 9], [2, 3, 3, 3], { dilation: 2, pad: 2 }),
  geometry([2, 6, 5, 5], [4, 3, 3, 3], { groups: 2, pad: 1 }),
  geometry([2, 4, 6, 6], [8, 1, 3, 3], { groups: 4, stride: 2, pad: 1 }),
  geometry([1, 2, 4, 4], [3, 2, 4, 4]),
  geometry([1, 2, 2, 2], [2, 2, 3, 3], { pad: 2, stride: 3 }),
  geometry([0, 2, 5, 5], [3, 2, 3, 3], { pad: 1 }),
  geometry([1, 17, 12, 13], [19, 17, 3, 3], { pad: 1 }),
  geometry([1, 2, 4, 5, 6], [3, 2, 2, 3, 2], { pad: 1, stride: 2 }),
  {
    ...geometry([2, 2, 8, 7], [3, 2, 2, 3]),
    stride: [2, 1],
    padLow: [0, 2],
    padHigh: [1, 0],
    dilation: [3, 1],
  },
];

const attrsOf = ({ x: _x, w: _w, ...attrs }: Geometry): ConvAttrs => attrs;

/** Gradient of the output's shape, for the backward convolutions. */
function outputShape(geo: Geometry): readonly number[] {
  return b.conv(b.full(geo.x, 0, "f32"), b.full(geo.w, 0, "f32"), attrsOf(geo)).shape;
}

function convInput({ input }: Scene, geo: Geometry): Node {
  return b.convInputGrad(input(outputShape(geo)), input(geo.w), {
    ...attrsOf(geo),
    sizes: geo.x.slice(2),
  });
}

function convWeight({ input }: Scene, geo: Geometry): Node {
  return b.convWeightGrad(input(geo.x), input(outputShape(geo)), {
    ...attrsOf(geo),
    sizes: geo.w.slice(2),
  });
}

const image = geometry([2, 4, 6, 5], [6, 4, 3, 3], { pad: 1 });

const convCases: Case[] = [
  {
    name: "ranks, strides, paddings, dilations, groups",
    dtypes: floats,
    ...close,
    build: ({ input }) => geometries.map((geo) => b.conv(input(geo.x), input(geo.w), attrsOf(geo))),
  },
  {
    name: "views as operands",
    dtypes: wideFloats,
    ...close,
    build: ({ input }) => {
      const channelsLast = b.permute(input([2, 6, 5, 4]), [0, 3, 1, 2]);
      const w = input(image.w);
      const broadcast = b.expand(input([1, 4, 6, 1]), [2, 4, 6, 5]);
      const padded = b.pad(input([2, 4, 3, 5]), [0, 0, 1, 0], [0, 0, 2, 0], 1);
      return [
        b.conv(channelsLast, w, attrsOf(image)),
        b.conv(b.flip(input(image.x), [3]), b.flip(w, [2, 3]), attrsOf(image)),
        b.conv(broadcast, b.transpose(input([4, 6, 3, 3]), 0, 1), attrsOf(image)),
        b.conv(padded, w, attrsOf(image)),
      ];
    },
  },
  {
    name: "elementwise before and after, pooling after",
    dtypes: wideFloats,
    ...close,
    build: ({ input }) => {
      const y = b.conv(b.unary("tanh", input(image.x)), input(image.w), attrsOf(image));
      const bias = b.expand(b.reshape(input([6]), [1, 6, 1, 1]), y.shape);
      const relu = b.binary("max", b.add(y, bias), b.fullLike(y, 0));
      const windows = b.window(relu, {
        dims: [2, 3],
        size: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
      });
      return [relu, b.extremum("reduceMax", windows, [4, 5], "first"), b.reduceSum(y, [0, 2, 3])];
    },
  },
];

export const contractionRows = {
  dot: dotCases,
  conv: convCases,
  convInputGrad: [
    {
      name: "ranks, strides, paddings, dilations, groups",
      dtypes: floats,
      ...close,
      build: (scene) => geometries.map((geo) => convInput(scene, geo)),
    },
    {
      name: "views as operands, elementwise around",
      dtypes: wideFloats,
      ...close,
      build: ({ input }) => {
        const attrs = { ...attrsOf(image), sizes: [6, 5] };
        const g = b.permute(input([2, 6, 5, 6]), [0, 3, 1, 2]);
        const dx = b.convInputGrad(g, b.flip(input(image.w), [2]), attrs);
        return [dx, b.mul(dx, input(image.x)), b.convInputGrad(b.neg(g), input(image.w), attrs)];
      },
    },
  ],
  convWeightGrad: [
    {
      name: "ranks, strides, paddings, dilations, groups",
      dtypes: floats,
      ...close,
      build: (scene) => geometries.map((geo) => convWeight(scene, geo)),
    },
    {
      name: "views as operands, elementwise around",
      dtypes: wideFloats,
      ...close,
      build: ({ input }) => {
        const attrs = { ...attrsOf(image), sizes: [3, 3] };
        const g = b.permute(input([2, 6, 5, 6]), [0, 3, 1, 2]);
        const dw = b.convWeightGrad(b.flip(input(image.x), [2]), g, attrs);
        return [dw, b.add(dw, input(image.w)), b.convWeightGrad(b.neg(input(image.x)), g, attrs)];
      },
    },
  ],
} satisfies Record<string, Case[]>;
