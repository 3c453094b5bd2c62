import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeviceError, UnsupportedOpError } from "../../src/base/errors.ts";
import { MatmulExecutor } from "../../src/backends/cuda/matmul.ts";
import type {
  MatmulCall,
  MatmulEpilogue,
  MatrixView,
} from "../../src/compiler/cuda/library-calls.ts";
import { bf16FromNumber, bf16ToNumber } from "../../src/ir/dtype.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { LibraryBench } from "./library-bench.ts";

const rows = (columns: number): MatrixView => ({
  rowStride: columns,
  columnStride: 1,
  batchStrides: [],
});

function call(m: number, n: number, k: number, rest: Partial<MatmulCall> = {}): MatmulCall {
  return {
    kind: "matmul",
    dtype: "f32",
    outputDtype: "f32",
    m,
    n,
    k,
    batch: [],
    a: rows(k),
    b: rows(n),
    d: rows(n),
    epilogue: "none",
    allowTf32: false,
    ...rest,
  };
}

/** Small integers, so that every sum is exact. */
const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((i * 7 + seed * 5) % 11) - 5);

const f32 = (data: Float32Array): { dtype: "f32"; data: Float32Array } => ({ dtype: "f32", data });

const gelu = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

const activations: Readonly<Record<MatmulEpilogue, (x: number, bias: number) => number>> = {
  none: (x) => x,
  bias: (x, bias) => x + bias,
  relu: (x) => Math.max(x, 0),
  "bias-relu": (x, bias) => Math.max(x + bias, 0),
  gelu,
  "bias-gelu": (x, bias) => gelu(x + bias),
};

