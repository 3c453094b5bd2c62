import { Tensor, arange, grad, jit, memoryStats, ones, random, tensor, zeros } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { isJitOn, relativeError, useTestDevice } from "../device.ts";

useTestDevice();

/** f(0), f(1), … in a shape. */
function wave(shape: number[], f: (i: number) => number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return Tensor.from(
    Float32Array.from({ length: count }, (_, i) => f(i)),
    shape,
  );
}

async function errorOf(actual: Tensor, expected: readonly number[]): Promise<number> {
  return relativeError(await actual.data(), expected);
}

describe("BatchNorm", () => {
  it("averages all batches when momentum is null, also jitted", async () => {
    for (const isJitted of [false, true]) {
      const norm = new nn.BatchNorm1d(2, { momentum: null });
      const forward = (x: Tensor) => norm.forward(x);
      const run = isJitted ? jit(forward) : forward;
      let y = zeros([]);
      for (let t = 0; t < 3; t++) y = run(wave([4, 2], (i) => Math.sin(i * (0.5 + t))));
      const state = norm.stateDict();
      // torch.nn.BatchNorm1d(2, momentum=None) on the same batches.
      expect(
        await errorOf(state.running_mean, [0.10942113399505615, 0.19145022332668304]),
      ).toBeLessThan(1e-6);
      expect(
        await errorOf(state.running_var, [0.2628552317619324, 0.7442612051963806]),
      ).toBeLessThan(1e-6);
      expect(await state.num_batches_tracked.item()).toBe(3);
      expect(
        await errorOf(
          y,
          [
            0.3532373309135437, 0.6502294540405273, -1.23580801486969, 1.1151660680770874,
            -0.5482668280601501, -0.2601144313812256, 1.4308373928070068, -1.5052812099456787,
          ],
        ),
      ).toBeLessThan(1e-5);
    }
  });

  it("uses running statistics in evaluation and leaves them alone", async () => {
    const norm = new nn.BatchNorm2d(1).eval();
    expect(
      await errorOf(
        norm.forward(ones([1, 1, 1, 2])),
        [1, 1].map((v) => v / Math.sqrt(1 + 1e-5)),
      ),
    ).toBeLessThan(1e-6);
    expect(await norm.stateDict().num_batches_tracked.item()).toBe(0);
  });

  it("without running statistics always uses the batch's", async () => {
    const norm = new nn.BatchNorm1d(1, { trackRunningStats: false, affine: false }).eval();
    expect(Object.keys(norm.stateDict())).toEqual([]);
    expect(await errorOf(norm.forward(tensor([[1], [3]])), [-1, 1])).toBeLessThan(1e-4);
  });

  it("refuses other ranks and channels", () => {
    expect(() => new nn.BatchNorm2d(3).forward(ones([2, 3]))).toThrow(
      "BatchNorm2d: x must have 4 dims and 3 channels, got [2, 3]",
    );
  });
});

describe("Dropout", () => {
  it("draws anew at every jitted call, and nothing in evaluation", async () => {
    random.manualSeed(3);
    const drop = new nn.Dropout(0.5);
    const run = jit((x: Tensor) => drop.forward(x));
    const x = ones([1000]);
    const [first, second] = [await run(x).data(), await run(x).data()];
    expect(new Set(first)).toEqual(new Set([0, 2]));
    expect([...first]).not.toEqual([...second]);
    const kept = Float64Array.from(first).reduce((sum, value) => sum + value / 2, 0);
    expect(Math.abs(kept - 500)).toBeLessThan(100);
    expect(drop.eval().forward(x)).toBe(x);
    random.manualSeed(3);
    drop.train();
    expect([...(await run(x).data())]).toEqual([...first]);
  });

  it("drops whole channels", async () => {
    random.manualSeed(4);
    const rows = await new nn.Dropout2d(0.5)
      .forward(ones([1, 50, 2, 2]))
      .sum({ dim: [2, 3] })
      .data();
    expect(new Set(rows)).toEqual(new Set([0, 8]));
  });

  it("refuses impossible probabilities", () => {
    expect(() => new nn.Dropout(1.5)).toThrow("Dropout: p must be in [0, 1], got 1.5");
  });
});

