import { describe, expect, it } from "vitest";
import type { CudaDeviceOptions } from "../../src/backends/cuda/create.ts";
import { createCudaBackend } from "../../src/backends/cuda/create.ts";
import { CudaBackend } from "../../src/backends/cuda/backend.ts";
import { LibrarySearch } from "../../src/backends/cuda/library-search.ts";
import type { SearchEnvironment } from "../../src/backends/cuda/library-search.ts";
import { CompileError, DeviceError, OutOfMemoryError } from "../../src/base/errors.ts";
import type { CudaProgramCode } from "../../src/compiler/cuda/program-code.ts";
import * as b from "../../src/ir/build.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { NodeOf } from "../../src/ir/node.ts";
import type { Program } from "../../src/runtime/backend.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulator } from "./emulator/emulator.ts";
import type { EmulatedMachine, Emulator } from "./emulator/emulator.ts";

/** A machine on which libraries are only where the loader looks. */
const bare: SearchEnvironment = {
  variable: () => undefined,
  list: () => [],
  exists: () => false,
  pythonFolders: () => [],
};

function on(machine: Emulator, options: CudaDeviceOptions = {}): CudaBackend {
  const libraries = new LibrarySearch(machine.ffi, bare);
  return createCudaBackend({ ffi: machine.ffi, libraries, cache: null, ...options });
}

const x = b.input([4], "f32") as NodeOf<"input">;
const negation: Graph = { inputs: [x], outputs: [b.neg(x)] };

