import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { compileWasm } from "../../src/compiler/compile-wasm.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { printGraph } from "../../src/ir/graph.ts";
import { expectSameAsReference, runGraph } from "../contract/run.ts";
import { buildLoop, buildProgram, programArbitrary } from "./random-programs.ts";
import { verifyingBackend } from "./variants.ts";

const fused = verifyingBackend({ threads: 2 });
const others = {
  "un-fused": verifyingBackend({ threads: 2 }, { fuse: false }),
  "one thread": verifyingBackend({ threads: 1 }),
  "memory that is not shared": verifyingBackend({ shared: false }),
  "no fused multiply-add": verifyingBackend({ threads: 2, fma: false }),
};

afterAll(() => {
  for (const backend of [fused, ...Object.values(others)]) backend.dispose();
});

const smallSizes = fc.integer({ min: 1, max: 20 });
const seed = 20_261;

describe("random programs of small integers, which any order of work computes exactly", () => {
  it.each<DType>(["f32", "f64", "i32", "bf16", "u8"])("equal the reference (%s)", (dtype) => {
    fc.assert(
      fc.property(programArbitrary(smallSizes, 14), (program) => {
        const built = buildProgram(program, dtype);
        const compared = expectSameAsReference(fused, built, { exact: true });
        expect(compared).toBe(built.outputs.length);
      }),
      { numRuns: 150, seed },
    );
  });

  it.each<DType>(["f32", "i32"])("equal the reference as bodies of loops (%s)", (dtype) => {
    fc.assert(
      fc.property(programArbitrary(smallSizes, 10), (program) => {
        const built = buildLoop(program, dtype);
        const compared = expectSameAsReference(fused, built, { exact: true });
        expect(compared).toBe(built.outputs.length);
      }),
      { numRuns: 100, seed: seed + 4 },
    );
  });

  it("are the same as bodies of loops when threads share the work", () => {
    const largeSizes = fc.integer({ min: 90, max: 160 });
    fc.assert(
      fc.property(programArbitrary(largeSizes, 5), (program) => {
        const built = buildLoop(program, "f32");
        const actual = runGraph(others["one thread"], built, built.data);
        expect(actual, printGraph(built)).toEqual(runGraph(fused, built, built.data));
      }),
      { numRuns: 12, seed: seed + 5 },
    );
  });

  it.each(Object.entries(others))("are the same with %s", (_name, other) => {
    fc.assert(
      fc.property(programArbitrary(smallSizes, 14), (program) => {
        const built = buildProgram(program, "f32");
        const actual = runGraph(other, built, built.data);
        expect(actual, printGraph(built)).toEqual(runGraph(fused, built, built.data));
      }),
      { numRuns: 80, seed: seed + 1 },
    );
  });

  it.each(Object.entries(others))(
    "are the same with %s when threads share the work",
    (_n, other) => {
      const largeSizes = fc.integer({ min: 90, max: 160 });
      fc.assert(
        fc.property(programArbitrary(largeSizes, 6), (program) => {
          const built = buildProgram(program, "f32");
          const actual = runGraph(other, built, built.data);
          expect(actual, printGraph(built)).toEqual(runGraph(fused, built, built.data));
        }),
        { numRuns: 12, seed: seed + 2 },
      );
    },
  );

  it("compile to the same bytes twice", () => {
    fc.assert(
      fc.property(programArbitrary(smallSizes, 14), (program) => {
        const built = buildProgram(program, "f32");
        const compile = (): Uint8Array =>
          compileWasm(built, { fma: true, shared: true, threads: 2 }).bytes;
        expect(compile()).toEqual(compile());
      }),
      { numRuns: 50, seed: seed + 3 },
    );
  });
});
