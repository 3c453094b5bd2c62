import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { convAttrs } from "./convolution-cases.ts";
import type { Sample } from "./evaluate.ts";
import { integers, sample } from "./evaluate.ts";
import type { Build } from "./gradcheck.ts";
import { gradcheck, gradgradcheck } from "./gradcheck.ts";

const across = (x: Node, reduced: Node): Node => b.expand(reduced, x.shape);

function logSoftmax(x: Node, dim: number): Node {
  const shifted = b.sub(x, across(x, b.extremum("reduceMax", x, [dim])));
  const total = b.reduceSum(b.unary("exp", shifted), [dim]);
  return b.sub(shifted, across(x, b.unary("log", total)));
}

function layerNorm(x: Node, weight: Node): Node {
  const last = x.shape.length - 1;
  const mean = (y: Node): Node => {
    const sum = b.reduceSum(y, [last]);
    return b.mul(sum, b.fullLike(sum, 1 / x.shape[last]));
  };
  const centred = b.sub(x, across(x, mean(x)));
  const variance = mean(b.mul(centred, centred));
  const deviation = b.unary("sqrt", b.add(variance, b.fullLike(variance, 1e-5)));
  return b.mul(b.div(centred, across(x, deviation)), b.broadcastTo(weight, x.shape));
}

const crossEntropy: Build = (x, labels) => b.neg(b.gather(logSoftmax(x, 1), labels, 1));

const attention: Build = (q, k, v) => {
  const scores = b.dot(q, b.transpose(k, 0, 1));
  return b.dot(b.unary("exp", logSoftmax(scores, 1)), v);
};

/** Convolution, bias, max pooling with overlapping windows. */
const pooled: Build = (x, w, bias) => {
  const y = b.conv(x, w, convAttrs(2, { pad: 1 }));
  const shifted = b.add(y, b.expand(b.reshape(bias, [1, 2, 1, 1]), y.shape));
  const windows = b.window(shifted, {
    dims: [2, 3],
    size: [3, 2],
    stride: [2, 2],
    dilation: [1, 1],
  });
  return b.extremum("reduceMax", windows, [4, 5], "first");
};

const sorted: Build = (x) => b.mul(b.gather(x, b.argsort(x, 0, true), 0), x);

const compositions: readonly (readonly [string, Build, readonly Sample[]])[] = [
  ["cross-entropy", crossEntropy, [sample([3, 4]), integers([3, 1], [2, 0, 3])]],
  ["layer norm", layerNorm, [sample([3, 4]), sample([4])]],
  ["attention", attention, [sample([3, 2]), sample([4, 2], -2, 2, 2), sample([4, 2], -2, 2, 3)]],
  ["convolution and pooling", pooled, [sample([1, 2, 5, 4]), sample([2, 2, 3, 3]), sample([2])]],
  ["sorting", sorted, [sample([5])]],
];

describe("gradients of compositions", () => {
  it.each(compositions)("%s", (_name, build, inputs) => {
    expect(() => gradcheck(build, inputs)).not.toThrow();
    expect(() => gradgradcheck(build, inputs)).not.toThrow();
  });

  it("the check itself notices a wrong gradient", () => {
    // The derivative of floor is taken as 0, but a wide step crosses the jumps.
    const stairs: Build = (x) => b.add(x, b.unary("floor", x));
    expect(() => gradcheck(stairs, [sample([2])], { step: 2 })).toThrow(/input 0 must agree/);
  });
});
