import { describe, expect, it } from "vitest";
import { compileCuda } from "../../src/compiler/compile-cuda.ts";
import type { CudaCompileOptions } from "../../src/compiler/compile-cuda.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import { cudaTraits } from "../../src/compiler/cuda/traits.ts";
import type { CudaTarget } from "../../src/compiler/cuda/kernel-code.ts";
import type { ConvolutionCall, MatmulCall } from "../../src/compiler/cuda/library-calls.ts";
import type { Launch, LibraryLaunch } from "../../src/compiler/cuda/program-code.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { topologicalOrder } from "../../src/ir/graph.ts";

const card: CudaTarget = {
  capability: 90,
  multiprocessors: 132,
  sharedBytesPerBlock: 232_448,
  cacheBytes: 50 << 20,
};

function launches(node: Node, target = card, options: CudaCompileOptions = {}): readonly Launch[] {
  const inputs = topologicalOrder([node]).filter((one) => one.op === "input");
  return compileCuda({ inputs, outputs: [node] }, target, options).launches;
}

/** The only launch, which must be a library's. */
function onlyCall(node: Node, options: CudaCompileOptions = {}): LibraryLaunch {
  const [launch, ...rest] = launches(node, card, options);
  if (launch?.kind !== "library" || rest.length > 0) {
    throw new Error(`expected one library call, got ${rest.length + 1} launches`);
  }
  return launch;
}

const product = (node: Node, options: CudaCompileOptions = {}): MatmulCall =>
  onlyCall(node, options).call as MatmulCall;
const turned = (x: Node): Node => b.transpose(x, x.shape.length - 2, x.shape.length - 1);

describe("products on CUDA", () => {
  it("are one call that reads transposed and cut operands where they lie", () => {
    const left = b.slice(b.input([9, 12], "bf16"), [2, 3], [5, 6]);
    const launch = onlyCall(b.dot(left, turned(b.input([7, 6], "bf16"))));
    expect(launch.call).toMatchObject({
      m: 5,
      n: 7,
      k: 6,
      batch: [],
      a: { rowStride: 12, columnStride: 1 },
      b: { rowStride: 1, columnStride: 6 },
      d: { rowStride: 7, columnStride: 1 },
    });
    expect(launch.operands.map(({ offset }) => offset)).toEqual([2 * (2 * 12 + 3), 0, 0]);
    expect(launch.facts.flops).toBe(2 * 5 * 7 * 6);
  });

  it("turn batches that meet one matrix into rows", () => {
    const shared = b.expand(b.input([1, 1, 6, 7], "f32"), [3, 4, 6, 7]);
    expect(product(b.dot(b.input([3, 4, 5, 6], "f32"), shared))).toMatchObject({
      m: 60,
      n: 7,
      batch: [],
      a: { rowStride: 6, batchStrides: [] },
    });
    const vectors = b.dot(
      b.input([3, 1, 6], "f32"),
      b.expand(b.input([1, 6, 7], "f32"), [3, 6, 7]),
    );
    expect(product(vectors)).toMatchObject({ m: 3, a: { rowStride: 6 }, d: { rowStride: 7 } });
  });

  it("merge batch dims that lie one in the other, and keep others", () => {
    const merged = b.dot(b.input([3, 4, 5, 6], "f32"), b.input([3, 4, 6, 7], "f32"));
    expect(product(merged)).toMatchObject({ batch: [12], a: { batchStrides: [30] } });
    const heads = b.permute(b.input([2, 5, 3, 6], "f32"), [0, 2, 1, 3]);
    const keys = b.permute(b.input([2, 7, 3, 6], "f32"), [0, 2, 3, 1]);
    expect(product(b.dot(heads, keys))).toMatchObject({
      batch: [2, 3],
      a: { rowStride: 18, columnStride: 1, batchStrides: [90, 6] },
      b: { rowStride: 1, columnStride: 18, batchStrides: [126, 6] },
      d: { rowStride: 7, columnStride: 1, batchStrides: [105, 35] },
    });
  });

  it("copy an operand without a contiguous dim, or with too many batches of its own", () => {
    const spread = b.slice(b.input([11, 12], "f32"), [1, 0], [5, 6], [2, 2]);
    const kinds = (node: Node): string[] => launches(node).map(({ kind }) => kind);
    expect(kinds(b.dot(spread, b.input([6, 7], "f32")))).toEqual(["kernel", "library"]);
    const far = b.permute(b.input([20, 5, 20, 6], "f32"), [0, 2, 1, 3]);
    expect(kinds(b.dot(far, b.input([20, 20, 6, 7], "f32")))).toEqual(["kernel", "library"]);
  });

  it("round f32 to tf32 only where they may", () => {
    const node = b.dot(b.input([5, 6], "f32"), b.input([6, 7], "f32"));
    expect(product(node).allowTf32).toBe(false);
    expect(product(node, { allowTf32: true }).allowTf32).toBe(true);
    const half = b.dot(b.input([5, 6], "f16"), b.input([6, 7], "f16"));
    expect(product(half, { allowTf32: true }).allowTf32).toBe(false);
  });

  it("are generated for integers, empty sums, and where the library is missing", () => {
    const only = (node: Node, target = card): string[] =>
      launches(node, target).map(({ kind }) => kind);
    expect(only(b.dot(b.input([5, 6], "i32"), b.input([6, 7], "i32")))).toEqual(["kernel"]);
    expect(only(b.dot(b.input([5, 0], "f32"), b.input([0, 7], "f32")))).toEqual(["kernel"]);
    expect(only(b.dot(b.input([0, 5], "f32"), b.input([5, 7], "f32")))).toEqual([]);
    const floats = b.dot(b.input([5, 6], "f32"), b.input([6, 7], "f32"));
    expect(only(floats, { ...card, libraries: ["cudnn"] })).toEqual(["kernel"]);
  });
});

