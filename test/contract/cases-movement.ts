import * as b from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { viewsOf } from "./cases-elementwise.ts";
import type { Case, Scene } from "./scene.ts";
import { everyDType, numbers } from "./scene.ts";

/** Movement is exact for every dtype. */
function moves(name: string, build: (scene: Scene) => readonly Node[]): Case {
  return { name, dtypes: everyDType, exact: true, build };
}

/** Each result as it is, and read by an elementwise op and by a reduction. */
function consumed(name: string, build: (scene: Scene) => readonly Node[]): Case {
  return {
    name,
    dtypes: numbers,
    tolerance: {
      f32: { rtol: 1.3e-6, atol: 2e-4 },
      f16: { rtol: 2e-3, atol: 1e-3 },
      bf16: { rtol: 1.6e-2, atol: 1e-2 },
    },
    reason: "up to 1,500 terms of both signs cancel",
    build: (scene) =>
      build(scene).flatMap((x) => {
        const rank = x.shape.length;
        const all = x.shape.map((_, dim) => dim);
        const sums =
          rank === 0 ? [] : [b.reduceSum(x, [rank - 1]), b.reduceSum(x, [0]), b.reduceSum(x, all)];
        return [b.neg(x), b.add(x, x), ...sums];
      }),
  };
}

const both = (name: string, build: (scene: Scene) => readonly Node[]): Case[] => [
  moves(name, build),
  consumed(`${name}, read by other ops`, build),
];

