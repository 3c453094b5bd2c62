import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCudaBackend } from "../../src/backends/cuda/create.ts";
import * as b from "../../src/ir/build.ts";
import type { NodeOf } from "../../src/ir/node.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulator } from "./emulator/emulator.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-cache-"));
  vi.stubEnv("ATHANOR_CACHE", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** What a process computes that has a card of its own; `compiles: false` breaks the compiler. */
function process({ compiles = true, capability = 90 }): number[] {
  const machine = emulator({ capability });
  if (!compiles) machine.fail("nvrtcCompileProgram", 11);
  const backend = createCudaBackend({ ffi: machine.ffi });
  try {
    const x = b.input([4], "f32") as NodeOf<"input">;
    const y = b.mul(x, b.fullLike(x, 3));
    const program = backend.compile({ inputs: [x], outputs: [y] });
    const [from, to] = [backend.allocate(16), backend.allocate(16)];
    backend.write(from, Float32Array.of(1, 2, 3, 4));
    program.run([from], [to]);
    return [...(backend.readSync(to, "f32") as Float32Array)];
  } finally {
    backend.dispose();
  }
}

describe.skipIf(emulatorObstacle() !== null)("a second start", () => {
  it("compiles nothing", () => {
    expect(() => process({ compiles: false })).toThrow("nvrtcCompileProgram must succeed");
    expect(process({})).toEqual([3, 6, 9, 12]);
    expect(process({ compiles: false })).toEqual([3, 6, 9, 12]);
  });

  it("compiles for another card, or where the cache is another", () => {
    process({});
    expect(() => process({ compiles: false, capability: 80 })).toThrow("nvrtcCompileProgram");
    vi.stubEnv("ATHANOR_CACHE", join(folder, "other"));
    expect(() => process({ compiles: false })).toThrow("nvrtcCompileProgram");
  });
});
