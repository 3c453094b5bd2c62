import {
  UsageError,
  autocast,
  autocastDType,
  cdist,
  defaultDevice,
  einsum,
  engineStats,
  getFloat32MatmulPrecision,
  grad,
  isAutocastEnabled,
  jit,
  linalg,
  ones,
  randn,
  setFloat32MatmulPrecision,
  tensor,
  tensordot,
  zeros,
} from "athanor";
import type { DType, Tensor } from "athanor";
import * as nn from "athanor/nn";
import { afterEach, describe, expect, it } from "vitest";
import { lower } from "../../src/tensor/autocast.ts";
import { fromFixture, isJitOn, relativeError, useTestDevice } from "../device.ts";
import type { MixedCase } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const f = nn.functional;
const fixture = loadFixture("mixed");
const dtypesOf = (tensors: readonly Tensor[]): DType[] => tensors.map(({ dtype }) => dtype);

type Forward = (w: Readonly<Record<string, Tensor>>, x: Tensor, target: Tensor) => Tensor[];

const models: Readonly<Record<MixedCase["op"], Forward>> = {
  pictures: (w, x, target) => {
    const y = f.conv2d(x, w["conv.weight"], w["conv.bias"], { padding: 1 });
    const z = f.prelu(y, w["slope"]).flatten({ startDim: 1 });
    const logits = f.linear(z.relu(), w["fc.weight"], w["fc.bias"]);
    return [f.crossEntropy(logits, target), y, z, logits];
  },
  sequences: (w, x, target) => {
    const [q, k, v] = f.linear(x, w["qkv.weight"], w["qkv.bias"]).chunk(3, { dim: -1 });
    const y = f.scaledDotProductAttention(q, k, v, { isCausal: true });
    const z = f.gelu(y, { approximate: "tanh" }).add(x);
    const out = z.matmul(w["out"]);
    return [f.mseLoss(out, target), y, z, out];
  },
};

