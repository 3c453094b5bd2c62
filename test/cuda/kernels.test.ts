import { describe, expect, it } from "vitest";
import { opCases } from "../contract/cases.ts";
import { buildCase } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, isOnlyKernels } from "./kernel-runner.ts";

const obstacle = emulatorObstacle();

describe.skipIf(obstacle !== null)("generated kernels of every primitive", () => {
  it.each(Object.entries(opCases))("%s", (_, cases) => {
    let compared = 0;
    for (const spec of cases) {
      for (const dtype of spec.dtypes) {
        const built = buildCase(spec, dtype);
        if (!isOnlyKernels({ inputs: built.inputs, outputs: built.outputs })) continue;
        expectKernelsAgree(built, spec);
        compared++;
      }
    }
    // Contractions, sorts and host functions are no generated kernels.
    expect(compared).toBeGreaterThanOrEqual(0);
  });
});
