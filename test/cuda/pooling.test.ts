import { describe, expect, it } from "vitest";
import * as ir from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, renderGraph } from "./kernel-runner.ts";

/** Maxima of 3 × 3 windows, two apart, with a border: images of neighbouring channels. */
const pooled =
  (shape: readonly number[]) =>
  ({ input }: Scene): Node => {
    const padded = ir.pad(input(shape), [0, 1, 1, 0], [0, 1, 1, 0], -Infinity);
    const windows = { dims: [1, 2], size: [3, 3], stride: [2, 2], dilation: [1, 1] };
    return ir.extremum("reduceMax", ir.window(padded, windows), [4, 5]);
  };

describe("pooling over neighbouring channels", () => {
  it.skipIf(emulatorObstacle() !== null).each([8, 12, 13, 64])("of %i", (channels) => {
    for (const dtype of ["f32", "bf16", "f64"] as const) {
      expectKernelsAgree(buildCase({ build: pooled([2, 17, 20, channels]) }, dtype));
      expectKernelsAgree(buildCase({ build: pooled([8, 32, 32, channels]) }, dtype));
    }
  });

  it("is one thread's work, in vectors", () => {
    const built = buildCase({ build: pooled([16, 32, 32, 64]) }, "bf16");
    const { steps } = renderGraph({ inputs: built.inputs, outputs: built.outputs });
    const [{ text, sharedBytes }] = steps[0].functions;
    expect(text.match(/read_v16\(/g)?.length).toBe(1);
    expect(text.match(/store_v16\(/g)?.length).toBe(1);
    expect(sharedBytes).toBe(0);
  });
});
