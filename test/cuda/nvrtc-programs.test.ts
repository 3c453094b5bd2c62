import { describe, expect, it } from "vitest";
import { koffiFfi } from "../../src/backends/cuda/koffi-ffi.ts";
import { LibrarySearch } from "../../src/backends/cuda/library-search.ts";
import { Nvrtc } from "../../src/backends/cuda/nvrtc.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { compileProgram, cudaPrograms } from "../golden/cuda-programs.ts";

/** NVIDIA's compiler needs no card; it is looked for where the product looks. */
function installed(): Nvrtc | null {
  try {
    const ffi = koffiFfi();
    const library = new LibrarySearch(ffi).find("nvrtc");
    return library === null ? null : new Nvrtc(ffi, library);
  } catch {
    return null;
  }
}

const nvrtc = installed();
const wanted: readonly (readonly [DType, number])[] = [
  ["f32", 75],
  ["f32", 90],
  ["bf16", 80],
  ["f16", 100],
  ["f64", 90],
];

describe.skipIf(nvrtc === null)("NVRTC compiles (skipped without libnvrtc)", () => {
  it.each(Object.entries(cudaPrograms))("%s", { timeout: 120_000 }, (_, build) => {
    const images = wanted.map(([dtype, capability]) => {
      const { source } = compileProgram(build, dtype, capability);
      return nvrtc?.compile(source, nvrtc.targetOf(capability)).length ?? 0;
    });
    expect(Math.min(...images)).toBeGreaterThan(1000);
  });
});
