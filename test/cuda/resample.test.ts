import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { InterpolateOptions } from "../../src/tensor/ops/interpolate.ts";
import { interpolate } from "../../src/tensor/ops/interpolate.ts";
import { runGraph } from "../contract/run.ts";
import type { BuiltCase, Scene } from "../contract/scene.ts";
import { buildCase, toNumbers } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, renderGraph } from "./kernel-runner.ts";

const obstacle = emulatorObstacle();

type Resizing = readonly [readonly number[], InterpolateOptions];

const cases: readonly Resizing[] = [
  [[2, 3, 32, 64], { scaleFactor: 2, mode: "bilinear" }],
  [[2, 3, 32, 64], { scaleFactor: 2, mode: "bicubic" }],
  [[1, 2, 5, 7], { scaleFactor: 2, mode: "bilinear" }],
  [[1, 2, 5, 7], { scaleFactor: [4, 3], mode: "bicubic" }],
  [[1, 2, 5, 8], { scaleFactor: 4, mode: "bilinear", alignCorners: true }],
  [[1, 3, 50, 50], { size: [77, 84], mode: "bilinear" }],
  [[1, 3, 50, 50], { size: [78, 88], mode: "bicubic" }],
  [[1, 2, 40, 33], { size: [13, 16], mode: "bilinear" }],
  [[1, 2, 10, 20], { scaleFactor: 1.8, mode: "bilinear" }],
  [[1, 2, 10, 20], { scaleFactor: 1.2345678, mode: "bicubic" }],
  [[1, 2, 9, 1], { size: [1, 8], mode: "bilinear", alignCorners: true }],
  [[2, 3, 8192], { scaleFactor: 2, mode: "linear" }],
  [[1, 2, 16, 16, 32], { scaleFactor: 2, mode: "trilinear" }],
  [[1, 1, 3, 4, 6], { size: [5, 6, 8], mode: "trilinear" }],
];

const resized =
  ([shape, options]: Resizing, gathers: boolean) =>
  ({ input }: Scene): Node =>
    interpolate(input(shape), options, gathers);

function valuesOf({ inputs, outputs, data }: BuiltCase): number[] {
  const [values] = runGraph(new ReferenceBackend(), { inputs, outputs }, data).outputs;
  return Array.from(toNumbers(outputs[0].dtype, values));
}

describe("images resized by lookups", () => {
  it.each(cases)("%j %j as by views", (...resizing) => {
    const looked = valuesOf(buildCase({ build: resized(resizing, true) }, "f32"));
    const composed = valuesOf(buildCase({ build: resized(resizing, false) }, "f32"));
    expect(looked.length).toBe(composed.length);
    const difference = looked.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - composed[i])),
      0,
    );
    expect(difference).toBeLessThan(1e-5);
  });

  const dtypes: readonly DType[] = ["f32", "bf16", "f64"];
  it.skipIf(obstacle !== null).each(cases)("%j %j in one kernel", (...resizing) => {
    for (const dtype of dtypes) {
      const built = buildCase({ build: resized(resizing, true) }, dtype);
      const { steps } = renderGraph({ inputs: built.inputs, outputs: built.outputs });
      expect(steps.flatMap(({ functions }) => functions).length).toBe(1);
      expectKernelsAgree(built);
    }
  });

  it("load once what eight results share, and store vectors", () => {
    const build = resized([[2, 3, 64, 64], { scaleFactor: 2, mode: "bilinear" }], true);
    const built = buildCase({ build }, "f32");
    const { steps } = renderGraph({ inputs: built.inputs, outputs: built.outputs });
    const [{ text }] = steps[0].functions;
    // Four columns in three lines, for two lines of four.
    expect(text.match(/read_f32\(/g)?.length).toBe(12);
    expect(text.match(/store_v16\(/g)?.length).toBe(2);
    expect(text).not.toMatch(/checked_index|safe_index|store_f32|div_|rem_/);
  });
});
