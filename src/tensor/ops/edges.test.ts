// Values and gradients where formulas meet: kinks, ends of ranges, half types, randomness.
import { describe, expect, it } from "vitest";
import type { Node } from "../../ir/node.ts";
import { full, tensor } from "../factories.ts";
import { grad } from "../grad.ts";
import type { Tensor } from "../tensor.ts";
import { derive } from "../tensor.ts";
import * as ops from "./ops.ts";

const device = "reference";

function call(op: (...nodes: Node[]) => Node, ...tensors: readonly Tensor[]): Tensor {
  return derive(tensors, op(...tensors.map((x) => x.node)), device);
}

const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())];

/** Derivative of a function of one number. */
async function slope(op: (x: Node) => Node, at: number): Promise<number> {
  const x = tensor(at, { device });
  const [g] = grad(call(op, x), [x]);
  return g.item();
}

describe("gradients at kinks", () => {
  it("are torch's choices", async () => {
    expect(await slope(ops.relu, 0)).toBe(0);
    expect(await slope(ops.sigmoid, 0)).toBe(0.25);
    expect(await slope(ops.logSigmoid, 0)).toBe(0.5);
    expect(await slope(ops.softplus, 0)).toBe(0.5);
    expect(await slope(ops.elu, 0)).toBe(1);
    expect(await slope((x) => ops.clamp(x, { min: 2 }), 2)).toBe(1);
    expect(await slope((x) => ops.hardtanh(x), 1)).toBe(0);
    expect(await slope((x) => ops.norm(x), 0)).toBe(0);
    expect(await slope((x) => ops.logaddexp(x, 3), 3)).toBe(0.5);
  });

  it("of atan2 hold on the axes and diagonals", async () => {
    for (const [y, x] of [
      [0, 1],
      [0, -1],
      [1, 0],
      [-1, 0],
      [1, 1],
      [-1, 1],
      [2, -2],
    ]) {
      const [a, b] = [tensor(y, { device }), tensor(x, { device })];
      const [dy, dx] = grad(call(ops.atan2, a, b), [a, b]);
      const squared = x * x + y * y;
      expect(await dy.item()).toBeCloseTo(x / squared, 6);
      expect(await dx.item()).toBeCloseTo(-y / squared, 6);
    }
  });

  it("stay finite far out", async () => {
    for (const op of [ops.sigmoid, ops.silu, ops.softplus, ops.logSigmoid, ops.elu, ops.gelu]) {
      for (const at of [-1e4, -100, 100, 1e4]) expect(await slope((x) => op(x), at)).not.toBeNaN();
    }
  });
});

describe("half types", () => {
  it("average without overflow and normalise in f32", async () => {
    const x = full([8], 60000, { dtype: "f16", device });
    const mean = call((a) => ops.mean(a), x);
    expect(mean.dtype).toBe("f16");
    expect(await mean.item()).toBe(60000);
    const row = tensor([1, 2, 3, 500], { dtype: "bf16", device });
    expect(await numbers(call((a) => ops.layerNorm(a, 4, { eps: 0 }), row))).toEqual([
      -0.58203125, -0.578125, -0.57421875, 1.734375,
    ]);
  });

  it("keep their dtype through losses", async () => {
    const x = tensor([[2, -1]], { dtype: "f16", device });
    const loss = call((a, t) => ops.crossEntropy(a, t), x, tensor([0], { dtype: "i32", device }));
    expect(loss.dtype).toBe("f16");
    expect(await loss.item()).toBeCloseTo(Math.log1p(Math.exp(-3)), 4);
  });
});

describe("dropout", () => {
  const key = (seed: number): Tensor => tensor([seed, 7], { dtype: "u32", device });

  it("drops a share p and keeps the expectation", async () => {
    const x = full([100, 100], 1, { device });
    const y = await numbers(call((a, k) => ops.dropout(a, k, { p: 0.2 }), x, key(1)));
    expect(new Set(y)).toEqual(new Set([0, 1.25]));
    const kept = y.filter((value) => value > 0).length;
    expect(Math.abs(kept - 8000)).toBeLessThan(4 * 40);
  });

  it("repeats with its key and differs with another", async () => {
    const draw = (seed: number): Promise<number[]> =>
      numbers(call((a, k) => ops.dropout(a, k), full([64], 1, { device }), key(seed)));
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
  });

  it("takes the ends of its range and passes x when not training", async () => {
    const x = tensor([1, 2], { device });
    const drop = (options: ops.DropoutOptions): Promise<number[]> =>
      numbers(call((a, k) => ops.dropout(a, k, options), x, key(1)));
    expect(await drop({ p: 0 })).toEqual([1, 2]);
    expect(await drop({ p: 1 })).toEqual([0, 0]);
    expect(await drop({ training: false })).toEqual([1, 2]);
  });

  it("of features keeps or drops whole channels", async () => {
    const y = await numbers(
      call((a, k) => ops.featureDropout(a, k), full([4, 8, 5], 1, { device }), key(3)),
    );
    for (let channel = 0; channel < 32; channel++) {
      expect(new Set(y.slice(5 * channel, 5 * channel + 5)).size).toBe(1);
    }
    expect(new Set(y).size).toBe(2);
  });

  it("passes the gradient through what it kept", async () => {
    const x = full([32], 3, { device });
    const y = call((a, k) => ops.dropout(a, k), x, key(5));
    const [g] = grad(y.sum(), [x]);
    expect(await numbers(g)).toEqual((await numbers(y)).map((value) => (value > 0 ? 2 : 0)));
  });
});