describe("Embedding", () => {
  it("keeps the padding row at zero, without gradient", async () => {
    const table = new nn.Embedding(4, 2, { paddingIdx: -1 });
    const y = table.forward(tensor([[0, 3]], { dtype: "i32" }));
    expect(y.shape).toEqual([1, 2, 2]);
    expect(await y.select(1, 1).tolist()).toEqual([[0, 0]]);
    const [gradient] = grad(y.sum(), [table.weight]);
    expect(await gradient.tolist()).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });
});

describe("convolutions", () => {
  // torch.nn.Conv2d with the same numbers.
  it("pad by reflection", async () => {
    const conv = new nn.Conv2d(1, 1, 3, { padding: 1, paddingMode: "reflect", bias: false });
    conv.weight.assign(arange(9, { dtype: "f32" }).reshape([1, 1, 3, 3]));
    const y = conv.forward(arange(16, { dtype: "f32" }).reshape([1, 1, 4, 4]));
    expect(
      await errorOf(
        y,
        [120, 138, 174, 180, 240, 258, 294, 300, 384, 402, 438, 444, 360, 378, 414, 420],
      ),
    ).toBeLessThan(1e-6);
  });

  it("pad around, one number per dim", async () => {
    const options = { padding: [0, 1], paddingMode: "circular", bias: false } as const;
    const conv = new nn.Conv2d(1, 1, 3, options);
    conv.weight.assign(arange(9, { dtype: "f32" }).reshape([1, 1, 3, 3]));
    const y = conv.forward(arange(16, { dtype: "f32" }).reshape([1, 1, 4, 4]));
    expect(await errorOf(y, [258, 258, 294, 270, 402, 402, 438, 414])).toBeLessThan(1e-6);
  });

  it("have PyTorch's weight shapes and output sizes", () => {
    const x = ones([2, 4, 8, 8]);
    const conv = new nn.Conv2d(4, 6, [3, 5], { stride: 2, padding: "valid", groups: 2 });
    expect(conv.weight.shape).toEqual([6, 2, 3, 5]);
    expect(conv.forward(x).shape).toEqual([2, 6, 3, 2]);
    const up = new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1 });
    expect(up.weight.shape).toEqual([4, 6, 3, 3]);
    expect(up.forward(x).shape).toEqual([2, 6, 16, 16]);
    expect(new nn.Conv1d(4, 2, 3).forward(ones([1, 4, 5])).shape).toEqual([1, 2, 3]);
    expect(new nn.Conv3d(1, 2, 2).forward(ones([1, 1, 3, 3, 3])).shape).toEqual([1, 2, 2, 2, 2]);
  });

  it("refuse channels that groups do not divide", () => {
    expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(
      "Conv2d: inChannels and outChannels must be positive multiples of groups, got 3 and 4 with groups 2",
    );
  });
});

describe("MultiheadAttention", () => {
  it("gives PyTorch's numbers, with masks", async () => {
    const attention = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const state = attention.stateDict();
    expect(Object.keys(state)).toEqual([
      "in_proj_weight",
      "in_proj_bias",
      "out_proj.weight",
      "out_proj.bias",
    ]);
    for (const [key, value] of Object.entries(state)) {
      state[key] = wave([...value.shape], (i) => Math.sin(i * 0.37) * 0.5);
    }
    attention.loadStateDict(state);
    const query = wave([2, 3, 4], (i) => Math.cos(i * 0.7));
    const key = wave([2, 5, 4], (i) => Math.sin(i * 0.3));
    const keyPaddingMask = tensor([
      [false, false, false, false, false],
      [false, false, false, true, true],
    ]);
    const attnMask = tensor([
      [false, false, true, false, false],
      [false, false, false, false, false],
      [false, false, false, false, false],
    ]);
    const [y] = attention.forward(query, key, key, { keyPaddingMask, attnMask });
    expect(
      await errorOf(
        y,
        [
          -0.21955719590187073, 0.3392714858055115, 0.585437536239624, 0.3344118893146515,
          -0.09055113792419434, -0.247414693236351, 0.3500397801399231, 0.878410279750824,
          -0.30770251154899597, 0.34598833322525024, 0.6748009920120239, 0.34390053153038025,
          -0.42538249492645264, 0.18192626535892487, 0.7627293467521667, 0.5239077806472778,
          -0.3996027708053589, 0.34687864780426025, 0.766862690448761, 0.3597049117088318,
          -0.37551066279411316, 0.2110014259815216, 0.7181301116943359, 0.48674488067626953,
        ],
      ),
    ).toBeLessThan(1e-6);
  });
});