describe.skipIf(emulatorObstacle() !== null)("products through cuBLASLt", () => {
  let bench: LibraryBench;
  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "athanor-matmul-"));
    vi.stubEnv("ATHANOR_CACHE", folder);
    bench = new LibraryBench();
  });
  afterEach(() => {
    bench.dispose();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it.each(Object.keys(activations) as MatmulEpilogue[])("store %s of the product", (epilogue) => {
    const [m, n, k] = [3, 5, 4];
    const [a, b, bias] = [numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3)];
    const executor = new MatmulExecutor(bench.context);
    const prepared = executor.prepare(call(m, n, k, { epilogue }));
    const operands = [a, b, new Float32Array(m * n), bias].map(f32);
    const result = bench.run(prepared, operands, 2);
    for (let i = 0; i < m * n; i++) {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += a[Math.floor(i / n) * k + j] * b[j * n + (i % n)];
      expect(result[i]).toBeCloseTo(activations[epilogue](sum, bias[i % n]), 4);
    }
    executor.dispose();
  });

  it("keep sums of bf16 in f32 where the result is f32", () => {
    const executor = new MatmulExecutor(bench.context);
    const values = [1, 2 ** -8, 3, 2 ** -9];
    const bits = (list: readonly number[]): Uint16Array => Uint16Array.from(list, bf16FromNumber);
    const prepared = executor.prepare(call(1, 1, 4, { dtype: "bf16" }));
    const half = { dtype: "bf16", data: bits(values) } as const;
    const ones = { dtype: "bf16", data: bits([1, 1, 1, 1]) } as const;
    const [sum] = bench.run(prepared, [half, ones, f32(new Float32Array(1))], 2);
    expect(sum).toBe(4 + 2 ** -8 + 2 ** -9);
    expect(bf16ToNumber(bf16FromNumber(sum))).not.toBe(sum);
    executor.dispose();
  });

  it("take one call for the largest batch dim and repeat it for the others", () => {
    const [m, n, k] = [2, 3, 4];
    // A [2, 5, m, k] in the order [5, m, 2, k]; one B for all five; D packed.
    const shape = call(m, n, k, {
      batch: [2, 5],
      a: { rowStride: 2 * k, columnStride: 1, batchStrides: [k, 2 * m * k] },
      b: { rowStride: 1, columnStride: k, batchStrides: [n * k, 0] },
      d: { rowStride: n, columnStride: 1, batchStrides: [5 * m * n, m * n] },
    });
    const [a, b] = [numbers(2 * 5 * m * k, 1), numbers(2 * n * k, 2)];
    const executor = new MatmulExecutor(bench.context);
    const operands = [a, b, new Float32Array(10 * m * n)].map(f32);
    const result = bench.run(executor.prepare(shape), operands, 2);
    for (let i = 0; i < 10 * m * n; i++) {
      const [x, y, row, column] = [
        Math.floor(i / (5 * m * n)),
        Math.floor(i / (m * n)) % 5,
        Math.floor(i / n) % m,
        i % n,
      ];
      let sum = 0;
      for (let j = 0; j < k; j++) {
        sum += a[x * k + y * 2 * m * k + row * 2 * k + j] * b[x * n * k + column * k + j];
      }
      expect(result[i]).toBe(sum);
    }
    executor.dispose();
  });

  it("work on operands that lie at odd addresses", () => {
    const executor = new MatmulExecutor(bench.context);
    const prepared = executor.prepare(call(2, 2, 2));
    const operands = [[1, 2, 3, 4], [5, 6, 7, 8], new Array<number>(4).fill(0)].map((list) =>
      f32(Float32Array.from(list)),
    );
    expect([...bench.run(prepared, operands, 2, 4)]).toEqual([19, 22, 43, 50]);
    executor.dispose();
  });

  describe("choose the algorithm", () => {
    const large = call(128, 512, 512);
    // The emulated library has three algorithms; the second one is told by its workspace.
    const second = 4096;

    it("by trial, once per card: the cache keeps it", () => {
      bench.times.push(3, 3, 3, 1, 1, 1, 2, 2, 2);
      const executor = new MatmulExecutor(bench.context);
      expect(executor.prepare(large).workspaceBytes).toBe(second);
      expect(bench.trials).toBe(9);
      executor.dispose();
      const next = new MatmulExecutor(bench.context);
      expect(next.prepare(large).workspaceBytes).toBe(second);
      expect(bench.trials).toBe(9);
      next.dispose();
    });

    it("and keep the library's first where no other is clearly faster", () => {
      bench.times.push(3, 3, 3, 2.95, 2.95, 2.95, 3, 3, 3);
      const executor = new MatmulExecutor(bench.context);
      expect(executor.prepare(large).workspaceBytes).toBe(0);
      executor.dispose();
    });

    it("without a trial where it is small, or where trials are turned off", () => {
      bench.times.push(3, 3, 3, 1, 1, 1, 2, 2, 2);
      const executor = new MatmulExecutor(bench.context);
      expect(executor.prepare(call(8, 8, 8)).workspaceBytes).toBe(0);
      vi.stubEnv("ATHANOR_CUDA_AUTOTUNE", "0");
      expect(executor.prepare(large).workspaceBytes).toBe(0);
      expect(bench.trials).toBe(0);
      executor.dispose();
    });
  });

  it("refuse what they cannot do", () => {
    const executor = new MatmulExecutor(bench.context);
    const integers = call(2, 2, 2, { dtype: "i32", outputDtype: "i32" });
    expect(executor.supports(integers)).toBe(false);
    expect(() => executor.prepare(integers)).toThrow(UnsupportedOpError);
    const overlapping = call(2, 2, 2, { a: { rowStride: 1, columnStride: 1, batchStrides: [] } });
    expect(executor.supports(overlapping)).toBe(false);
    executor.dispose();
  });
});

describe.skipIf(emulatorObstacle() !== null)("a machine without cuBLASLt", () => {
  it("supports no product and says what is missing", () => {
    const bench = new LibraryBench({ missing: ["cublasLt"] });
    const executor = new MatmulExecutor(bench.context);
    expect(executor.supports(call(2, 2, 2))).toBe(false);
    expect(() => executor.prepare(call(2, 2, 2))).toThrow(DeviceError);
    expect(() => executor.prepare(call(2, 2, 2))).toThrow(/cublas/);
    executor.dispose();
    bench.dispose();
  });
});
