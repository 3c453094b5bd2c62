// The graphs operations build: what the compiler relies on to fuse them.
import { describe, expect, it } from "vitest";
import { gradients } from "../../autodiff/gradients.ts";
import { input } from "../../ir/build.ts";
import { topologicalOrder } from "../../ir/graph.ts";
import type { Node } from "../../ir/node.ts";
import type { Op } from "../../ir/ops.ts";
import * as ops from "./ops.ts";

const f32 = (...shape: number[]): Node => input(shape, "f32");

/** How many nodes of an op a graph holds. */
function count(op: Op, ...roots: readonly (Node | null)[]): number {
  const present = roots.filter((root) => root !== null);
  return topologicalOrder(present).filter((node) => node.op === op).length;
}

const gradientOf = (loss: Node, ...wrt: readonly Node[]): (Node | null)[] =>
  gradients(ops.sum(loss), undefined, wrt);

describe("graphs of operations", () => {
  it("softmax is max, exp, sum, and its gradient does not pass the maximum", () => {
    const x = f32(4, 8);
    const y = ops.softmax(x, -1);
    expect(count("reduceMax", y)).toBe(1);
    expect(count("reduceSum", y)).toBe(1);
    expect(count("exp", y)).toBe(1);
    const [g] = gradientOf(ops.mul(y, f32(4, 8)), x);
    expect(count("eq", g)).toBe(0);
    expect(count("reduceMax", g)).toBe(1);
  });

  it("crossEntropy needs no gather, and its gradient no scatter", () => {
    const x = f32(4, 8);
    const loss = ops.crossEntropy(x, input([4], "i32"));
    const [g] = gradientOf(loss, x);
    for (const op of ["gather", "scatter"] as const) expect(count(op, loss, g)).toBe(0);
  });

  it("maxPool2d over tiles is a reshape, otherwise a window", () => {
    expect(count("window", ops.maxPool2d(f32(1, 2, 8, 8), 2))).toBe(0);
    expect(count("window", ops.maxPool2d(f32(1, 2, 9, 7), 2))).toBe(0);
    expect(count("window", ops.maxPool2d(f32(1, 2, 8, 8), 3, { stride: 2 }))).toBe(1);
  });

  it("linear is one matrix product of rows with a transposed view, bias before the reshape", () => {
    const y = ops.linear(f32(2, 3, 5), f32(7, 5), f32(7));
    expect(y.op).toBe("reshape");
    const sum = y.src[0];
    expect(sum.op).toBe("add");
    expect(sum.src[0].op).toBe("dot");
    expect(sum.src[0].src.map((node) => node.op)).toEqual(["reshape", "permute"]);
  });

  it("matmul of a batch with one matrix is one product", () => {
    const y = ops.matmul(f32(2, 3, 4, 5), f32(5, 6));
    const [dot] = topologicalOrder([y]).filter((node) => node.op === "dot");
    expect(dot.shape).toEqual([24, 6]);
  });

  it("pow with a common number exponent needs no pow", () => {
    const x = f32(3);
    for (const exponent of [0, 1, 2, 3, 0.5, -0.5, -1, -2]) {
      expect(count("pow", ops.pow(x, exponent))).toBe(0);
    }
    expect(count("pow", ops.pow(x, 1.5))).toBe(1);
  });
});