describe("autocast", () => {
  it.each(fixture.cases)("$name: as torch.autocast", async (one) => {
    const load = (name: string): Tensor => fromFixture(fixture.tensor(name));
    const state = Object.fromEntries(
      Object.entries(one.state).map(([key, name]) => [key, load(name)]),
    );
    const weights = Object.values(state);
    for (const weight of weights) weight.requiresGrad = true;
    const step = jit((x: Tensor, target: Tensor) => {
      const [loss, ...outputs] = autocast({ dtype: one.dtype }, () =>
        models[one.op](state, x, target),
      );
      return { loss, outputs, grads: grad(loss, weights) };
    });
    const { loss, outputs, grads } = step(load(one.input), load(one.target));
    expect(loss.dtype).toBe("f32");
    // Half a unit in the last place per operation; f16 has three bits more.
    const tolerance = one.dtype === "bf16" ? 0.02 : 0.0025;
    expect(relativeError([await loss.item()], [one.loss])).toBeLessThan(tolerance);
    expect(dtypesOf(outputs)).toEqual(one.outputs.map((name) => fixture.tensor(name).dtype));
    for (const [i, name] of one.outputs.entries()) {
      const expected = await load(name).data();
      expect(relativeError(await outputs[i].data(), expected), name).toBeLessThan(tolerance);
    }
    expect(dtypesOf(grads)).toEqual(weights.map(() => "f32"));
    for (const [i, name] of Object.values(one.grads).entries()) {
      const expected = fixture.tensor(name).data;
      expect(relativeError(await grads[i].data(), expected), name).toBeLessThan(tolerance);
    }
  });

  const x = (): Tensor => ones([4, 4]);
  const half = (): Tensor => ones([4, 4], { dtype: "bf16" });
  const labels = (): Tensor => tensor([0, 1, 2, 3], { dtype: "i32" });

  it.each<[string, () => Tensor]>([
    ["matmul", () => x().matmul(x())],
    ["mm", () => x().mm(half())],
    ["bmm", () => ones([2, 3, 4]).bmm(ones([2, 4, 3]))],
    ["mv", () => x().mv(ones([4]))],
    ["addmm", () => x().addmm(x(), x())],
    ["addmv", () => ones([4]).addmv(x(), ones([4]))],
    ["addr", () => x().addr(ones([4]), ones([4]))],
    ["baddbmm", () => ones([2, 3, 3]).baddbmm(ones([2, 3, 4]), ones([2, 4, 3]))],
    ["addbmm", () => ones([3, 3]).addbmm(ones([2, 3, 4]), ones([2, 4, 3]))],
    ["einsum", () => einsum("ij,jk->ik", x(), x())],
    ["tensordot", () => tensordot(x(), x(), { dims: 1 })],
    ["multiDot", () => linalg.multiDot([x(), x(), x()])],
    ["linear", () => f.linear(x(), x(), ones([4]))],
    ["conv1d", () => f.conv1d(ones([1, 2, 5]), ones([3, 2, 3]), ones([3]))],
    ["convTranspose2d", () => f.convTranspose2d(ones([1, 2, 5, 5]), ones([2, 3, 3, 3]))],
    ["prelu", () => f.prelu(x(), ones([1]))],
    ["scaledDotProductAttention", () => f.scaledDotProductAttention(x(), x(), x())],
    ["RNNCell", () => new nn.RNNCell(4, 3).forward(x())],
    ["GRUCell", () => new nn.GRUCell(4, 3).forward(x(), ones([4, 3]))],
    ["LSTMCell", () => new nn.LSTMCell(4, 3).forward(x())[0]],
    ["LSTM", () => new nn.LSTM(4, 3).forward(ones([5, 2, 4]))[0]],
    ["RNN", () => new nn.RNN(4, 3).forward(ones([5, 2, 4]))[0]],
    ["GRU", () => new nn.GRU(4, 3, { bidirectional: true }).forward(ones([5, 2, 4]))[0]],
    ["relu of half", () => half().relu()],
    ["gelu of half", () => f.gelu(half())],
    ["mean of half", () => half().mean()],
  ])("%s gives the low dtype", async (_, compute) => {
    const result = autocast({ dtype: "bf16" }, compute);
    expect(result.dtype).toBe("bf16");
    expect(Number.isFinite((await result.data())[0])).toBe(true);
  });

  it.each<[string, () => Tensor]>([
    ["exp", () => half().exp()],
    ["log1p", () => half().log1p()],
    ["pow", () => half().pow(2)],
    ["pow of a tensor", () => half().pow(half())],
    ["rsqrt", () => half().rsqrt()],
    ["reciprocal", () => half().reciprocal()],
    ["tan", () => half().tan()],
    ["acos", () => half().acos()],
    ["erfinv", () => half().erfinv()],
    ["sum", () => half().sum()],
    ["prod", () => half().prod({ dim: 0 })],
    ["cumsum", () => half().cumsum(0)],
    ["norm", () => half().norm()],
    ["dist", () => half().dist(half())],
    ["cdist", () => cdist(half(), half())],
    ["softmax", () => half().softmax(-1)],
    ["functional softmax", () => f.softmax(half(), -1)],
    ["logSoftmax", () => f.logSoftmax(half(), -1)],
    ["logsumexp", () => half().logsumexp(0)],
    ["softplus", () => f.softplus(half())],
    ["layerNorm", () => f.layerNorm(half(), 4)],
    ["rmsNorm", () => f.rmsNorm(half(), 4)],
    ["groupNorm", () => f.groupNorm(half(), 2)],
    ["normalize", () => f.normalize(half())],
    ["cosineSimilarity", () => f.cosineSimilarity(half(), half())],
    ["crossEntropy", () => f.crossEntropy(half(), labels())],
    ["nllLoss", () => f.nllLoss(half(), labels())],
    ["mseLoss", () => f.mseLoss(half(), half())],
    ["binaryCrossEntropy", () => f.binaryCrossEntropy(half(), half())],
    ["binaryCrossEntropyWithLogits", () => f.binaryCrossEntropyWithLogits(half(), half())],
    ["tripletMarginLoss", () => f.tripletMarginLoss(half(), half(), half())],
    ["interpolate", () => f.interpolate(half().reshape([1, 1, 4, 4]), { scaleFactor: 2 })],
    ["f32 with half", () => x().add(half())],
  ])("%s gives f32", (_, compute) => {
    expect(autocast({}, compute).dtype).toBe("f32");
  });

  it("leaves f64, integers and what is outside alone", () => {
    const wide = ones([2, 2], { dtype: "f64" });
    const whole = ones([2, 2], { dtype: "i32" });
    const seen = autocast({}, () => [wide.matmul(wide), wide.exp(), whole.sum()]);
    expect(dtypesOf([...seen, x().matmul(x()), half().sum()])).toEqual([
      "f64",
      "f64",
      "i32",
      "f32",
      "bf16",
    ]);
  });

  it("nests, by device too, and ends when the function throws", () => {
    const other = defaultDevice() === "reference" ? "wasm" : "reference";
    const seen = autocast({ dtype: "f16" }, () => [
      x().mm(x()).dtype,
      autocast({ enabled: false }, () => x().mm(x()).dtype),
      autocast({ dtype: "bf16" }, () => x().mm(x()).dtype),
      autocast({ dtype: "bf16", device: other }, () => x().mm(x()).dtype),
      autocast({ device: other }, () => {
        const there = ones([2, 2], { device: other });
        return there.mm(there).dtype;
      }),
    ]);
    expect(seen).toEqual(["f16", "f32", "bf16", "f16", "bf16"]);
    const fail = (): never => {
      throw new RangeError("mine");
    };
    expect(() => autocast({}, fail)).toThrow("mine");
    expect(isAutocastEnabled()).toBe(false);
    expect(autocast({ dtype: "f16" }, () => autocastDType())).toBe("f16");
  });

  it("casts a weight once, however often it is used", () => {
    const weight = randn([8, 8]);
    weight.requiresGrad = true;
    const [first, second] = autocast({}, () => [lower(weight), lower(weight)]);
    expect(first.dtype).toBe("bf16");
    expect(second).toBe(first);
  });

  it("refuses binaryCrossEntropy in f16, another dtype, and asynchronous functions", () => {
    const loss = (): Tensor => f.binaryCrossEntropy(half(), half());
    expect(() => autocast({ dtype: "f16" }, loss)).toThrow(
      "binaryCrossEntropy: is not safe in autocast of f16; leave out the sigmoid before it and take " +
        "binaryCrossEntropyWithLogits",
    );
    // @ts-expect-error no such dtype
    expect(() => autocast({ dtype: "f32" }, loss)).toThrow(
      'autocast: dtype must be "bf16" or "f16", got "f32"',
    );
    expect(() => autocast({}, async () => 1)).toThrow(UsageError);
  });

  it("gives gradients in the parameters' dtypes, from inside and outside of the region", async () => {
    const weight = zeros([3, 3]).add(0.5);
    const narrow = weight.to("bf16");
    const lossOf = (): Tensor =>
      f
        .linear(f.linear(ones([2, 3]), weight), narrow)
        .square()
        .sum();
    const inside = autocast({}, () => grad(lossOf(), [weight, narrow]));
    const outside = grad(autocast({}, lossOf), [weight, narrow]);
    expect(dtypesOf([...inside, ...outside])).toEqual(["f32", "bf16", "f32", "bf16"]);
    expect(await inside[0].data()).toEqual(await outside[0].data());
  });

  it.skipIf(!isJitOn)("makes one program of a jitted function per precision", () => {
    const product = jit((a: Tensor) => a.matmul(a));
    const a = x();
    expect(product(a).dtype).toBe("f32");
    expect(autocast({}, () => product(a)).dtype).toBe("bf16");
    expect(autocast({ dtype: "f16" }, () => product(a)).dtype).toBe("f16");
    const before = engineStats().traces;
    expect(product(a).dtype).toBe("f32");
    expect(autocast({}, () => autocast({}, () => product(a))).dtype).toBe("bf16");
    expect(engineStats().traces).toBe(before);
  });
});

describe("setFloat32MatmulPrecision", () => {
  afterEach(() => setFloat32MatmulPrecision("highest"));

  it("is highest at first, and refuses what it does not know", () => {
    expect(getFloat32MatmulPrecision()).toBe("highest");
    setFloat32MatmulPrecision("medium");
    expect(getFloat32MatmulPrecision()).toBe("medium");
    // @ts-expect-error no such level
    expect(() => setFloat32MatmulPrecision("low")).toThrow(
      'setFloat32MatmulPrecision: must be one of highest, high, medium, got "low"',
    );
  });

  it.skipIf(!isJitOn)("compiles anew, and finds both programs again", () => {
    const product = jit((a: Tensor) => a.matmul(a));
    const a = randn([5, 5]);
    const compilesOf = (run: () => unknown): number => {
      const before = engineStats().compiles;
      run();
      return engineStats().compiles - before;
    };
    product(a);
    setFloat32MatmulPrecision("high");
    expect(compilesOf(() => product(a))).toBe(1);
    setFloat32MatmulPrecision("highest");
    expect(compilesOf(() => product(a))).toBe(0);
  });
});