describe("losses and activations", () => {
  it("are the functions of their names", async () => {
    const logits = wave([3, 4], Math.sin);
    const labels = tensor([1, 0, 3], { dtype: "i32" });
    const weight = tensor([1, 2, 3, 4]);
    const loss = new nn.CrossEntropyLoss({ weight, labelSmoothing: 0.1 });
    const expected = nn.functional.crossEntropy(logits, labels, { weight, labelSmoothing: 0.1 });
    expect(await loss.forward(logits, labels).item()).toBe(await expected.item());
    expect(Object.keys(loss.stateDict())).toEqual(["weight"]);
    const binary = new nn.BCEWithLogitsLoss({ posWeight: tensor([2]) });
    expect(Object.keys(binary.stateDict())).toEqual(["pos_weight"]);
    expect(binary.forward(logits, ones([3, 4])).shape).toEqual([]);
    expect(await new nn.MSELoss({ reduction: "sum" }).forward(ones([2]), zeros([2])).item()).toBe(
      2,
    );
  });

  it("each activation keeps shape and dtype", () => {
    const x = wave([2, 4], Math.sin);
    const layers = [
      new nn.ReLU(),
      new nn.GELU({ approximate: "tanh" }),
      new nn.SiLU(),
      new nn.LeakyReLU({ negativeSlope: 0.2 }),
      new nn.ELU(),
      new nn.Softplus({ beta: 2 }),
      new nn.Softmax(-1),
      new nn.LogSoftmax(1),
      new nn.PReLU(),
      new nn.Hardtanh(),
    ];
    for (const layer of layers) expect(layer.forward(x).shape, layer.toString()).toEqual([2, 4]);
  });
});

describe("normalisation layers", () => {
  it("normalise what their names say", async () => {
    const x = wave([2, 4], (i) => i);
    expect(await errorOf(new nn.LayerNorm(4).forward(x).sum({ dim: 1 }), [0, 0])).toBeLessThan(
      1e-5,
    );
    expect(
      await errorOf(new nn.RMSNorm(4).forward(x).square().mean({ dim: 1 }), [1, 1]),
    ).toBeLessThan(1e-5);
    expect(
      await errorOf(new nn.GroupNorm(2, 4).forward(x), [-1, 1, -1, 1, -1, 1, -1, 1]),
    ).toBeLessThan(1e-4);
    expect(new nn.LayerNorm([2, 4], { bias: false }).namedParameters()).toHaveLength(1);
  });
});

describe("memory", () => {
  it.runIf(isJitOn)("does not grow over jitted training steps", async () => {
    const model = new nn.Sequential(
      new nn.Linear(4, 8),
      new nn.BatchNorm1d(8),
      new nn.Dropout(0.2),
    );
    const step = jit((x: Tensor) => {
      const loss = model.forward(x).square().mean();
      const parameters = model.parameters();
      for (const [i, gradient] of grad(loss, parameters).entries()) {
        parameters[i].assign(parameters[i].sub(gradient.mul(0.1)));
      }
      return loss;
    });
    const x = wave([6, 4], Math.sin);
    using first = step(x);
    await first.item();
    const before = memoryStats();
    for (let t = 0; t < 50; t++) step(x).dispose();
    expect(memoryStats().liveBytes).toBe(before.liveBytes);
  });
});
