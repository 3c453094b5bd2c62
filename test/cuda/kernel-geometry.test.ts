import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { chainCases } from "../contract/cases-chains.ts";
import { buildCase } from "../contract/scene.ts";
import type { Scene } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, isOnlyKernels, renderGraph, testTarget } from "./kernel-runner.ts";
import type { RunnerOptions } from "./kernel-runner.ts";
import { kernelShapes } from "./kernel-shapes.ts";

const obstacle = emulatorObstacle();
const largeTarget = { ...testTarget, multiprocessors: 132 };
const variants: readonly (readonly [DType, RunnerOptions])[] = [
  ["f32", { target: testTarget }],
  ["bf16", { target: largeTarget, machine: { reversed: true } }],
  ["f64", { target: largeTarget }],
];

describe.skipIf(obstacle !== null)("who computes what", () => {
  it.each(Object.entries(kernelShapes))("%s", (_, build) => {
    for (const [dtype, options] of variants) {
      const built = buildCase({ build }, dtype);
      expect(isOnlyKernels({ inputs: built.inputs, outputs: built.outputs })).toBe(true);
      expectKernelsAgree(built, {}, options);
    }
  });

  it.each(chainCases.map((spec) => [spec.name, spec] as const))("fused: %s", (_, spec) => {
    let compared = 0;
    for (const dtype of spec.dtypes) {
      const built = buildCase(spec, dtype);
      if (!isOnlyKernels({ inputs: built.inputs, outputs: built.outputs })) continue;
      expectKernelsAgree(built, spec);
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(0);
  });
});

describe("generated functions", () => {
  it("are equal where only the place in a table differs", () => {
    const textOf = (place: number): string => {
      const build = ({ input }: Scene): Node => {
        const [table, x] = [input([8]), input([4096])];
        return b.mul(x, b.expand(b.narrow(table, 0, place, 1), x.shape));
      };
      const { steps } = renderGraph(buildCase({ build }, "f32"));
      return steps.flatMap(({ functions }) => functions)[0].text;
    };
    expect(textOf(3)).toBe(textOf(5));
  });
});
