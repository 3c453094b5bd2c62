import { afterEach, describe, expect, it } from "vitest";
import { AttentionExecutor } from "../../src/backends/cuda/attention.ts";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import { DeviceError, UnsupportedOpError } from "../../src/base/errors.ts";
import type { AttentionCall, AttentionTensor } from "../../src/compiler/cuda/library-calls.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { runGraph } from "../contract/run.ts";
import { buildCase, toNumbers } from "../contract/scene.ts";
import type { Scene } from "../contract/scene.ts";
import { differenceOf } from "../contract/tolerance.ts";
import { emulatedBackend } from "./emulator/emulated-backend.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulator } from "./emulator/emulator.ts";
import type { EmulatedMachine } from "./emulator/emulator.ts";
import { LibraryBench } from "./library-bench.ts";

/** [B, H, L, D] in memory as [B, L, H, D]. */
function tensor(rows: number, heads: number, width = 64): AttentionTensor {
  const strides = [rows * heads * width, width, heads * width, 1];
  return { shape: [2, heads, rows, width], strides };
}

const forward: AttentionCall = {
  kind: "attention",
  pass: "forward",
  dtype: "bf16",
  causal: true,
  scale: 0.125,
  query: tensor(128, 4),
  key: tensor(96, 2),
  value: tensor(96, 2),
  out: tensor(128, 4),
  keepsStats: true,
  outGrad: null,
  queryGrad: null,
  keyGrad: null,
  valueGrad: null,
};
const backward: AttentionCall = {
  ...forward,
  pass: "backward",
  outGrad: tensor(128, 4),
  queryGrad: tensor(128, 4),
  keyGrad: tensor(96, 2),
  valueGrad: tensor(96, 2),
};

/** Attention and its gradient over slices of one product. */
function attention({ input }: Scene): Node[] {
  const [rows, heads, width] = [20, 4, 16];
  const joined = b.reshape(input([2, rows, 8 * width], "unit"), [2, rows, 8, width]);
  const [q, k, v] = [
    [0, heads],
    [heads, 2],
    [heads + 2, 2],
  ].map(([from, count]) => b.narrow(joined, 2, from, count));
  const attrs = { causal: true, scale: 0.5 };
  const node = b.attention([q, k, v], attrs);
  const results = [b.part(node, 0), b.part(node, 1)];
  const gradient = input([2, rows, heads, width], "unit");
  const gradients = b.attentionGrad([q, k, v, ...results, gradient], attrs);
  // They go into one array, where the kernels put them themselves.
  const parts = [0, 1, 2].map((i) => b.part(gradients, i));
  return [results[0], b.concat(parts, 2)];
}

/** Runs it on an emulated machine; tells whether it is right, and the names of the kernels. */
function run(machine: EmulatedMachine): { difference: string | undefined; names: string[] } {
  const { inputs, data, outputs } = buildCase({ build: attention }, "bf16");
  const backend = emulatedBackend(emulator(machine));
  const graph = { inputs, outputs };
  const names = backend.compile(graph).kernels.map(({ name }) => name);
  const actual = runGraph(backend, graph, data).outputs;
  const expected = runGraph(new ReferenceBackend(), graph, data).outputs;
  const differences = outputs.map((node, i) =>
    differenceOf(toNumbers("bf16", actual[i]), toNumbers("bf16", expected[i]), {
      dtype: "bf16",
      shape: node.shape,
      tolerance: { rtol: 4e-2, atol: 4e-2 },
      reason: "weights and slopes are rounded to bf16",
    }),
  );
  backend.dispose();
  return { difference: differences.find((text) => text !== undefined), names };
}

describe.skipIf(emulatorObstacle() !== null)("attention through cuDNN", () => {
  afterEach(() => {
    delete process.env["ATHANOR_CUDA_UNORDERED"];
  });

  it("equals the reference, with heads that share keys, over slices of one product", () => {
    const { difference, names } = run({});
    expect(difference).toBeUndefined();
    expect(names).toContain("attention");
  });

  it("adds gradients of queries up in f32 if that is allowed", () => {
    process.env["ATHANOR_CUDA_UNORDERED"] = "1";
    expect(run({}).difference).toBeUndefined();
  });

  it("is done by generated kernels without the library", () => {
    expect(run({ missing: ["cudnn"] }).difference).toBeUndefined();
  });

  it("needs room for sums per row, and for gradients of queries only if they are unordered", () => {
    const bench = new LibraryBench();
    const executor = new AttentionExecutor(bench.context);
    const rows = 2 * 4 * 128;
    const plain = executor.prepare(forward).workspaceBytes;
    const ordered = executor.prepare(backward).workspaceBytes;
    process.env["ATHANOR_CUDA_UNORDERED"] = "1";
    const unordered = executor.prepare(backward).workspaceBytes;
    expect(ordered - plain).toBe(4 * rows);
    expect(unordered - ordered).toBe(4 * rows * 64);
    executor.dispose();
    bench.dispose();
  });

  it("leaves long backward passes to kernels that need no room for all slopes", () => {
    const bench = new LibraryBench();
    const executor = new AttentionExecutor(bench.context);
    const long = tensor(32768, 4);
    const shapes = { query: long, key: long, value: long, out: long };
    const gradients = { outGrad: long, queryGrad: long, keyGrad: long, valueGrad: long };
    const call = { ...backward, ...shapes, ...gradients };
    expect(executor.supports(call)).toBe(false);
    expect(() => executor.prepare(call)).toThrow(UnsupportedOpError);
    expect(executor.supports({ ...call, pass: "forward", outGrad: null })).toBe(true);
    executor.dispose();
    bench.dispose();
  });

  it("says what is missing", () => {
    const bench = new LibraryBench({ missing: ["cudnn"] });
    const executor = new AttentionExecutor(bench.context);
    expect(executor.supports(forward)).toBe(false);
    expect(() => executor.prepare(forward)).toThrow(DeviceError);
    executor.dispose();
    bench.dispose();
  });
});
