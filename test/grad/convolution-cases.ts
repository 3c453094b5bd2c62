import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import type { ConvAttrs } from "../../src/ir/ops.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { sample } from "./evaluate.ts";
import type { GradCase } from "./vjp-cases.ts";

/** A convolution: geometry, input shape, kernel shape. */
interface Geometry {
  readonly name: string;
  readonly attrs: ConvAttrs;
  readonly x: Shape;
  readonly w: Shape;
}

/** Attributes of a convolution over `rank` dims with the same padding on both sides. */
export function convAttrs(
  rank: number,
  { stride = 1, pad = 0, dilation = 1, groups = 1 }: Partial<Record<string, number>> = {},
): ConvAttrs {
  const all = (value: number): number[] => Array.from({ length: rank }, () => value);
  return {
    stride: all(stride),
    padLow: all(pad),
    padHigh: all(pad),
    dilation: all(dilation),
    groups,
  };
}

/** Plain, padded, strided with a leftover, dilated, grouped, depthwise, one and three dims. */
export const geometries: readonly Geometry[] = [
  { name: "1-d", attrs: convAttrs(1), x: [1, 1, 4], w: [1, 1, 2] },
  { name: "2-d, padded", attrs: convAttrs(2, { pad: 1 }), x: [2, 1, 3, 3], w: [2, 1, 3, 3] },
  {
    name: "strided with a leftover",
    attrs: convAttrs(1, { stride: 2 }),
    x: [1, 2, 6],
    w: [1, 2, 3],
  },
  {
    name: "dilated, uneven padding",
    attrs: { stride: [2], padLow: [2], padHigh: [0], dilation: [2], groups: 1 },
    x: [2, 1, 5],
    w: [1, 1, 2],
  },
  { name: "groups", attrs: convAttrs(1, { groups: 2, pad: 1 }), x: [1, 4, 3], w: [2, 2, 2] },
  { name: "depthwise", attrs: convAttrs(1, { groups: 2 }), x: [1, 2, 3], w: [4, 1, 2] },
  { name: "3-d", attrs: convAttrs(3), x: [1, 1, 2, 2, 2], w: [1, 1, 2, 1, 2] },
];

const outputShape = ({ attrs, x, w }: Geometry): Shape =>
  b.conv(b.input(x, "f64"), b.input(w, "f64"), attrs).shape;

function casesOf(
  build: (geometry: Geometry) => (left: Node, right: Node) => Node,
  shapes: (geometry: Geometry) => readonly [Shape, Shape],
): GradCase[] {
  return geometries.map((geometry, i) => {
    const [left, right] = shapes(geometry);
    return {
      name: geometry.name,
      build: build(geometry),
      inputs: [sample(left), sample(right, -2, 2, 2)],
      order: i === 0 ? 3 : 2,
    };
  });
}

/** Gradient cases of the convolution and of its two gradients, over all geometries. */
export const convolutionCases: Readonly<
  Record<"conv" | "convInputGrad" | "convWeightGrad", GradCase[]>
> = {
  conv: casesOf(
    ({ attrs }) =>
      (x, w) =>
        b.conv(x, w, attrs),
    ({ x, w }) => [x, w],
  ),
  convInputGrad: casesOf(
    ({ attrs, x }) =>
      (g, w) =>
        b.convInputGrad(g, w, { ...attrs, sizes: x.slice(2) }),
    (geometry) => [outputShape(geometry), geometry.w],
  ),
  convWeightGrad: casesOf(
    ({ attrs, w }) =>
      (x, g) =>
        b.convWeightGrad(x, g, { ...attrs, sizes: w.slice(2) }),
    (geometry) => [geometry.x, outputShape(geometry)],
  ),
};
