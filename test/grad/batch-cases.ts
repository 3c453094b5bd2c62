import { registerGradient } from "../../src/autodiff/custom-gradient.ts";
import * as b from "../../src/ir/build.ts";
import type { BinaryOp, UnaryOp } from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Op } from "../../src/ir/ops.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { numel } from "../../src/ir/shape.ts";
import { loopOf } from "../contract/cases-loop.ts";
import { geometries } from "./convolution-cases.ts";
import { uniform } from "./evaluate.ts";

const productRule = registerGradient(([x, y], _result, g) => [b.mul(g, y), b.mul(g, x)]);

/** An operand of a function to batch: each batch element gets values of its own. */
export interface BatchInput {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: (seed: number) => number[];
}

/** A function whose batched form is compared with a loop. */
export interface BatchCase {
  readonly name: string;
  readonly build: (...nodes: Node[]) => Node;
  readonly inputs: readonly BatchInput[];
}

const floats = (shape: Shape, low = -2, high = 2): BatchInput => ({
  shape,
  dtype: "f64",
  values: (seed) => uniform(numel(shape), low, high, seed),
});

const positive = (shape: Shape): BatchInput => floats(shape, 0.5, 2);

/** Integers 0 … below − 1. */
const indices = (shape: Shape, below: number, dtype: DType = "i32"): BatchInput => ({
  shape,
  dtype,
  values: (seed) => uniform(numel(shape), 0, below, seed + 50).map(Math.floor),
});

const batchCase = (
  name: string,
  build: BatchCase["build"],
  inputs: readonly BatchInput[],
): BatchCase => ({ name, build, inputs });

const unary = (op: UnaryOp, of = positive): BatchCase[] => [
  batchCase("matrix", (x) => b.unary(op, x), [of([2, 3])]),
  batchCase("scalar", (x) => b.unary(op, x), [of([])]),
];

const binary = (op: BinaryOp, of = positive): BatchCase[] => [
  batchCase("matrix", (x, y) => b.binary(op, x, y), [of([2, 3]), of([2, 3])]),
  batchCase("scalar", (x, y) => b.binary(op, x, y), [of([]), of([])]),
];

const bits = (shape: Shape): BatchInput => indices(shape, 16);
const shifts = (op: BinaryOp): BatchCase[] => [
  batchCase("vector", (x, y) => b.binary(op, x, y), [indices([3], 100), indices([3], 5)]),
];

const reductions = (build: (axes: readonly number[]) => (x: Node) => Node): BatchCase[] =>
  [[0], [1], [0, 2]].map((axes) =>
    batchCase(`over ${axes.join()}`, build(axes), [floats([2, 3, 2])]),
  );

const outputShape = ({ attrs, x, w }: (typeof geometries)[number]): Shape =>
  b.conv(b.input(x, "f64"), b.input(w, "f64"), attrs).shape;

