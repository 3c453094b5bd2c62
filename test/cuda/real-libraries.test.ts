import { describe, expect, it } from "vitest";
import { withConvolutionEngines } from "../../src/backends/cuda/convolution.ts";
import { CublasLt, computeType, cudaDataType } from "../../src/backends/cuda/cublaslt.ts";
import { Cudnn } from "../../src/backends/cuda/cudnn.ts";
import type { CudnnPlan } from "../../src/backends/cuda/cudnn-plan.ts";
import type { ForeignLibrary } from "../../src/backends/cuda/ffi.ts";
import { koffiFfi } from "../../src/backends/cuda/koffi-ffi.ts";
import type { LibraryName } from "../../src/backends/cuda/library-executor.ts";
import { LibrarySearch } from "../../src/backends/cuda/library-search.ts";
import type { ConvolutionCall } from "../../src/compiler/cuda/library-calls.ts";
import type { DType } from "../../src/ir/dtype.ts";

/**
 * What NVIDIA's libraries do without a card, where they are installed (ATHANOR_CUDA_LIBS, pip, …):
 * they check descriptors, and cuDNN says which engines a described card has.
 */
function installed(name: LibraryName): ForeignLibrary | null {
  try {
    return new LibrarySearch(koffiFfi()).find(name);
  } catch {
    return null;
  }
}

/** An H100, as cuDNN describes devices. */
const card = {
  properties: JSON.stringify({
    deviceVer: 900,
    cudaDeviceId: 0,
    multiProcessorCount: 132,
    maxGridSize: [2_147_483_647, 65_535, 65_535],
    maxBlockSize: [1024, 1024, 64],
    regsPerBlock: 65_536,
    smClockRateKHz: 1_980_000,
    memClockRateKHz: 2_619_000,
    l2CacheSize: 52_428_800,
    warpSize: 32,
    maxSharedMemoryPerBlock: 49_152,
    maxSharedMemoryPerBlockOptin: 232_448,
    reservedSharedMemoryPerBlock: 1024,
    maxRegistersPerSM: 65_536,
    pciDeviceId: 0,
    maxCtasPerSM: 32,
    maxThreadsPerBlock: 1024,
    maxThreadsPerSM: 2048,
    isTccDriver: 0,
    supportCoopLaunch: 1,
    driverVer: 13_000,
    totalGlobalMem: 85_000_000_000,
    smCountOrigin: 0,
    deviceName: "NVIDIA H100 80GB HBM3",
  }),
};

const cudnnLibrary = installed("cudnn");

function last([n, c, h, w]: readonly number[]): { shape: number[]; strides: number[] } {
  return { shape: [n, c, h, w], strides: [c * h * w, 1, w * c, c] };
}

const convolution = (op: ConvolutionCall["op"], dtype: DType): ConvolutionCall => ({
  kind: "convolution",
  op,
  dtype,
  attrs: { stride: [2, 2], padLow: [0, 1], padHigh: [1, 1], dilation: [1, 1], groups: 2 },
  input: last([8, 32, 14, 13]),
  weight: last([64, 16, 3, 3]),
  output: last([8, 64, 7, 7]),
  allowTf32: false,
});

describe.skipIf(cudnnLibrary === null)("cuDNN", () => {
  const plansOf = (library: Cudnn, call: ConvolutionCall, alignment: number): CudnnPlan[] =>
    withConvolutionEngines(library, call, { device: card, alignment }, (engines) =>
      engines.map((engine) => engine.plan()).filter((plan) => plan !== null),
    );

  it.each(["f32", "f16", "bf16", "f64"] as const)("has engines for %s on an H100", (dtype) => {
    if (cudnnLibrary === null) throw new Error("cuDNN went away");
    const library = new Cudnn(koffiFfi(), cudnnLibrary);
    for (const op of ["conv", "convInputGrad", "convWeightGrad"] as const) {
      for (const alignment of [16, 8]) {
        const plans = plansOf(library, convolution(op, dtype), alignment);
        expect(plans.length, op).toBeGreaterThan(0);
        expect(new Set(plans.map(({ name }) => name)).size, "names").toBe(plans.length);
        for (const plan of plans) plan.dispose();
      }
    }
  });
});

const productLibrary = installed("cublasLt");

describe.skipIf(productLibrary === null)("cuBLASLt", () => {
  it("takes the descriptors of a product", () => {
    if (productLibrary === null) throw new Error("cuBLASLt went away");
    const library = new CublasLt(productLibrary);
    expect(library.version).toBeGreaterThan(110_000);
    const description = library.description(computeType.f32, cudaDataType.f32);
    library.setDescription(description, 3, Int32Array.of(1));
    const batch = { count: 12, stride: 1 << 20 };
    const [a, b, d] = [1, 2, 3].map(() => library.layout(cudaDataType.bf16, 64, 32, 64, batch));
    library.destroy({ description, a, b, d });
    expect(() => library.setDescription(description, 999, Int32Array.of(1))).toThrow(/returned 7/);
  });
});