describe("a product that is read in the loop of another value", () => {
  it("keeps its place until it was read", () => {
    const [left, right, g] = [
      [1, 3],
      [1, 1, 2],
      [1, 4, 1],
    ].map((shape) => b.input(shape, "f32"));
    const weight = b.input([3, 8], "f32");
    const whole = b.reshape(b.dot(left, weight), [1, 4, 2]);
    const wide = b.broadcastTo(g, [1, 4, 2]);
    const other = b.mul(wide, b.broadcastTo(right, [1, 4, 2]));
    const sum = b.reduceSum(b.mul(wide, whole), [1]);
    const last = b.dot(b.reshape(other, [1, 8]), turned(weight));
    const outputs = [sum, last];
    const inputs = topologicalOrder(outputs).filter((one) => one.op === "input");
    const graph = { inputs, outputs };
    const { steps, locations } = planProgram(graph, { traits: cudaTraits(card) });
    const [made] = steps.flatMap((step) => (step.kind === "contraction" ? [step.result] : []));
    const [reader] = steps.filter((step) => step.reads.includes(made));
    expect(reader.writes.length).toBe(2);
    const places = reader.writes.map((value) => locations.get(value));
    expect(places).not.toContainEqual(locations.get(made));
  });
});

describe("a bias on CUDA", () => {
  const x = b.input([2, 3, 6], "bf16");
  const w = b.input([7, 6], "bf16");
  const row = b.input([7], "bf16");
  /** x · wᵀ + row of a layer, in the shapes layers give. */
  const layer = (bias: Node): Node => {
    const rows = b.dot(b.reshape(x, [6, 6]), turned(w));
    return b.add(b.reshape(rows, [2, 3, 7]), bias);
  };
  const broadcast = b.broadcastTo(row, [2, 3, 7]);
  const kinds = (...nodes: readonly Node[]): string[] => {
    const inputs = topologicalOrder(nodes).filter((one) => one.op === "input");
    return compileCuda({ inputs, outputs: nodes }, card).launches.map(({ kind }) => kind);
  };

  it("is added by the product, which stores the sum only", () => {
    const launch = onlyCall(layer(broadcast));
    expect(launch.call).toMatchObject({ epilogue: "bias", m: 6, n: 7, k: 6 });
    expect(launch.operands.map(({ place }) => place.kind)).toEqual([
      "input",
      "input",
      "output",
      "input",
    ]);
    const part = b.broadcastTo(b.narrow(b.input([9], "bf16"), 0, 2, 7), [2, 3, 7]);
    expect(onlyCall(layer(part)).operands[3].offset).toBe(4);
  });

  it("is cast first, if that lets the product add it", () => {
    const wide = b.broadcastTo(b.cast(b.input([7], "f32"), "bf16"), [2, 3, 7]);
    const sum = layer(wide);
    expect(kinds(sum)).toEqual(["kernel", "library"]);
    // What is computed from the sum on the way adds the bias there as well.
    expect(kinds(b.unary("tanh", sum))).toEqual(["library", "kernel"]);
  });

  it("is added by a kernel where it is no row, or where the product is needed too", () => {
    expect(kinds(layer(b.input([2, 3, 7], "bf16")))).toEqual(["library", "kernel"]);
    expect(kinds(layer(b.full([2, 3, 7], 2, "bf16")))).toEqual(["library", "kernel"]);
    const column = b.broadcastTo(b.input([3, 1], "bf16"), [2, 3, 7]);
    expect(kinds(layer(column))).toEqual(["library", "kernel"]);
    const sum = layer(broadcast);
    expect(kinds(sum, sum.src[0])).toEqual(["library", "kernel"]);
  });

  it("is added by a kernel where the sum is state, which an index error must leave alone", () => {
    const state = b.input([2, 3, 7], "bf16");
    expect(kinds(b.assign(state, layer(broadcast)))).toEqual(["library", "kernel"]);
  });
});

