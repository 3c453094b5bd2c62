import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { entryText } from "../../src/compiler/cuda/entry-text.ts";
import { cudaPrelude } from "../../src/compiler/cuda/prelude.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { buildCase } from "../contract/scene.ts";
import { renderGraph, testTarget } from "./kernel-runner.ts";
import { kernelShapes } from "./kernel-shapes.ts";

const hasCompiler = spawnSync("nvcc", ["--version"]).status === 0;
const target = { ...testTarget, multiprocessors: 132 };
const units: readonly (readonly [string, readonly DType[]])[] = [
  ["sm_75", ["f32"]],
  ["sm_80", ["bf16"]],
  ["sm_90", ["f32", "bf16"]],
  ["sm_100", ["f16"]],
];

/** A unit with the kernels of every shape. */
function unitOfEverything(dtypes: readonly DType[]): string {
  const texts = new Map<string, string>();
  for (const build of Object.values(kernelShapes)) {
    for (const dtype of dtypes) {
      const built = buildCase({ build }, dtype);
      const { steps } = renderGraph({ inputs: built.inputs, outputs: built.outputs }, target);
      for (const made of steps.flatMap((step) => step.functions)) {
        if (texts.has(made.text)) continue;
        const name = `f${texts.size}`;
        const entry = entryText(`e${texts.size}`, [{ name, function: made }]);
        texts.set(
          made.text,
          `static __device__ __forceinline__ void ${name}${made.text}\n${entry}`,
        );
      }
    }
  }
  const shared = "extern __shared__ __align__(16) char shared[];\n";
  return cudaPrelude + shared + [...texts.values()].join("\n");
}

// Without NVIDIA's compiler nothing here can run; the emulated device compiles the same text as C.
describe.skipIf(!hasCompiler)(
  "generated kernels in NVIDIA's compiler (skipped without nvcc)",
  () => {
    it.each(units)(
      "compile for %s without a spill",
      { timeout: 300_000 },
      (architecture, dtypes) => {
        const folder = mkdtempSync(join(tmpdir(), "athanor-nvcc-"));
        try {
          const file = join(folder, "unit.cu");
          writeFileSync(file, unitOfEverything(dtypes));
          const options = ["-cubin", "-w", "-Xptxas", "-v", `-arch=${architecture}`];
          const run = spawnSync("nvcc", [...options, "-o", join(folder, "unit.cubin"), file], {
            encoding: "utf8",
          });
          expect(run.stderr).not.toMatch(/error/);
          expect(run.status).toBe(0);
          const spills = [...run.stderr.matchAll(/(\d+) bytes spill stores/g)].map(([, n]) =>
            Number(n),
          );
          expect(Math.max(0, ...spills)).toBe(0);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    );
  },
);
