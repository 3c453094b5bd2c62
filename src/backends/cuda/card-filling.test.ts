import { describe, expect, it } from "vitest";
import type { AttentionCall, MatmulCall } from "../../compiler/cuda/library-calls.ts";
import type { KernelLaunch, LibraryLaunch } from "../../compiler/cuda/program-code.ts";
import { fillsCard } from "./card-filling.ts";

const h100 = {
  capability: 90,
  multiprocessors: 132,
  sharedBytesPerBlock: 232_448,
  cacheBytes: 50 << 20,
};
const view = { rowStride: 1, columnStride: 1, batchStrides: [] };

function kernel(megabytes: number, blocks: number): KernelLaunch {
  const facts = { name: "k", bytes: megabytes * 1e6, flops: 0 };
  return { kind: "kernel", entry: "k", blocks, threads: 256, sharedBytes: 0, arguments: [], facts };
}

function product(
  [m, n, k]: readonly [number, number, number],
  rest: Partial<MatmulCall> = {},
): LibraryLaunch {
  const call: MatmulCall = {
    kind: "matmul",
    dtype: "f32",
    outputDtype: "f32",
    m,
    n,
    k,
    batch: [],
    a: view,
    b: view,
    d: view,
    epilogue: "none",
    allowTf32: false,
    ...rest,
  };
  const times = call.batch.reduce((all, size) => all * size, 1);
  const facts = { name: "dot", bytes: 0, flops: 2 * m * n * k * times };
  return { kind: "library", call, operands: [], facts };
}

describe("launches that fill a card", () => {
  it("are kernels that move much with many threads", () => {
    expect(fillsCard(kernel(40, 4096), h100)).toBe(true);
    expect(fillsCard(kernel(20, 4096), h100)).toBe(false);
    expect(fillsCard(kernel(40, 64), h100)).toBe(false);
    expect(fillsCard(kernel(20, 4096), { ...h100, multiprocessors: 40 })).toBe(true);
  });

  it("are products of many blocks that take long", () => {
    expect(fillsCard(product([1024, 4096, 256]), h100)).toBe(true);
    expect(fillsCard(product([1024, 4096, 32]), h100)).toBe(false);
    expect(fillsCard(product([1024, 1024, 4096]), h100)).toBe(false);
    expect(fillsCard(product([1024, 1024, 4096], { batch: [4] }), h100)).toBe(true);
  });

  it("take less long on matrix units", () => {
    const sizes = [2048, 2048, 512] as const;
    expect(fillsCard(product(sizes), h100)).toBe(true);
    expect(fillsCard(product(sizes, { allowTf32: true }), h100)).toBe(true);
    expect(fillsCard(product(sizes, { dtype: "bf16", outputDtype: "bf16" }), h100)).toBe(false);
  });

  it("are convolutions and attention by their results", () => {
    const tensor = (...shape: number[]): { shape: number[]; strides: number[] } => ({
      shape,
      strides: [],
    });
    const facts = { name: "call", bytes: 0, flops: 1e10 };
    const convolution = (batch: number): LibraryLaunch => ({
      kind: "library",
      call: {
        kind: "convolution",
        op: "conv",
        dtype: "f32",
        attrs: { strides: [1, 1], padding: [], dilation: [1, 1], groups: 1 } as never,
        input: tensor(batch, 64, 56, 56),
        weight: tensor(64, 64, 3, 3),
        output: tensor(batch, 64, 56, 56),
        allowTf32: false,
      },
      operands: [],
      facts,
    });
    expect(fillsCard(convolution(32), h100)).toBe(true);
    expect(fillsCard(convolution(1), h100)).toBe(false);
    const heads = (batch: number): LibraryLaunch => {
      const query = tensor(batch, 12, 1024, 64);
      const call: AttentionCall = {
        kind: "attention",
        pass: "forward",
        dtype: "f32",
        causal: true,
        scale: 1,
        query,
        key: query,
        value: query,
        out: query,
        keepsStats: false,
        outGrad: null,
        queryGrad: null,
        keyGrad: null,
        valueGrad: null,
      };
      return { kind: "library", call, operands: [], facts };
    };
    expect(fillsCard(heads(16), h100)).toBe(true);
    expect(fillsCard(heads(1), h100)).toBe(false);
  });
});
