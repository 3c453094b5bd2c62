import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { viewChains } from "./cases-movement.ts";
import type { Case } from "./scene.ts";
import { floats, wideFloats } from "./scene.ts";

const last = (x: Node): number => x.shape.length - 1;
const like = b.fullLike;
const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);
const scale = (x: Node, factor: number): Node => b.mul(x, like(x, factor));
const square = (x: Node): Node => b.mul(x, x);

function mean(x: Node): Node {
  return scale(b.reduceSum(x, [last(x)]), 1 / x.shape[last(x)]);
}

function softmax(x: Node): Node {
  const shifted = b.sub(x, spread(b.extremum("reduceMax", x, [last(x)]), x));
  const weights = b.unary("exp", shifted);
  return b.div(weights, spread(b.reduceSum(weights, [last(x)]), x));
}

function logSoftmax(x: Node): Node {
  const shifted = b.sub(x, spread(b.extremum("reduceMax", x, [last(x)]), x));
  const total = b.reduceSum(b.unary("exp", shifted), [last(x)]);
  return b.sub(shifted, spread(b.unary("log", total), x));
}

function layerNorm(x: Node, weight: Node, bias: Node): Node {
  const centred = b.sub(x, spread(mean(x), x));
  const variance = mean(square(centred));
  const deviation = b.unary("sqrt", b.add(variance, like(variance, 1e-5)));
  const normal = b.div(centred, spread(deviation, x));
  return b.add(b.mul(normal, b.broadcastTo(weight, x.shape)), b.broadcastTo(bias, x.shape));
}

function gelu(x: Node): Node {
  return b.mul(scale(x, 0.5), b.add(like(x, 1), b.unary("erf", scale(x, Math.SQRT1_2))));
}

function geluTanh(x: Node): Node {
  const inner = b.add(x, scale(b.mul(square(x), x), 0.044715));
  return b.mul(
    scale(x, 0.5),
    b.add(like(x, 1), b.unary("tanh", scale(inner, Math.sqrt(2 / Math.PI)))),
  );
}

/** Uniform numbers in [0, 1) from the upper 24 bits. */
function uniform(key: Node, shape: readonly number[], dtype: DType): Node {
  const bits = b.randomBits(key, shape);
  const fraction = b.cast(b.binary("shr", bits, like(bits, 8)), "f32");
  return b.cast(scale(fraction, 2 ** -24), dtype);
}

const rounded = {
  f16: { rtol: 1e-2, atol: 1e-2 },
  bf16: { rtol: 6e-2, atol: 6e-2 },
};
const reason = "a fused backend keeps f32 between ops where the reference rounds to halves";
const halves = { tolerance: rounded, reason };

const normalisation: Case[] = [
  {
    name: "softmax over rows and columns",
    dtypes: floats,
    ...halves,
    build: ({ input }) => [
      softmax(input([5, 7], "wide")),
      softmax(input([3, 1])),
      softmax(input([2, 3, 301])),
      b.transpose(softmax(b.transpose(input([6, 4]), 0, 1)), 0, 1),
    ],
  },
  {
    name: "softmax with −∞ from a causal mask",
    dtypes: wideFloats,
    build: ({ input, dtype }) => {
      const future = b.binary("lt", b.iota([6, 6], 0), b.iota([6, 6], 1));
      return softmax(b.where(future, b.full([6, 6], -Infinity, dtype), input([6, 6])));
    },
  },
  {
    name: "log-softmax and cross-entropy by gather",
    dtypes: wideFloats,
    build: ({ input }) => {
      const logits = logSoftmax(input([5, 10]));
      const picked = b.gather(logits, input([5, 1], [3, 0, 9, 9, 1], "i32"), 1);
      return [logits, scale(b.neg(b.reduceSum(picked, [0, 1])), 1 / 5)];
    },
  },
  {
    name: "layer norm",
    dtypes: floats,
    ...halves,
    build: ({ input }) => [
      layerNorm(input([4, 9]), input([9]), input([9])),
      layerNorm(input([2, 3, 130]), input([130]), input([130])),
      layerNorm(b.permute(input([8, 5]), [1, 0]), input([8]), input([8])),
    ],
  },
  {
    name: "batch statistics over all dims but one",
    dtypes: wideFloats,
    build: ({ input }) => {
      const x = input([4, 3, 5, 5]);
      const average = scale(b.reduceSum(x, [0, 2, 3]), 1 / 100);
      const variance = scale(b.reduceSum(square(b.sub(x, spread(average, x))), [0, 2, 3]), 1 / 100);
      const deviation = b.unary("sqrt", b.add(variance, like(variance, 1e-5)));
      return [b.div(b.sub(x, spread(average, x)), spread(deviation, x)), average, variance];
    },
  },
];