export const movementRows = {
  reshape: [
    ...both("shapes", ({ input }) => [
      b.reshape(input([6]), [2, 3]),
      b.reshape(input([2, 3, 4]), [6, 4]),
      b.reshape(input([2, 3, 4]), [4, 6]),
      b.reshape(input([1]), []),
      b.reshape(input([]), [1, 1]),
      b.reshape(input([0, 3]), [5, 0]),
      b.reshape(input([2, 1, 3, 1]), [1, 6]),
    ]),
    ...both("of views", (scene) => viewsOf(scene).map((x) => b.reshape(x, [2, 6]))),
  ],
  permute: both("shapes", ({ input }) => {
    const x = input([2, 3, 4]);
    return [
      b.permute(input([3, 5]), [1, 0]),
      b.permute(input([1, 7]), [1, 0]),
      b.permute(input([0, 3]), [1, 0]),
      ...[
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ].map((perm) => b.permute(x, perm)),
      b.permute(input([2, 3, 4, 5]), [0, 3, 1, 2]),
      b.permute(input([2, 3, 4, 5]), [3, 1, 2, 0]),
      b.permute(input([37, 41]), [1, 0]),
    ];
  }),
  expand: both("shapes", ({ input }) => [
    b.expand(input([1]), [5]),
    b.expand(input([1, 3]), [4, 3]),
    b.expand(input([4, 1]), [4, 3]),
    b.expand(input([1, 1]), [4, 3]),
    b.expand(input([2, 1, 3]), [2, 5, 3]),
    b.expand(input([1]), [0]),
    b.expand(b.permute(input([3, 1, 2]), [2, 1, 0]), [2, 7, 3]),
  ]),
  slice: both("ranges, steps, directions", ({ input }) => [
    b.slice(input([9]), [2], [5]),
    b.slice(input([9]), [8], [5], [-2]),
    b.slice(input([9]), [3], [0]),
    b.slice(input([9]), [4], [1], [-3]),
    b.flip(input([1031]), [0]),
    b.slice(input([5, 7]), [1, 6], [3, 3], [1, -3]),
    b.slice(input([5, 7]), [4, 0], [5, 7], [-1, 1]),
    b.slice(input([4, 5, 6]), [3, 1, 0], [2, 2, 3], [-3, 2, 2]),
    b.slice(b.slice(input([12]), [11], [6], [-2]), [5], [3], [-2]),
    b.slice(b.permute(input([4, 6]), [1, 0]), [5, 1], [3, 2], [-2, 2]),
  ]),
  pad: [
    ...both("low, high, interior, value", ({ input }) => [
      b.pad(input([4]), [2], [1]),
      b.pad(input([4]), [0], [3], 1),
      b.pad(input([4]), [1], [1], 2, [2]),
      b.pad(input([0]), [2], [1], 3, [1]),
      b.pad(input([1]), [0], [0], 3, [4]),
      b.pad(input([3, 2]), [1, 0], [0, 2], 1),
      b.pad(input([3, 2]), [1, 2], [2, 1], 0, [1, 2]),
      b.pad(input([2, 3, 4]), [0, 1, 1], [0, 1, 1]),
      b.pad(b.pad(input([3]), [1], [0], 2), [1], [2], 1, [1]),
      b.pad(b.flip(input([5]), [0]), [2], [2], 1),
    ]),
    moves("infinite value", ({ input, dtype }) => [
      b.pad(input([2, 2]), [1, 1], [1, 1], isFloat(dtype) ? -Infinity : 0),
      b.slice(b.pad(input([2, 2]), [2, 2], [2, 2], 1), [1, 5], [4, 4], [1, -1]),
    ]),
  ],
  concat: both("along each dim", ({ input }) => {
    const x = input([2, 3]);
    return [
      b.concat([input([3]), input([1]), input([4])], 0),
      b.concat([x, input([4, 3])], 0),
      b.concat([x, input([2, 1]), x], 1),
      b.concat([input([0, 3]), x, input([0, 3])], 0),
      b.concat([b.permute(input([3, 2]), [1, 0]), b.expand(input([1, 1]), [2, 2])], 1),
      b.concat([b.flip(x, [0, 1]), b.pad(x, [0, 1], [0, 0], 1)], 1),
      b.concat([b.concat([x, x], 0), input([4, 2])], 1),
      b.slice(b.concat([x, x], 1), [0, 5], [2, 4], [1, -1]),
    ];
  }),
  window: both("sizes, strides, dilations", ({ input }) => {
    const attrs = (dims: number[], size: number[], stride: number[], dilation: number[]) => ({
      dims,
      size,
      stride,
      dilation,
    });
    const x = input([2, 7, 9]);
    return [
      b.window(input([9]), attrs([0], [3], [1], [1])),
      b.window(input([9]), attrs([0], [3], [2], [1])),
      b.window(input([9]), attrs([0], [3], [2], [3])),
      b.window(input([5]), attrs([0], [5], [1], [1])),
      b.window(x, attrs([1, 2], [3, 2], [2, 3], [1, 2])),
      b.window(x, attrs([2], [4], [4], [1])),
      b.window(b.pad(x, [0, 1, 1], [0, 1, 1]), attrs([1, 2], [3, 3], [2, 2], [1, 1])),
      b.window(b.flip(b.permute(x, [0, 2, 1]), [1]), attrs([1], [2], [2], [1])),
    ];
  }),
} satisfies Record<string, Case[]>;

/** Chains of views: what a backend must fold or materialise without mixing strides up. */
export const viewChains: Case[] = both("chains of views", ({ input }) => {
  const x = input([4, 6]);
  const padded = b.pad(x, [1, 0], [2, 1], 1);
  const walked = b.slice(padded, [6, 0], [4, 3], [-2, 3]);
  const turned = b.permute(walked, [1, 0]);
  const grown = b.expand(b.reshape(turned, [3, 1, 4]), [3, 2, 4]);
  return [
    turned,
    b.reshape(turned, [12]),
    grown,
    b.reshape(grown, [6, 4]),
    b.permute(b.reshape(b.permute(grown, [2, 0, 1]), [2, 2, 6]), [2, 0, 1]),
    b.pad(b.slice(b.reshape(grown, [4, 6]), [3, 5], [4, 3], [-1, -2]), [1, 1], [0, 1], 0, [1, 0]),
    b.flip(b.flip(b.reshape(b.flip(x, [1]), [8, 3]), [0]), [0, 1]),
    b.concat([b.reshape(turned, [2, 6]), x, b.slice(padded, [0, 0], [2, 6])], 0),
  ];
});