/** Cases of every primitive, or the reason why it cannot be batched. */
export const batchCases: Readonly<Record<Op, readonly BatchCase[] | string>> = {
  input: "a leaf",
  constant: "a leaf",
  iota: "a leaf",
  randomBits: [batchCase("keys", (key) => b.randomBits(key, [2, 3]), [indices([2], 1e9, "u32")])],
  neg: unary("neg"),
  abs: unary("abs", floats),
  sign: unary("sign", floats),
  floor: unary("floor", floats),
  ceil: unary("ceil", floats),
  trunc: unary("trunc", floats),
  round: unary("round", floats),
  sqrt: unary("sqrt"),
  exp: unary("exp"),
  expm1: unary("expm1"),
  log: unary("log"),
  log1p: unary("log1p"),
  sin: unary("sin"),
  cos: unary("cos"),
  tanh: unary("tanh"),
  erf: unary("erf"),
  not: unary("not", bits),
  cast: [batchCase("to f32", (x) => b.cast(x, "f32"), [floats([2])])],
  bitcast: [batchCase("bits of f32", (x) => b.bitcast(b.cast(x, "f32"), "i32"), [floats([2])])],
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  rem: binary("rem"),
  pow: binary("pow"),
  max: binary("max"),
  min: binary("min"),
  and: binary("and", bits),
  or: binary("or", bits),
  xor: binary("xor", bits),
  shl: shifts("shl"),
  shr: shifts("shr"),
  eq: binary("eq", bits),
  ne: binary("ne", bits),
  lt: binary("lt"),
  le: binary("le"),
  where: [
    batchCase("vector", (c, x, y) => b.where(b.cast(c, "bool"), x, y), [
      indices([3], 2),
      floats([3]),
      floats([3]),
    ]),
  ],
  reduceSum: reductions((axes) => (x) => b.reduceSum(x, axes)),
  reduceProd: reductions((axes) => (x) => b.reduce("reduceProd", x, axes)),
  reduceMax: reductions((axes) => (x) => b.extremum("reduceMax", x, axes, "first")),
  reduceMin: reductions((axes) => (x) => b.extremum("reduceMin", x, axes)),
  argmax: [0, 1].map((dim) => batchCase(`dim ${dim}`, (x) => b.argmax(x, dim), [floats([2, 3])])),
  scan: (["sum", "prod", "max", "min"] as const).map((kind) =>
    batchCase(kind, (x) => b.scan(x, 1, kind), [floats([2, 3])]),
  ),
  reshape: [
    batchCase("matrix", (x) => b.reshape(x, [3, 2]), [floats([2, 3])]),
    batchCase("to scalar", (x) => b.reshape(x, []), [floats([1, 1])]),
  ],
  permute: [batchCase("three dims", (x) => b.permute(x, [2, 0, 1]), [floats([2, 3, 4])])],
  expand: [batchCase("rows", (x) => b.expand(x, [2, 3]), [floats([1, 3])])],
  slice: [batchCase("flipped", (x) => b.slice(x, [1, 0], [2, 2], [-1, 2]), [floats([2, 3])])],
  pad: [batchCase("all kinds", (x) => b.pad(x, [1, 0], [0, 2], 7, [0, 1]), [floats([2, 3])])],
  concat: [batchCase("two", (x, y) => b.concat([x, y, x], 1), [floats([2, 3]), floats([2, 1])])],
  window: [
    batchCase(
      "two dims",
      (x) => b.window(x, { dims: [1, 0], size: [2, 2], stride: [2, 1], dilation: [1, 2] }),
      [floats([4, 5])],
    ),
  ],
  gather: [0, 1].map((dim) =>
    batchCase(`dim ${dim}`, (x, at) => b.gather(x, at, dim), [floats([3, 3]), indices([2, 2], 3)]),
  ),
  scatter: (["add", "set"] as const).flatMap((mode) =>
    [0, 1].map((dim) =>
      batchCase(`${mode}, dim ${dim}`, (x, at, y) => b.scatter(x, at, y, dim, mode), [
        floats([3, 3]),
        indices([2, 3], 3),
        floats([2, 3]),
      ]),
    ),
  ),
  argsort: [batchCase("outer dim", (x) => b.argsort(x, 0, true), [floats([3, 2])])],
  topk: [batchCase("two", (x) => b.topk(x, 1, 2, false), [floats([2, 4])])],
  dot: [
    batchCase("matrices", (x, y) => b.dot(x, y), [floats([2, 3]), floats([3, 4])]),
    batchCase("batches", (x, y) => b.dot(x, y), [floats([2, 1, 2, 3]), floats([2, 1, 3, 2])]),
  ],
  conv: geometries.map(({ name, attrs, x, w }) =>
    batchCase(name, (left, right) => b.conv(left, right, attrs), [floats(x), floats(w)]),
  ),
  convInputGrad: geometries.map((geometry) =>
    batchCase(
      geometry.name,
      (g, w) => b.convInputGrad(g, w, { ...geometry.attrs, sizes: geometry.x.slice(2) }),
      [floats(outputShape(geometry)), floats(geometry.w)],
    ),
  ),
  convWeightGrad: geometries.map((geometry) =>
    batchCase(
      geometry.name,
      (x, g) => b.convWeightGrad(x, g, { ...geometry.attrs, sizes: geometry.w.slice(2) }),
      [floats(geometry.x), floats(outputShape(geometry))],
    ),
  ),
  assign: "it would write one value per batch element to one place",
  custom: "a host function is opaque",
  barrier: [batchCase("after another", (x, y) => b.barrier(x, [y]), [floats([2]), floats([3])])],
  customGradient: [
    batchCase("one operand shared", (x, y) => b.customGradient(b.mul(x, y), [x, y], productRule), [
      floats([2]),
      floats([2]),
    ]),
  ],
  checkpoint: [
    batchCase("region", (x, y) => b.checkpoint(b.mul(b.unary("sin", x), y), 0), [
      floats([2]),
      floats([2]),
    ]),
  ],
  loop: [
    batchCase(
      "carries, slices and a whole",
      (x, y, w) => {
        const operands = { carries: [x, w], slices: [y], wholes: [w] };
        const results = loopOf(3, operands, ([sum, kept], [row], [factor]) => {
          const next = b.add(b.mul(sum, factor), row);
          return [next, kept, b.mul(row, row), factor];
        });
        const stacked = b.reduceSum(b.add(results[2], results[3]), [0]);
        return b.add(b.add(results[0], results[1]), b.reshape(stacked, [1, 2]));
      },
      [floats([1, 2]), floats([3, 1, 2]), floats([1, 2])],
    ),
  ],
  attention: [
    batchCase(
      "shared heads and a bias",
      (q, k, v, bias) => {
        const all = b.broadcastTo(bias, [2, 2, 3, 4]);
        return b.part(b.attention([q, k, v, all], { causal: false, scale: 0.5 }), 0);
      },
      [floats([2, 3, 2, 2]), floats([2, 4, 1, 2]), floats([2, 4, 1, 3]), floats([3, 4])],
    ),
  ],
  attentionGrad: [
    batchCase(
      "gradients of the keys",
      (q, k, v, g) => {
        const attrs = { causal: true, scale: 0.5 };
        const node = b.attention([q, k, v], attrs);
        const gradients = b.attentionGrad([q, k, v, b.part(node, 0), b.part(node, 1), g], attrs);
        return b.part(gradients, 1);
      },
      [floats([1, 3, 2, 2]), floats([1, 4, 1, 2]), floats([1, 4, 1, 3]), floats([1, 3, 2, 3])],
    ),
  ],
  part: [
    batchCase(
      "a stacked result",
      (x) => loopOf(3, { slices: [x] }, (_, [row]) => [b.unary("sin", row)])[0],
      [floats([3, 2])],
    ),
  ],
};
