import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { CudaBackend } from "../../src/backends/cuda/backend.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { buildLoop, buildProgram, programArbitrary } from "../compiler/random-programs.ts";
import { expectSameAsReference } from "../contract/run.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulatedBackend } from "./emulator/emulated-backend.ts";
import { emulator } from "./emulator/emulator.ts";
import type { Emulator } from "./emulator/emulator.ts";

const seed = Number(process.env["ATHANOR_SEED"] ?? 20_264);
const runs = Number(process.env["ATHANOR_RUNS"] ?? 25);
const smallSizes = fc.integer({ min: 1, max: 20 });
const mixedSizes = fc.oneof(smallSizes, fc.constantFrom(31, 32, 33, 64, 130, 257));

/** A card with few processors has other kernels for the same shapes: its grids fill sooner. */
describe.skipIf(emulatorObstacle() !== null)("random programs of small integers on CUDA", () => {
  let machine: Emulator | undefined;
  let backend: CudaBackend | undefined;
  const current = (): CudaBackend => {
    machine ??= emulator({ alternating: true, multiprocessors: 4 });
    backend ??= emulatedBackend(machine, { verify: true, recordsAtOnce: true });
    return backend;
  };
  /** Compares a program with the reference; returns what its kernels did wrong besides. */
  const defects = (built: ReturnType<typeof buildProgram>): string[] => {
    const compared = expectSameAsReference(current(), built, { exact: true });
    expect(compared).toBe(built.outputs.length);
    return machine?.takeProblems() ?? [];
  };

  afterAll(() => backend?.dispose());

  it.each<DType>(["f32", "f64", "i32", "bf16", "u8"])("equal the reference (%s)", (dtype) => {
    const everyProgram = fc.property(programArbitrary(smallSizes, 14), (program) => {
      expect(defects(buildProgram(program, dtype))).toEqual([]);
    });
    fc.assert(everyProgram, { numRuns: runs, seed });
  });

  it.each<DType>(["f32", "bf16"])("equal the reference with longer rows (%s)", (dtype) => {
    const everyProgram = fc.property(programArbitrary(mixedSizes, 8), (program) => {
      expect(defects(buildProgram(program, dtype))).toEqual([]);
    });
    fc.assert(everyProgram, { numRuns: runs, seed: seed + 1 });
  });

  it.each<DType>(["f32", "u8"])("equal the reference as bodies of loops (%s)", (dtype) => {
    const everyProgram = fc.property(programArbitrary(smallSizes, 10), (program) => {
      expect(defects(buildLoop(program, dtype))).toEqual([]);
    });
    fc.assert(everyProgram, { numRuns: runs, seed: seed + 2 });
  });
});