/** What `start` throws. */
function errorOf(start: () => unknown): Error {
  try {
    start();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return expect.unreachable("it throws an error");
}

function runOnce(backend: CudaBackend, program: Program): void {
  const [from, to] = [backend.allocate(16), backend.allocate(16)];
  program.run([from], [to]);
  backend.readSync(to, "f32");
}

describe.skipIf(emulatorObstacle() !== null)("machines that cannot", () => {
  it("says that there is no driver", () => {
    const error = errorOf(() => on(emulator({ missing: ["cuda"] })));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/NVIDIA driver's libcuda\.so\.1 must be installed.*"wasm"/);
  });

  it("says that there is no card", () => {
    const machine = emulator();
    machine.fail("cuInit", 100);
    const error = errorOf(() => on(machine));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/no CUDA card is visible; look at `nvidia-smi`/);
  });

  it("says which cards there are not", () => {
    const error = errorOf(() => on(emulator({ devices: 2 }), { ordinal: 2 }));
    expect(error.message).toMatch(/less than their count 2, got 2.*CUDA_VISIBLE_DEVICES/);
  });

  it("tells a driver that does not fit its kernel module", () => {
    const machine = emulator({ driverVersion: 12_040 });
    machine.fail("cuInit", 803);
    expect(errorOf(() => on(machine)).message).toMatch(/803.*CUDA 12\.4.*update the NVIDIA driver/);
  });

  it("tells a driver that is older than the compiler, with both versions", () => {
    const machine = emulator({ driverVersion: 13_000 });
    const backend = on(machine);
    machine.fail("cuModuleLoadData", 222);
    const { message } = errorOf(() => backend.compile(negation));
    expect(message).toMatch(/222.*NVRTC 13\.0 for sm_90.*driver for CUDA 13\.0.*update the NVIDIA/);
    machine.heal("cuModuleLoadData");
    backend.dispose();
  });

  it("needs NVRTC of the driver's version", () => {
    const backend = on(emulator({ driverVersion: 12_040, missing: ["nvrtc"] }));
    const { message } = errorOf(() => backend.compile(negation));
    expect(message).toBe(
      "cuda: libnvrtc.so.12 is missing, so no program can be compiled; pip install " +
        "nvidia-cuda-nvrtc-cu12 (or set ATHANOR_CUDA_LIBS to the folder that has it)",
    );
    backend.dispose();
  });

  it("computes without cuBLASLt and cuDNN", () => {
    const machine = emulator({ missing: ["cublasLt", "cudnn"] });
    const backend = on(machine);
    expect(backend.target.libraries).toEqual([]);
    expect(backend.info.features).toEqual(["sm_90", "cuda 13.0", "nvrtc 13.0"]);
    const square = b.input([2, 2], "f32") as NodeOf<"input">;
    const program = backend.compile({ inputs: [square], outputs: [b.dot(square, square)] });
    const [from, to] = [backend.allocate(16), backend.allocate(16)];
    backend.write(from, Float32Array.of(1, 2, 3, 4));
    program.run([from], [to]);
    expect(backend.readSync(to, "f32")).toEqual(Float32Array.of(7, 10, 15, 22));
    backend.dispose();
  });

  it("refuses drivers that are too old", () => {
    const { message } = errorOf(() => on(emulator({ driverVersion: 11_080 })));
    expect(message).toMatch(
      /must support CUDA 12\.1 or newer, got 11\.8; update the NVIDIA driver/,
    );
  });

  it("refuses cards that are too old", () => {
    const { message } = errorOf(() => on(emulator({ capability: 70 })));
    expect(message).toMatch(/compute capability 7\.5 or newer, got 7\.0 \(Emulated GPU/);
  });

  it("compiles to PTX for cards the compiler does not know", () => {
    const machine = emulator({ capability: 130 });
    const backend = on(machine);
    runOnce(backend, backend.compile(negation));
    backend.dispose();
    expect(machine.takeProblems()).toEqual([]);
  });

  it("shows the lines of a unit that does not compile", () => {
    const code: CudaProgramCode = {
      source: 'int a;\nextern "C" void k(void) { unknown = 1; }\n',
      launches: [],
      temporaryBytes: 0,
      scratchBytes: 0,
      isCapturable: true,
      checksIndices: false,
    };
    const backend = new CudaBackend({ ffi: emulator().ffi, cache: null }, () => code);
    const error = errorOf(() => backend.compile(negation));
    expect(error).toBeInstanceOf(CompileError);
    expect(error.message).toMatch(/unknown/);
    backend.dispose();
  });
});

describe.skipIf(emulatorObstacle() !== null)("failures on the device", () => {
  it("names the work before a sticky error, how to find the kernel, and refuses the rest", () => {
    const machine = emulator();
    const backend = on(machine);
    const program = backend.compile(negation);
    const [from, to] = [backend.allocate(16), backend.allocate(16)];
    program.run([from], [to]);
    machine.fail("cuStreamSynchronize", 700);
    const error = errorOf(() => backend.readSync(to, "f32"));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(
      /700.*context is dead; it was issued by program 1 \(.*ATHANOR_CUDA_SYNC=1, which names/,
    );
    const later = errorOf(() => backend.write(from, new Float32Array(4)));
    expect(later.message).toMatch(/context is dead since an earlier error \(700\)/);
    expect(later.cause).toBe(error);
    expect(() => program.run([from], [to])).toThrow("dead");
    backend.free(from);
    program.dispose();
    backend.dispose();
  });

  it("names the kernel itself where every launch is waited for", () => {
    const machine = emulator();
    const backend = on(machine, { synchronous: true });
    const program = backend.compile(negation);
    const [from, to] = [backend.allocate(16), backend.allocate(16)];
    machine.fail("cuStreamSynchronize", 700);
    const { message } = errorOf(() => program.run([from], [to]));
    expect(message).toContain(`it was issued by kernel ${program.kernels[0].name} of program 1`);
    expect(message).not.toContain("ATHANOR_CUDA_SYNC");
    backend.dispose();
  });

  it("finds a real wrong access", () => {
    const machine: EmulatedMachine = { capacity: 64 * 2 ** 20 };
    const code: CudaProgramCode = {
      source:
        "typedef struct { unsigned long long w[1]; } words;\n" +
        'extern "C" __global__ void k(const __grid_constant__ words w) {\n' +
        "  ((int *)w.w[0])[1 << 9] = 1;\n}\n",
      launches: [
        {
          kind: "kernel",
          entry: "k",
          blocks: 1,
          threads: 1,
          sharedBytes: 0,
          arguments: [{ place: { kind: "output", index: 0 }, offset: 0 }],
          facts: { name: "stray", bytes: 0, flops: 0 },
        },
      ],
      temporaryBytes: 0,
      scratchBytes: 0,
      isCapturable: true,
      checksIndices: false,
    };
    const { ffi } = emulator(machine);
    const backend = new CudaBackend({ ffi, cache: null }, () => code);
    const program = backend.compile(negation);
    const { message } = errorOf(() => runOnce(backend, program));
    expect(message).toContain("issued by program 1 (stray)");
    backend.dispose();
  });

  it("reports a full memory with its numbers, and goes on with less", () => {
    const megabyte = 2 ** 20;
    const machine = emulator({ capacity: 64 * megabyte });
    const backend = on(machine);
    const kept = backend.allocate(40 * megabyte);
    const small = backend.allocate(8 * megabyte);
    kept.content = { dtype: "f32", shape: [1024, 10240] };
    const error = errorOf(() => backend.allocate(32 * megabyte));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error.message).toMatch(
      /a tensor of 32 MiB .* of 64 MiB on Emulated GPU.*48 MiB in live tensors/,
    );
    expect(error.message).toMatch(/largest tensors are f32\[1024, 10240\] of 40 MiB, 8\.0 MiB;/);
    expect((error as OutOfMemoryError).details).toMatchObject({
      requested: 32 * megabyte,
      live: 48 * megabyte,
      largest: [40 * megabyte, 8 * megabyte],
    });
    backend.free(kept);
    const next = backend.allocate(32 * megabyte);
    runOnce(backend, backend.compile(negation));
    for (const buffer of [next, small]) backend.free(buffer);
    backend.dispose();
    expect(machine.takeProblems()).toEqual([]);
  });
});