describe("convolutions on CUDA", () => {
  const attrs = { stride: [2], padLow: [1], padHigh: [0], dilation: [1], groups: 1 };
  const x = b.input([2, 3, 9], "f32");
  const w = b.input([4, 3, 3], "f32");

  it("name input, weight and output of the forward pass, whichever is written", () => {
    const forward = b.conv(x, w, attrs);
    const g = b.input(forward.shape, "f32");
    const shapes = {
      input: { shape: x.shape },
      weight: { shape: w.shape },
      output: { shape: g.shape },
    };
    const cases: [Node, string, number][] = [
      [forward, "conv", 2],
      [b.convInputGrad(g, w, { ...attrs, sizes: [9] }), "convInputGrad", 0],
      [b.convWeightGrad(x, g, { ...attrs, sizes: [3] }), "convWeightGrad", 1],
    ];
    for (const [node, op, written] of cases) {
      const launch = onlyCall(node);
      expect(launch.call).toMatchObject({ op, attrs, ...shapes });
      expect(launch.operands.map(({ place }) => place.kind === "output")).toEqual(
        [0, 1, 2].map((i) => i === written),
      );
      expect(launch.facts.flops).toBe(2 * 2 * 4 * 4 * 3 * 3);
    }
  });

  it.each([
    ["bf16", false, [240, 1, 40, 8]],
    ["f32", true, [240, 1, 40, 8]],
    ["f32", false, [240, 30, 5, 1]],
  ] as const)("see %s (tf32: %s) with strides %j", (dtype, allowTf32, strides) => {
    const image = b.permute(b.input([2, 6, 5, 8], dtype), [0, 3, 1, 2]);
    const square = { stride: [1, 1], padLow: [1, 1], padHigh: [1, 1], dilation: [1, 1], groups: 1 };
    const node = b.conv(image, b.input([16, 8, 3, 3], dtype), square);
    const calls = launches(node, card, { allowTf32 });
    const call = calls.find((launch) => launch.kind === "library")?.call as ConvolutionCall;
    expect(call.input).toEqual({ shape: [2, 8, 6, 5], strides });
    expect(call.allowTf32).toBe(allowTf32);
  });

  it("are products where cuDNN is missing", () => {
    const calls = launches(b.conv(x, w, attrs), { ...card, libraries: ["cublasLt"] });
    const libraries = calls.filter((launch) => launch.kind === "library");
    expect(libraries.map(({ call }) => call.kind)).toEqual(["matmul"]);
  });
});
