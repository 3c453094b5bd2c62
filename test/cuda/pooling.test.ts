import { describe, expect, it } from "vitest";
import * as ir from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, renderGraph } from "./kernel-runner.ts";

/** The same of images whose columns are neighbours. */
const pooledPlanes =
  (shape: readonly number[]) =>
  ({ input }: Scene): Node => {
    const padded = ir.pad(input(shape), [0, 0, 1, 1], [0, 0, 1, 1], -Infinity);
    const windows = { dims: [2, 3], size: [3, 3], stride: [2, 2], dilation: [1, 1] };
    return ir.extremum("reduceMax", ir.window(padded, windows), [4, 5]);
  };

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
      for (const shape of [
        [2, 17, 20, channels],
        [8, 32, 32, channels],
      ]) {
        const built = buildCase({ build: pooled(shape) }, dtype);
        expect(() => expectKernelsAgree(built)).not.toThrow();
      }
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

  it("stores words where neighbours read every other element", () => {
    const built = buildCase({ build: pooledPlanes([16, 8, 32, 32]) }, "bf16");
    const { steps } = renderGraph({ inputs: built.inputs, outputs: built.outputs });
    const [{ text }] = steps[0].functions;
    expect(text).toMatch(/store_v4\(/);
    expect(text).not.toMatch(/store_v16\(/);
    expectKernelsAgree(built);
  });
});
