import { describe, expect, it } from "vitest";
import { DeviceError, UnsupportedOpError } from "../../src/base/errors.ts";
import { ConvolutionExecutor, libraryTensor } from "../../src/backends/cuda/convolution.ts";
import type { ConvolutionCall } from "../../src/compiler/cuda/library-calls.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { LibraryBench } from "./library-bench.ts";

/** One image of 2 channels and 3 × 2 pixels, one output channel, a kernel of 2 × 1. */
const call: ConvolutionCall = {
  kind: "convolution",
  op: "conv",
  dtype: "f32",
  attrs: { stride: [1, 1], padLow: [1, 0], padHigh: [0, 0], dilation: [1, 1], groups: 1 },
  input: { shape: [1, 2, 3, 2], strides: [12, 6, 2, 1] },
  weight: { shape: [1, 2, 2, 1], strides: [4, 2, 1, 1] },
  output: { shape: [1, 1, 3, 2], strides: [6, 6, 2, 1] },
  allowTf32: false,
};
const channelsLast: ConvolutionCall = {
  ...call,
  input: { shape: [1, 2, 3, 2], strides: [12, 1, 4, 2] },
};

const f32 = (values: readonly number[]): { dtype: "f32"; data: Float32Array } => ({
  dtype: "f32",
  data: Float32Array.from(values),
});
const weight = [1, 10, 100, 1000];
// y[p, q] = x[0, p − 1, q] + 10 x[0, p, q] + 100 x[1, p − 1, q] + 1000 x[1, p, q]
const expected = [7010, 8020, 9731, 10842, 11953, 13064];

describe.skipIf(emulatorObstacle() !== null)("convolutions through cuDNN", () => {
  const run = (of: ConvolutionCall, input: readonly number[], shift = 0): number[] => {
    const bench = new LibraryBench();
    const executor = new ConvolutionExecutor(bench.context);
    const operands = [f32(input), f32(weight), f32(new Array<number>(6).fill(0))];
    const result = [...bench.run(executor.prepare(of), operands, 2, shift)];
    executor.dispose();
    bench.dispose();
    return result;
  };

  it("read channels first and channels last, with padding on one side", () => {
    const first = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const last = [1, 7, 2, 8, 3, 9, 4, 10, 5, 11, 6, 12];
    expect(run(call, first)).toEqual(expected);
    expect(run(channelsLast, last)).toEqual(expected);
  });

  it("work on operands that lie at odd addresses", () => {
    expect(run(call, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 4)).toEqual(expected);
  });

  it("refuse dtypes the library lacks, and machines without it", () => {
    const bench = new LibraryBench({ missing: ["cudnn"] });
    const executor = new ConvolutionExecutor(bench.context);
    expect(executor.supports(call)).toBe(false);
    expect(() => executor.prepare(call)).toThrow(DeviceError);
    executor.dispose();
    bench.dispose();
    const complete = new LibraryBench();
    const other = new ConvolutionExecutor(complete.context);
    const bytes = { ...call, dtype: "u8" } as const;
    expect(other.supports(bytes)).toBe(false);
    expect(() => other.prepare(bytes)).toThrow(UnsupportedOpError);
    other.dispose();
    complete.dispose();
  });
});

describe("tensors as cuDNN sees them", () => {
  it("get a second spatial dim", () => {
    const tensor = { shape: [2, 3, 5], strides: [15, 5, 1] };
    expect(libraryTensor(tensor)).toEqual({ shape: [2, 3, 1, 5], strides: [15, 5, 5, 1] });
  });

  it.each([
    ["channels first", [4, 1, 3, 3], [9, 0, 3, 1], [9, 9, 3, 1]],
    ["one pixel, any layout", [4, 8, 1, 1], [8, 1, 0, 0], [8, 1, 1, 1]],
    ["channels last", [4, 8, 1, 5], [40, 1, 0, 8], [40, 1, 40, 8]],
    ["neither", [4, 1, 3, 3], [18, 0, 6, 2], [18, 1, 6, 2]],
  ])("have packed strides at dims of size 1: %s", (_name, shape, strides, tidy) => {
    expect(libraryTensor({ shape, strides })).toEqual({ shape, strides: tidy });
  });
});
