import { registerGradient } from "../../src/autodiff/custom-gradient.ts";
import * as b from "../../src/ir/build.ts";
import type { BinaryOp, UnaryOp } from "../../src/ir/build.ts";
import type { Op } from "../../src/ir/ops.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { convAttrs, convolutionCases } from "./convolution-cases.ts";
import { loopOf } from "../contract/cases-loop.ts";
import type { Sample } from "./evaluate.ts";
import { exactly, integers, sample } from "./evaluate.ts";
import type { Build, GradcheckOptions } from "./gradcheck.ts";

const squareRule = registerGradient(([x], _result, g) => [b.mul(g, b.mul(x, b.fullLike(x, 2)))]);

/** One function whose gradients are compared with finite differences. */
export interface GradCase {
  readonly name: string;
  readonly build: Build;
  readonly inputs: readonly Sample[];
  /** Highest order that is checked. */
  readonly order: 1 | 2 | 3;
  readonly options?: GradcheckOptions;
}

/** A case; smooth functions are checked to the second order. */
function gradCase(
  name: string,
  build: Build,
  inputs: readonly Sample[],
  order: 1 | 2 | 3 = 2,
): GradCase {
  return { name, build, inputs, order };
}

function unaryCases(op: UnaryOp, low: number, high: number, order: 1 | 2 | 3 = 2): GradCase[] {
  const build: Build = (x) => b.unary(op, x);
  const strided: Build = (x) => b.unary(op, b.slice(b.permute(x, [1, 0]), [2, 0], [2, 2], [-2, 1]));
  return [
    gradCase("matrix", build, [sample([2, 3], low, high)], order),
    gradCase("scalar", build, [sample([], low, high)], order),
    gradCase("view", strided, [sample([2, 3], low, high, 5)], order),
    gradCase("empty", build, [sample([0, 3])], order),
  ];
}

function binaryCases(
  op: BinaryOp,
  [low, high]: readonly [number, number],
  [otherLow, otherHigh]: readonly [number, number],
  order: 1 | 2 | 3 = 2,
): GradCase[] {
  const build: Build = (x, y) => b.binary(op, x, y);
  const broadcast: Build = (x, y) => b.binary(op, b.expand(x, [2, 3]), b.transpose(y, 0, 1));
  const pair = (a: Shape, c: Shape): Sample[] => [
    sample(a, low, high, 3),
    sample(c, otherLow, otherHigh, 4),
  ];
  return [
    gradCase("matrix", build, pair([2, 3], [2, 3]), order),
    gradCase("scalar", build, pair([], []), order),
    gradCase("broadcast and view", broadcast, pair([2, 1], [3, 2]), order),
    gradCase(
      "one operand twice",
      (x) => b.binary(op, x, b.add(x, x)),
      [sample([3], 0.6, 1.4)],
      order,
    ),
  ];
}

const reductionShapes: readonly (readonly [Shape, readonly number[]])[] = [
  [[4], [0]],
  [[2, 3], [1]],
  [[2, 3], [0]],
  [
    [2, 3, 2],
    [0, 2],
  ],
  [
    [2, 1, 3],
    [0, 1, 2],
  ],
];

function reductionCases(build: (axes: readonly number[]) => Build, order: 1 | 2 | 3): GradCase[] {
  return reductionShapes.map(([shape, axes]) =>
    gradCase(`[${shape.join()}] over [${axes.join()}]`, build(axes), [sample(shape)], order),
  );
}

const noLine = "its result is an integer or bool";
const flat = "it is constant between its steps";

const slices: readonly (readonly [Shape, number[], number[], number[]])[] = [
  [[7], [1], [3], [2]],
  [[7], [6], [3], [-3]],
  [[5], [4], [1], [-1]],
  [
    [4, 5],
    [3, 0],
    [4, 2],
    [-1, 3],
  ],
  [
    [4, 5],
    [1, 2],
    [2, 2],
    [1, 1],
  ],
  [
    [3, 4],
    [1, 0],
    [0, 4],
    [1, 1],
  ],
];