const elementwise: Case[] = [
  {
    name: "gelu, exact and by tanh",
    dtypes: floats,
    ...halves,
    build: ({ input }) => [gelu(input([5, 7])), geluTanh(input([37]))],
  },
  {
    name: "dropout: bits, uniform, mask, scale",
    dtypes: floats,
    ...halves,
    build: ({ input, dtype }) => {
      const x = input([6, 11]);
      const u = uniform(input([2], [7, 11], "u32"), [6, 11], dtype);
      return b.where(b.binary("lt", u, like(u, 0.25)), like(x, 0), scale(x, 4 / 3));
    },
  },
  {
    name: "two dozen ops in a row",
    dtypes: wideFloats,
    build: ({ input }) => {
      const step = input([3, 5], "unit");
      let x = input([3, 5], "unit");
      for (let i = 0; i < 8; i++) x = b.unary("tanh", b.add(b.mul(x, step), like(x, 0.1 * i)));
      return x;
    },
  },
  {
    name: "dtypes change inside the chain",
    dtypes: ["f32"],
    tolerance: { f16: { rtol: 2e-3, atol: 1e-4 }, bf16: { rtol: 2e-2, atol: 1e-3 } },
    reason: "stored halves",
    build: ({ input }) => {
      const half = input([4, 6], "mixed", "f16");
      const brain = input([4, 6], "mixed", "bf16");
      const wide = b.add(b.cast(half, "f32"), b.cast(brain, "f32"));
      const count = b.cast(b.binary("lt", wide, like(wide, 0)), "i32");
      return [
        wide,
        b.cast(wide, "f16"),
        b.cast(wide, "bf16"),
        b.reduceSum(count, [0, 1]),
        b.cast(b.reduceSum(b.cast(wide, "f64"), [1]), "f32"),
        b.add(b.cast(count, "f32"), wide),
      ];
    },
  },
  {
    name: "a result rounded to halves is rounded for its readers too",
    dtypes: ["f32"],
    exact: true,
    build: ({ input }) => {
      const x = input([40], "wide");
      return ["f16", "bf16"].map((to) => b.sub(b.cast(b.cast(x, to as DType), "f32"), x));
    },
  },
];

