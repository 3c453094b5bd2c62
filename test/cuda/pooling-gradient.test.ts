import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.ts";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import type { Node } from "../../src/ir/node.ts";
import type { MaxPoolOptions } from "../../src/tensor/ops/pooling.ts";
import { maxPool1d, maxPool2d, maxPool3d } from "../../src/tensor/ops/pooling.ts";
import { runGraph } from "../contract/run.ts";
import type { BuiltCase, Scene } from "../contract/scene.ts";
import { buildCase, toNumbers } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, renderGraph } from "./kernel-runner.ts";
import * as ir from "../../src/ir/build.ts";

type Pooling = readonly [readonly number[], number | number[], MaxPoolOptions];

const cases: readonly Pooling[] = [
  [[2, 3, 16, 24], 3, { stride: 2, padding: 1 }],
  [[2, 3, 7, 9], 3, { stride: 2, padding: 1, ceilMode: true }],
  [[1, 2, 8, 9], [3, 2], { stride: [1, 2] }],
  [[1, 2, 9, 7], 3, { stride: 2 }],
  [[2, 3, 33], 5, { stride: 2, padding: 2 }],
  [[1, 2, 6, 6, 8], 3, { stride: 2, padding: 1 }],
];
const pools = [maxPool1d, maxPool2d, maxPool3d];

/** The gradient of Σ pooled · g with respect to x, of which several elements are equal. */
const gradientOf =
  ([shape, size, options]: Pooling, gathers: boolean) =>
  ({ input }: Scene): Node => {
    const x = ir.unary("round", ir.mul(input(shape), ir.full(shape, 3, "f32")));
    const y = pools[shape.length - 3](x, size, options, gathers);
    return gradients(y, input(y.shape), [x])[0] ?? x;
  };

function valuesOf({ inputs, outputs, data }: BuiltCase): number[] {
  const [values] = runGraph(new ReferenceBackend(), { inputs, outputs }, data).outputs;
  return Array.from(toNumbers(outputs[0].dtype, values));
}

describe("gradients of maxima that elements look up", () => {
  it.each(cases)("%j %j %j as by padding", (...pooling) => {
    const looked = valuesOf(buildCase({ build: gradientOf(pooling, true) }, "f32"));
    const padded = valuesOf(buildCase({ build: gradientOf(pooling, false) }, "f32"));
    expect(looked.some((value) => value !== 0)).toBe(true);
    expect(looked.length).toBe(padded.length);
    looked.forEach((value, i) => expect(value).toBeCloseTo(padded[i], 5));
  });

  it.skipIf(emulatorObstacle() !== null).each(cases)("%j %j %j on a card", (...pooling) => {
    const built = buildCase({ build: gradientOf(pooling, true) }, "f32");
    const { plan } = renderGraph({ inputs: built.inputs, outputs: built.outputs });
    expect(plan.steps.every(({ kind }) => kind === "kernel")).toBe(true);
    expectKernelsAgree(built);
  });

  it("have gradients themselves", () => {
    const second =
      (gathers: boolean) =>
      (scene: Scene): Node => {
        const [shape, size, options] = cases[0];
        const x = scene.input(shape);
        const y = maxPool2d(x, size, options, gathers);
        const g = scene.input(y.shape);
        const first = gradients(y, g, [x])[0] ?? x;
        return gradients(first, scene.input(shape), [g])[0] ?? g;
      };
    const looked = valuesOf(buildCase({ build: second(true) }, "f32"));
    const padded = valuesOf(buildCase({ build: second(false) }, "f32"));
    expect(looked.some((value) => value !== 0)).toBe(true);
    looked.forEach((value, i) => expect(value).toBeCloseTo(padded[i], 5));
  });

  it("take two kernels", () => {
    const build = (scene: Scene): Node => {
      const x = scene.input([16, 8, 32, 32]);
      const y = maxPool2d(x, 3, { stride: 2, padding: 1 }, true);
      return gradients(y, scene.input(y.shape), [x])[0] ?? x;
    };
    const built = buildCase({ build }, "bf16");
    const { steps } = renderGraph({ inputs: built.inputs, outputs: built.outputs });
    expect(steps.flatMap(({ functions }) => functions).length).toBe(2);
  });
});