const pads: readonly (readonly [Shape, number[], number[], number[]])[] = [
  [[3], [1], [2], [0]],
  [
    [2, 3],
    [0, 1],
    [1, 0],
    [2, 1],
  ],
  [
    [1, 2],
    [0, 0],
    [3, 0],
    [4, 1],
  ],
  [
    [0, 2],
    [1, 0],
    [1, 0],
    [0, 0],
  ],
];

/** Shape, dims, sizes, strides, dilations: overlapping, tiling, gapped and leftover windows. */
const windows: readonly (readonly [Shape, number[], number[], number[], number[]])[] = [
  [[6], [0], [2], [2], [1]],
  [[7], [0], [2], [2], [1]],
  [[7], [0], [3], [1], [1]],
  [[8], [0], [3], [2], [2]],
  [[7], [0], [2], [3], [1]],
  [[3], [0], [3], [1], [1]],
  [
    [1, 4, 5],
    [1, 2],
    [2, 2],
    [2, 2],
    [1, 1],
  ],
  [
    [2, 5, 4],
    [1, 2],
    [3, 2],
    [2, 1],
    [1, 2],
  ],
  [
    [4, 3, 5],
    [2, 0],
    [2, 3],
    [2, 1],
    [1, 1],
  ],
];

/** Cases of every primitive, or the reason why it passes no gradient. */
export const gradCases: Readonly<Record<Op, readonly GradCase[] | string>> = {
  input: "a leaf",
  constant: "a leaf",
  iota: noLine,
  randomBits: noLine,
  neg: unaryCases("neg", -2, 2),
  abs: unaryCases("abs", 0.5, 2, 1),
  sign: flat,
  floor: flat,
  ceil: flat,
  trunc: flat,
  round: flat,
  sqrt: unaryCases("sqrt", 0.5, 2, 3),
  exp: unaryCases("exp", -2, 2, 3),
  expm1: unaryCases("expm1", -2, 2),
  log: unaryCases("log", 0.5, 2),
  log1p: unaryCases("log1p", -0.5, 2),
  sin: unaryCases("sin", -2, 2, 3),
  cos: unaryCases("cos", -2, 2),
  tanh: unaryCases("tanh", -2, 2, 3),
  erf: unaryCases("erf", -2, 2),
  not: noLine,
  cast: [
    {
      // Values and steps that f32 holds exactly, because finite differences see its rounding.
      ...gradCase("f64 to f32 and back", (x) => b.mul(b.cast(b.cast(x, "f32"), "f64"), x), [
        exactly([3], [0.5, 1, -0.75]),
      ]),
      options: { step: 2 ** -10, relative: 1e-4, absolute: 1e-4 },
    },
  ],
  bitcast: "bits are not numbers",
  add: binaryCases("add", [-2, 2], [-2, 2]),
  sub: binaryCases("sub", [-2, 2], [-2, 2]),
  mul: binaryCases("mul", [-2, 2], [-2, 2], 3),
  div: binaryCases("div", [-2, 2], [0.5, 2], 3),
  rem: binaryCases("rem", [2.1, 2.9], [0.8, 0.95], 1),
  pow: [
    ...binaryCases("pow", [0.5, 2], [-1, 2], 2),
    ...[-1, 0, 0.5, 1, 2, 3].map((power) =>
      gradCase(`constant exponent ${power}`, (x) => b.binary("pow", x, b.fullLike(x, power)), [
        sample([3], 0.5, 2),
      ]),
    ),
    gradCase("exponent 0", (x, y) => b.binary("pow", x, y), [
      exactly([2], [0.5, 2]),
      exactly([2], [0, 1]),
    ]),
    gradCase("negative base", (x) => b.binary("pow", x, b.fullLike(x, 3)), [sample([3], -2, -1)]),
    gradCase("constant base", (x) => b.binary("pow", b.fullLike(x, 1.5), x), [sample([3])]),
  ],
  max: binaryCases("max", [-2, 0.4], [0.5, 2], 1),
  min: binaryCases("min", [-2, 0.4], [0.5, 2], 1),
  and: noLine,
  or: noLine,
  xor: noLine,
  shl: noLine,
  shr: noLine,
  eq: noLine,
  ne: noLine,
  lt: noLine,
  le: noLine,
  where: [
    gradCase(
      "both branches",
      (x, y) => b.where(b.binary("lt", x, y), b.mul(x, y), b.unary("exp", y)),
      [sample([2, 3]), sample([2, 3], -2, 2, 2)],
    ),
    gradCase("one node in both", (x) => b.where(b.binary("lt", x, b.fullLike(x, 0)), x, b.neg(x)), [
      sample([5]),
    ]),
  ],
  reduceSum: reductionCases((axes) => (x) => b.reduceSum(b.mul(x, x), axes), 3),
  reduceProd: [
    ...reductionCases((axes) => (x) => b.reduce("reduceProd", x, axes), 2),
    gradCase("one zero", (x) => b.reduce("reduceProd", x, [0]), [exactly([4], [2, 0, 3, -1])], 3),
    gradCase("two zeros", (x) => b.reduce("reduceProd", x, [0]), [exactly([4], [2, 0, 3, 0])], 3),
    gradCase("empty", (x) => b.reduce("reduceProd", x, [0]), [sample([0, 2])]),
  ],
  reduceMax: [
    ...reductionCases((axes) => (x) => b.extremum("reduceMax", x, axes), 1),
    ...reductionCases((axes) => (x) => b.extremum("reduceMax", x, axes, "first"), 1),
  ],
  reduceMin: [
    ...reductionCases((axes) => (x) => b.extremum("reduceMin", b.mul(x, x), axes), 2),
    ...reductionCases((axes) => (x) => b.extremum("reduceMin", b.mul(x, x), axes, "first"), 2),
  ],
  argmax: noLine,
  scan: [
    ...(["sum", "prod", "max", "min"] as const).flatMap((kind) => [
      gradCase(kind, (x) => b.scan(x, 1, kind), [sample([2, 5])], kind === "prod" ? 3 : 2),
      gradCase(`${kind}, outer dim`, (x) => b.scan(x, 0, kind), [sample([3, 2])]),
      gradCase(`${kind}, one element`, (x) => b.scan(x, 0, kind), [sample([1, 2])]),
      gradCase(`${kind}, empty`, (x) => b.scan(x, 0, kind), [sample([0, 2])]),
    ]),
    gradCase(
      "prod with zeros",
      (x) => b.scan(x, 0, "prod"),
      [exactly([6], [2, 0, 3, -1, 0, 4])],
      3,
    ),
  ],
  reshape: [gradCase("matrix", (x) => b.reshape(b.mul(x, x), [3, 2]), [sample([2, 3])])],
  permute: [
    gradCase("three dims", (x) => b.permute(b.mul(x, x), [2, 0, 1]), [sample([2, 3, 2])]),
    gradCase("swap", (x) => b.permute(b.mul(x, x), [1, 0]), [sample([2, 3])]),
  ],
  expand: [
    gradCase("two dims", (x) => b.mul(b.expand(x, [2, 3, 2]), b.expand(x, [2, 3, 2])), [
      sample([2, 1, 1]),
    ]),
    gradCase("to nothing", (x) => b.expand(x, [0, 3]), [sample([1, 3])]),
  ],
  slice: slices.map(([shape, start, size, step]) =>
    gradCase(
      `[${shape.join()}] by [${step.join()}]`,
      (x) => b.slice(b.mul(x, x), start, size, step),
      [sample(shape)],
    ),
  ),
  pad: pads.map(([shape, low, high, interior]) =>
    gradCase(`[${shape.join()}]`, (x) => b.pad(b.mul(x, x), low, high, 3, interior), [
      sample(shape),
    ]),
  ),
  concat: [
    gradCase("three parts", (x, y) => b.concat([b.mul(x, y), x, y], 1), [
      sample([2, 2]),
      sample([2, 2], -2, 2, 2),
    ]),
    gradCase("an empty part", (x, y) => b.concat([x, b.mul(y, y)], 0), [
      sample([0, 2]),
      sample([3, 2]),
    ]),
  ],
  window: windows.map(([shape, dims, size, stride, dilation]) =>
    gradCase(
      `[${shape.join()}] size ${size.join()} stride ${stride.join()} dilation ${dilation.join()}`,
      (x) => b.window(b.mul(x, x), { dims, size, stride, dilation }),
      [sample(shape)],
    ),
  ),
  gather: [
    gradCase("repeated index", (x, at) => b.gather(b.mul(x, x), at, 0), [
      sample([3, 2]),
      integers([4, 2], [0, 2, 2, 2, 1, 0, 2, 2]),
    ]),
    gradCase("smaller index", (x, at) => b.gather(b.mul(x, x), at, 1), [
      sample([3, 2]),
      integers([2, 1], [1, 0]),
    ]),
  ],
  scatter: (["add", "set"] as const).flatMap((mode) => [
    gradCase(
      `${mode}, repeated index`,
      (x, at, y) => b.scatter(b.mul(x, x), at, b.mul(y, y), 0, mode),
      [sample([3, 2]), integers([3, 2], [0, 2, 0, 2, 1, 2]), sample([3, 2], -2, 2, 9)],
    ),
    gradCase(`${mode}, smaller index`, (x, at, y) => b.scatter(x, at, b.mul(y, y), 1, mode), [
      sample([3, 4]),
      integers([2, 2], [3, 3, 0, 1]),
      sample([2, 2], -2, 2, 9),
    ]),
  ]),
  argsort: noLine,
  topk: noLine,
  dot: [
    gradCase("matrices", (x, y) => b.dot(x, y), [sample([2, 3]), sample([3, 2], -2, 2, 2)], 3),
    gradCase("batches", (x, y) => b.dot(x, y), [
      sample([2, 1, 2, 3]),
      sample([2, 1, 3, 1], -2, 2, 2),
    ]),
    gradCase("transposed", (x, y) => b.dot(b.transpose(x, 1, 2), b.transpose(y, 1, 2)), [
      sample([2, 3, 2]),
      sample([2, 4, 3], -2, 2, 2),
    ]),
    gradCase("a Gram matrix", (x) => b.dot(x, b.transpose(x, 0, 1)), [sample([2, 3])], 3),
    gradCase("no inner elements", (x, y) => b.dot(x, y), [sample([2, 0]), sample([0, 3])]),
  ],
  ...convolutionCases,
  convInputGrad: [
    ...convolutionCases.convInputGrad,
    gradCase(
      "transposed with output padding",
      (g, w) => b.convInputGrad(g, w, { ...convAttrs(1, { dilation: 2 }), sizes: [6] }),
      [sample([1, 1, 3]), sample([1, 2, 2], -2, 2, 2)],
      3,
    ),
  ],
  assign: [
    gradCase("value", (x, y) => b.mul(b.assign(x, b.mul(y, y)), y), [sample([2]), sample([2])]),
  ],
  custom: "a host function is opaque: asking for its gradient is an error",
  barrier: [gradCase("value", (x, y) => b.mul(b.barrier(x, [y]), y), [sample([2]), sample([2])])],
  customGradient: [
    gradCase(
      "of a square, written by hand",
      (x) => b.customGradient(b.mul(x, x), [x], squareRule),
      [sample([3])],
      3,
    ),
  ],
  checkpoint: [
    gradCase("region", (x) => b.checkpoint(b.unary("sin", b.mul(x, x)), 0), [sample([3])], 3),
  ],
  loop: [
    gradCase(
      "carry, slices and a whole, from the last",
      (x, y, w) => {
        const operands = { carries: [x], slices: [y], wholes: [w] };
        const [last, all] = loopOf(
          3,
          operands,
          ([h], [row], [weight]) => {
            const next = b.unary("tanh", b.add(b.mul(h, weight), row));
            return [next, b.mul(next, h)];
          },
          { reverse: true },
        );
        return b.mul(last, b.reshape(b.reduceSum(all, [0]), [1, 2]));
      },
      [sample([1, 2]), sample([3, 1, 2], -2, 2, 2), sample([1, 2], -2, 2, 3)],
      2,
    ),
    gradCase(
      "a carry that meets the others late, one that never does",
      (x, y) => {
        const operands = { carries: [x, b.mul(x, x), b.unary("sin", y)] };
        const [a, c] = loopOf(4, operands, ([p, q, r]) => [b.mul(q, p), b.add(p, q), b.mul(r, r)]);
        return b.add(a, b.mul(c, y));
      },
      [sample([2], 0.2, 0.9), sample([2], -1, 1, 2)],
      3,
    ),
    gradCase(
      "a loop in a loop",
      (x, y) => {
        const [last] = loopOf(2, { carries: [x], slices: [y] }, ([h], [rows]) => {
          const [inner] = loopOf(3, { carries: [h], slices: [rows] }, ([p], [row]) => [
            b.unary("sin", b.mul(p, row)),
          ]);
          return [b.add(inner, h)];
        });
        return last;
      },
      [sample([2]), sample([2, 3, 2], -2, 2, 2)],
      2,
    ),
    gradCase(
      "a product with a whole, and a checkpointed region",
      (x, w) => {
        const [last] = loopOf(2, { carries: [x], wholes: [w] }, ([h], _, [u]) => {
          const product = b.dot(h, u);
          return [b.checkpoint(b.unary("tanh", product), product.id)];
        });
        return last;
      },
      [sample([2, 2]), sample([2, 2], -1, 1, 2)],
      2,
    ),
  ],
  attention: [
    gradCase(
      "shared heads, two widths",
      (q, k, v) => b.part(b.attention([q, k, v], { causal: false, scale: 0.7 }), 0),
      [sample([2, 3, 4, 2]), sample([2, 4, 2, 2], -1, 1, 2), sample([2, 4, 2, 3], -1, 1, 3)],
    ),
    gradCase(
      "causal",
      (q, k, v) => b.part(b.attention([q, k, v], { causal: true, scale: 0.5 }), 0),
      [sample([1, 4, 1, 2]), sample([1, 3, 1, 2], -1, 1, 2), sample([1, 3, 1, 2], -1, 1, 3)],
    ),
    gradCase(
      "a bias that heads share",
      (q, k, v, bias) => {
        const all = b.broadcastTo(bias, [2, 2, 3, 3]);
        return b.part(b.attention([q, k, v, all], { causal: false, scale: 1 }), 0);
      },
      [
        sample([2, 3, 2, 2]),
        sample([2, 3, 1, 2], -1, 1, 2),
        sample([2, 3, 1, 2], -1, 1, 3),
        sample([3, 3], -1, 1, 4),
      ],
    ),
    gradCase(
      "the logarithms of totals",
      (q, k, v) => b.part(b.attention([q, k, v], { causal: false, scale: 1 }), 1),
      [sample([1, 2, 2, 2]), sample([1, 3, 1, 2], -1, 1, 2), sample([1, 3, 1, 2], -1, 1, 3)],
    ),
  ],
  attentionGrad: [
    gradCase(
      "of all operands",
      (q, k, v, out, stats, g) => {
        const node = b.attentionGrad([q, k, v, out, stats, g], { causal: true, scale: 0.5 });
        const parts = [0, 1, 2].map((i) => b.part(node, i));
        return b.add(b.add(parts[0], parts[1]), b.mul(parts[2], parts[2]));
      },
      [1, 2, 3, 4]
        .map((seed) => sample([1, 2, 1, 2], -1, 1, seed))
        .toSpliced(4, 0, sample([1, 1, 2], 1, 2, 5), sample([1, 2, 1, 2], -1, 1, 6)),
      1,
    ),
  ],
  part: [
    gradCase(
      "a stacked result alone",
      (x) => loopOf(3, { slices: [x] }, (_, [row]) => [b.unary("exp", row)])[0],
      [sample([3, 2])],
      3,
    ),
  ],
};