const shapes: Case[] = [
  {
    name: "attention",
    dtypes: wideFloats,
    build: ({ input }) => {
      const [q, k, v] = [0, 1, 2].map(() => b.permute(input([2, 5, 3, 4]), [0, 2, 1, 3]));
      const weights = softmax(scale(b.dot(q, b.permute(k, [0, 1, 3, 2])), 0.5));
      return b.reshape(b.permute(b.dot(weights, v), [0, 2, 1, 3]), [2, 5, 12]);
    },
  },
  {
    name: "max and average pooling through windows",
    dtypes: wideFloats,
    build: ({ input }) => {
      const x = input([2, 3, 7, 8]);
      const attrs = { dims: [2, 3], size: [3, 2], stride: [2, 2], dilation: [1, 1] };
      const padded = b.pad(x, [0, 0, 1, 1], [0, 0, 1, 1], -Infinity);
      return [
        b.extremum("reduceMax", b.window(padded, attrs), [4, 5], "first"),
        scale(b.reduceSum(b.window(x, attrs), [4, 5]), 1 / 6),
      ];
    },
  },
  {
    name: "nearest upsampling, pixel shuffle, roll",
    dtypes: floats,
    exact: true,
    build: ({ input }) => {
      const x = input([1, 4, 3, 2]);
      const doubled = b.expand(b.reshape(x, [4, 3, 1, 2, 1]), [4, 3, 2, 2, 2]);
      const shuffled = b.permute(b.reshape(x, [2, 2, 3, 2]), [2, 0, 3, 1]);
      const rolled = b.concat([b.narrow(x, 2, 1, 2), b.narrow(x, 2, 0, 1)], 2);
      return [b.reshape(doubled, [1, 4, 6, 4]), b.reshape(shuffled, [1, 1, 6, 4]), rolled];
    },
  },
  {
    name: "one-hot, embedding gradient, top-k mask",
    dtypes: ["f32"],
    build: ({ input }) => {
      const index = input([6, 1], [2, 0, 4, 2, 2, 1], "i32");
      const oneHot = b.cast(b.binary("eq", b.expand(index, [6, 5]), b.iota([6, 5], 1)), "f32");
      const updates = input([6, 5]);
      const table = b.scatter(b.full([5, 5], 0, "f32"), b.expand(index, [6, 5]), updates, 0, "add");
      const best = b.gather(updates, b.topk(updates, 1, 2, true), 1);
      const threshold = b.slice(best, [0, 1], [6, 1]);
      const kept = b.where(
        b.binary("le", spread(threshold, updates), updates),
        updates,
        like(updates, 0),
      );
      return [oneHot, b.dot(b.transpose(oneHot, 0, 1), updates), table, kept];
    },
  },
  {
    name: "expanded reductions meet again (outer sums)",
    dtypes: wideFloats,
    build: ({ input }) => {
      const x = input([6, 8]);
      const rows = b.reduceSum(x, [1]);
      const columns = b.reduceSum(x, [0]);
      const outer = b.mul(spread(rows, x), spread(columns, x));
      return [outer, b.reduceSum(b.sub(x, scale(outer, 0.01)), [0, 1]), b.add(rows, like(rows, 1))];
    },
  },
];

function adam(parameter: Node, gradient: Node, first: Node, second: Node): Node[] {
  const m = b.add(scale(first, 0.9), scale(gradient, 0.1));
  const v = b.add(scale(second, 0.999), scale(square(gradient), 0.001));
  const deviation = b.unary("sqrt", v);
  const update = b.div(m, b.add(deviation, like(v, 1e-8)));
  return [
    b.assign(first, m),
    b.assign(second, v),
    b.assign(parameter, b.sub(parameter, scale(update, 1e-3))),
  ];
}

const programs: Case[] = [
  {
    name: "Adam over parameters of several shapes",
    dtypes: wideFloats,
    build: ({ input }) =>
      [[], [5], [3, 4], [2, 3, 1, 2]].flatMap((shape) =>
        adam(input(shape), input(shape), input(shape), input(shape, "positive")),
      ),
  },
  {
    name: "linear layer, loss and its gradient step",
    dtypes: wideFloats,
    build: ({ input }) => {
      const [x, w, target] = [input([8, 5]), input([5, 3]), input([8, 3])];
      const error = b.sub(b.dot(x, w), target);
      const gradient = scale(b.dot(b.transpose(x, 0, 1), error), 2 / 24);
      return [b.reduceSum(square(error), [0, 1]), b.assign(w, b.sub(w, scale(gradient, 0.1)))];
    },
  },
  {
    name: "forty inputs into one sum, forty outputs from one input",
    dtypes: wideFloats,
    build: ({ input }) => {
      const x = input([3, 3]);
      const terms = Array.from({ length: 40 }, () => input([3, 3]));
      return [terms.reduce(b.add), ...terms.map((_, i) => scale(x, i))];
    },
  },
];

/** Graphs of many ops: what fusion, scheduling and memory planning must keep right. */
export const chainCases: readonly Case[] = [
  ...viewChains,
  ...normalisation,
  ...elementwise,
  ...shapes,
  ...programs,
];
