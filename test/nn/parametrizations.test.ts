import type { Tensor } from "athanor";
import { grad, jit, ones, optim, random, tensor } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { relativeError, useTestDevice } from "../device.ts";

useTestDevice();
const { orthogonal, spectralNorm, weightNorm } = nn.parametrizations;
const { isParametrized, removeParametrizations } = nn.parametrize;

async function isIdentity(x: Tensor): Promise<boolean> {
  const data = await x.data();
  const n = x.shape[0];
  return data.every((value, i) => Math.abs(value - (i % (n + 1) === 0 ? 1 : 0)) < 1e-5);
}

describe("parametrizations", () => {
  it("keep the weight they found, under torch's keys", async () => {
    random.manualSeed(1);
    const layer = new nn.Linear(3, 4);
    const before = await layer.weight.data();
    weightNorm(layer);
    expect(Object.keys(layer.stateDict())).toEqual([
      "bias",
      "parametrizations.weight.original0",
      "parametrizations.weight.original1",
    ]);
    expect(relativeError(await layer.weight.data(), [...before])).toBeLessThan(1e-6);
    expect(isParametrized(layer, "weight") && !isParametrized(layer, "bias")).toBe(true);
    layer.weight = new nn.Parameter(ones([4, 3]));
    expect(relativeError(await layer.weight.data(), new Array(12).fill(1))).toBeLessThan(1e-6);
    removeParametrizations(layer, "weight");
    expect(Object.keys(layer.stateDict())).toEqual(["bias", "weight"]);
    expect(layer.weight).toBeInstanceOf(nn.Parameter);
    expect(isParametrized(layer)).toBe(false);
  });

  it("are learned in a jitted step, and load", async () => {
    random.manualSeed(2);
    const make = (): nn.Linear => spectralNorm(new nn.Linear(3, 3));
    const layer = make();
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 });
    const step = jit((x: Tensor) => {
      const loss = layer.forward(x).square().mean();
      optimizer.step(grad(loss, optimizer.parameters));
      return loss;
    });
    const x = random.normal([8, 3]);
    const losses = [];
    for (let i = 0; i < 5; i++) losses.push(await step(x).item());
    expect(losses[4]).toBeLessThan(losses[0]);
    const other = make();
    other.loadStateDict(layer.stateDict());
    const [a, b] = [layer.eval().forward(x), other.eval().forward(x)];
    expect(relativeError(await a.data(), [...(await b.data())])).toBeLessThan(1e-6);
  });

  it("spectralNorm gives a largest singular value of 1", async () => {
    random.manualSeed(3);
    const conv = spectralNorm(new nn.Conv2d(2, 3, 3));
    for (let i = 0; i < 30; i++) await conv.weight.realize();
    const matrix = conv.eval().weight.reshape([3, -1]);
    const gram = await matrix.matmul(matrix.T).data();
    // Largest eigenvalue of the 3 × 3 Gram matrix by its own power iteration.
    let v = [1, 1, 1];
    let length = 0;
    for (let i = 0; i < 200; i++) {
      const w = [0, 1, 2].map((r) => v.reduce((sum, item, c) => sum + gram[3 * r + c] * item, 0));
      length = Math.hypot(...w);
      v = w.map((item) => item / length);
    }
    expect(length).toBeCloseTo(1, 3);
  });

  it.each([
    ["square", 4, 4, {}],
    ["tall", 3, 5, {}],
    ["wide", 5, 3, { orthogonalMap: "matrixExp" }],
    ["without trivialization", 3, 5, { useTrivialization: false }],
    ["exponential of the weight", 4, 4, { useTrivialization: false, orthogonalMap: "matrixExp" }],
  ] as const)(
    "orthogonal stays so while it is learned: %s",
    async (_, inputs, outputs, options) => {
      random.manualSeed(4);
      const layer = orthogonal(new nn.Linear(inputs, outputs), options);
      const gram = (): Tensor => {
        const { weight } = layer;
        return inputs > outputs ? weight.matmul(weight.T) : weight.T.matmul(weight);
      };
      expect(await isIdentity(gram())).toBe(true);
      const start = await layer.weight.data();
      const optimizer = new optim.SGD(layer.parameters(), { lr: 0.3 });
      const x = random.normal([6, inputs]);
      for (let i = 0; i < 3; i++) {
        const loss = layer.forward(x).sub(1).square().mean();
        optimizer.step(grad(loss, optimizer.parameters, { allowUnused: true }));
      }
      expect(await isIdentity(gram())).toBe(true);
      expect(relativeError(await layer.weight.data(), [...start])).toBeGreaterThan(1e-3);
    },
  );

  it("make their own from a class, one after another", async () => {
    class Positive extends nn.parametrize.Parametrization {
      override forward(x: Tensor): Tensor {
        return x.exp();
      }
      override rightInverse(value: Tensor): Tensor {
        return value.log();
      }
    }
    class Doubled extends nn.parametrize.Parametrization {
      override forward(x: Tensor): Tensor {
        return x.mul(2);
      }
      override rightInverse(value: Tensor): Tensor {
        return value.div(2);
      }
    }
    const layer = new nn.Linear(1, 1, { bias: false });
    layer.weight.assign(tensor([[3]]));
    nn.parametrize.registerParametrization(layer, "weight", new Positive());
    nn.parametrize.registerParametrization(layer, "weight", new Doubled());
    expect((await layer.weight.item()).toFixed(5)).toBe("3.00000");
    expect(await layer.getParameter("parametrizations.weight.original").item()).toBeCloseTo(
      Math.log(1.5),
      6,
    );
    removeParametrizations(layer, "weight", { leaveParametrized: false });
    expect(await layer.weight.item()).toBeCloseTo(Math.log(1.5), 6);
  });

  it("refuse what is no parameter", () => {
    expect(() => nn.parametrize.removeParametrizations(new nn.Linear(1, 1), "weight")).toThrow(
      'removeParametrizations: "weight" of Linear must be parametrized, and is not',
    );
    expect(() => orthogonal(new nn.Linear(2, 2), { name: "bias" })).toThrow(
      "orthogonal: the weight must have at least two dims, got [2]",
    );
  });
});
