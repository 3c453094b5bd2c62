import type { Tensor } from "athanor";
import { checkpoint, grad, Generator, randn, realizeSync, setDefaultDevice, tensor } from "athanor";
import * as nn from "athanor/nn";
import { Adam, AdamW } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { printSchedule } from "../../src/compiler/print.ts";
import { device, outline, outlines, scheduleOf } from "./captured.ts";

setDefaultDevice(device);
const { functional: F } = nn;
const data = (...shape: number[]): Tensor => randn(shape);
const labels = (): Tensor =>
  tensor(
    Array.from({ length: 64 }, (_, i) => i % 10),
    { dtype: "i32" },
  );

type Program = (...args: Tensor[]) => unknown;

describe("one kernel", () => {
  it.each<[string, Program, Tensor[]]>([
    ["softmax", (x) => x.softmax(-1), [data(64, 128)]],
    ["log-softmax", (x) => x.logSoftmax(-1), [data(64, 128)]],
    [
      "softmax's gradient",
      (x, g) => grad(x.softmax(-1).mul(g).sum(), [x]),
      [data(64, 128), data(64, 128)],
    ],
    [
      "layer norm",
      (x, w, b) => F.layerNorm(x, 128, { weight: w, bias: b }),
      [data(64, 128), data(128), data(128)],
    ],
    ["RMS norm", (x, w) => F.rmsNorm(x, 128, { weight: w }), [data(64, 128), data(128)]],
    [
      "gelu of a transposed sum",
      (x, y) => F.gelu(x.add(y.permute([1, 0]))),
      [data(9, 8), data(8, 9)],
    ],
    ["mean and variance", (x) => [x.mean({ dim: 1 }), x.var({ dim: 1 })], [data(64, 128)]],
    [
      "a chain through views",
      (x) => x.reshape([4, 6, 5]).permute([2, 0, 1]).flip([1]).mul(2).exp(),
      [data(24, 5)],
    ],
  ])("%s", (_name, fn, args) => {
    expect(outlines(fn, ...args)).toHaveLength(1);
  });

  it("softmax reads its row twice and keeps the weights between", () => {
    expect(outlines((x) => x.softmax(-1), data(64, 130))).toEqual([
      "kernel reduce | stash | reduce | store",
    ]);
  });
});

describe("few kernels", () => {
  it("layer norm's gradients: statistics, parameters, input", () => {
    const backward: Program = (x, w, b, g) =>
      grad(F.layerNorm(x, 128, { weight: w, bias: b }).mul(g).sum(), [x, w, b]);
    const found = outlines(backward, data(64, 128), data(128), data(128), data(64, 128));
    expect(found.length).toBeLessThanOrEqual(3);
  });

  it("cross-entropy and its gradient: rows, the mean, the gradient", () => {
    const both: Program = (x, y) => {
      const loss = F.crossEntropy(x, y);
      return [loss, ...grad(loss, [x])];
    };
    expect(outlines(both, data(64, 10), labels()).length).toBeLessThanOrEqual(3);
  });

  it("dropout forward and backward: one mask, and the key moves on", () => {
    const generator = new Generator(3);
    const { steps } = scheduleOf(
      (x) => {
        const y = F.dropout(x.exp(), { generator });
        return [y, ...grad(y.sum(), [x])];
      },
      data(64, 64),
    );
    expect(steps.map(outline)).toEqual(["kernel store", "kernel store 2", "kernel store"]);
  });
});

describe("epilogues of products and convolutions", () => {
  it.each<[string, Program, Tensor[]]>([
    [
      "bias and gelu",
      (x, w, b) => F.gelu(F.linear(x, w, b)),
      [data(32, 16), data(24, 16), data(24)],
    ],
    [
      "bias and residual",
      (x, w, b, r) => F.linear(x, w, b).add(r),
      [data(32, 16), data(24, 16), data(24), data(32, 24)],
    ],
    [
      "scaled attention scores of a batch",
      (q, k) => q.matmul(k.permute([0, 1, 3, 2])).mul(0.125),
      [data(2, 4, 16, 8), data(2, 4, 16, 8)],
    ],
    [
      "bias and ReLU of a convolution",
      (x, w, b) => F.relu(F.conv2d(x, w, b, { padding: 1 })),
      [data(2, 3, 8, 8), data(4, 3, 3, 3), data(4)],
    ],
  ])("%s", (_name, fn, args) => {
    const found = outlines(fn, ...args);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^(dot|conv) then store$/);
  });

  it("a product that others read keeps its own result beside the epilogue's", () => {
    const found = outlines(
      (x, y) => {
        const product = x.matmul(y);
        return [product, product.exp()];
      },
      data(8, 9),
      data(9, 7),
    );
    expect(found).toEqual(["dot then store"]);
  });
});

describe("training steps", () => {
  it("Adam updates a parameter and both moments in one kernel, in place", () => {
    const parameter = data(300, 7);
    const optimizer = new Adam([parameter], { lr: 0.1 });
    realizeSync(parameter);
    const { steps, temporaryBytes } = scheduleOf((g) => optimizer.step([g]), data(300, 7));
    expect(steps.map(outline)).toEqual(["kernel store 4", "kernel store 3"]);
    // Step count, bias corrections and rate, which all parameters share; then the parameter.
    expect(steps.flatMap((step) => step.writes.map((node) => node.shape.length))).toEqual([
      1, 1, 1, 0, 2, 2, 2,
    ]);
    expect(temporaryBytes).toBeLessThan(1000);
  });

  it("an MLP step has no kernel that an epilogue could have been", () => {
    const model = new nn.Sequential(new nn.Linear(20, 32), new nn.ReLU(), new nn.Linear(32, 10));
    const optimizer = new AdamW(model.parameters(), { lr: 0.1 });
    realizeSync(...model.parameters());
    const step: Program = (x, y) => {
      const loss = F.crossEntropy(model.forward(x), y);
      optimizer.step(grad(loss, optimizer.parameters));
      return loss;
    };
    expect(outlines(step, data(64, 20), labels())).toMatchInlineSnapshot(`
      [
        "kernel store 3",
        "kernel store",
        "dot then store 2",
        "dot then store",
        "kernel reduce | store, reduce 2 | once: store 2",
        "kernel reduce, stash | reduce | once: store | store 2",
        "kernel store, reduce | once: store 3",
        "dot then store",
        "dot then store 3",
        "kernel reduce | once: store 3",
        "dot then store 3",
      ]
    `);
  });

  it("a checkpointed region is computed again, after the cotangent that it waits for", () => {
    const region = (x: Tensor): Tensor => x.exp().sin().tanh();
    const printed = (inner: (x: Tensor) => Tensor): string[] => {
      const fn: Program = (x, w) => {
        const y = inner(x).matmul(w);
        return [y.sum(), ...grad(y.square().sum(), [x, w])];
      };
      return printSchedule(scheduleOf(fn, data(32, 32), data(32, 32))).split("\n");
    };
    const linesWith = (lines: readonly string[], op: string): number[] =>
      lines.flatMap((line, i) => (line.includes(op) ? [i] : []));
    expect(linesWith(printed(region), "tanh(")).toHaveLength(1);
    const lines = printed(checkpoint(region));
    const [forward, again, ...more] = linesWith(lines, "tanh(");
    const [product, cotangent] = linesWith(lines, "dot(");
    expect(more).toEqual([]);
    expect(forward).toBeLessThan(product);
    expect(again).toBeGreaterThan(cotangent);
  });
});
