import { describe, expect, it } from "vitest";
import { input } from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import * as ops from "./ops.ts";

const f32 = (...shape: number[]): Node => input(shape, "f32");
const i32 = (...shape: number[]): Node => input(shape, "i32");

/** What a wrong call of a layer's operation says. */
const messages: readonly (readonly [() => unknown, string])[] = [
  [
    () => ops.maxPool2d(f32(1, 1, 4, 4), 2, { padding: 2 }),
    "maxPool2d: padding must be at most half the kernel, got [2, 2] for [2, 2]",
  ],
  [
    () => ops.maxPool2dWithIndices(f32(1, 1, 2, 2), 3),
    "maxPool2d: kernel must fit into the padded input, got kernel [3, 3] on [1, 1, 2, 2] with padding [0, 0]",
  ],
  [() => ops.lpPool2d(f32(1, 4, 4), 0, 2), "lpPool2d: normType must be above 0, got 0"],
  [
    () => ops.adaptiveMaxPool3d(f32(1, 4, 4, 4), [2, 0, 1]),
    "adaptiveMaxPool3d: outputSize must be 3 integers ≥ 1 or null, got [2,0,1]",
  ],
  [
    () => ops.maxUnpool2d(f32(1, 2, 2), f32(1, 2, 2), 2),
    "maxUnpool2d: indices must be integers, got f32; cast them to i32",
  ],
  [
    () => ops.maxUnpool2d(f32(1, 2, 2), i32(1, 2, 3), 2),
    "maxUnpool2d: indices must have the shape of x, got [1, 2, 3] for [1, 2, 2]",
  ],
  [
    () => ops.maxUnpool1d(f32(1, 1, 3), i32(1, 1, 3), 2, { outputSize: [9] }),
    "maxUnpool1d: outputSize must be 1 sizes within one stride of [6], got [9] with stride [2]",
  ],
  [
    () => ops.fractionalMaxPool2d(f32(1, 2, 5, 5), f32(1, 2, 2), 2, {}),
    "fractionalMaxPool2d: give outputSize or outputRatio, and not both",
  ],
  [
    () => ops.fractionalMaxPool2d(f32(1, 2, 5, 5), f32(1, 2, 2), 2, { outputSize: 5 }),
    "fractionalMaxPool2d: outputSize + kernelSize − 1 must not exceed x [1, 2, 5, 5], got [5, 5] and [2, 2]",
  ],
  [
    () => ops.fractionalMaxPool3d(f32(2, 5, 5, 5), f32(1, 2, 2), 2, { outputRatio: 0.5 }),
    "fractionalMaxPool3d: randomSamples must be [1, 2, 3], got [1, 2, 2]",
  ],
  [
    () => ops.instanceNorm(f32(2, 3, 1)),
    "instanceNorm: needs more than one value per channel, got [2, 3, 1]",
  ],
  [
    () => ops.instanceNorm(f32(2, 3, 4), { useInputStats: false }),
    "instanceNorm: runningMean and runningVar are needed unless useInputStats is true",
  ],
  [
    () => ops.localResponseNorm(f32(2, 3), 2),
    "localResponseNorm: x must have at least 3 dims, got [2, 3]",
  ],
  [
    () => ops.pixelShuffle(f32(6, 2, 2), 2),
    "pixelShuffle: channels must be a multiple of 2², got [6, 2, 2]",
  ],
  [
    () => ops.pixelUnshuffle(f32(1, 3, 4), 2),
    "pixelUnshuffle: height and width must be multiples of 2, got [1, 3, 4]",
  ],
  [
    () => ops.channelShuffle(f32(1, 5, 2), 2),
    "channelShuffle: x must be [N, C, …] with channels a multiple of 2, got [1, 5, 2]",
  ],
  [
    () => ops.bilinear(f32(2, 3), f32(2, 4), f32(5, 4, 3)),
    "bilinear: needs [..., in1], [..., in2] and weight [out, in1, in2], got [2, 3], [2, 4], [5, 4, 3]",
  ],
  [
    () => ops.embedding(i32(2), f32(4, 3), { paddingIdx: 4 }),
    "embedding: paddingIdx must be a row of weight [4, 3], got 4",
  ],
  [
    () => ops.embeddingBag(i32(5), f32(4, 3)),
    "embeddingBag: offsets must come with a flat index and only then, got index [5]",
  ],
  [
    () => ops.embeddingBag(i32(2, 2), f32(4, 3), { perSampleWeights: f32(2, 2) }),
    'embeddingBag: perSampleWeights need mode "sum", got "mean"',
  ],
  [
    () => ops.alphaDropout(f32(2), input([2], "u32"), { p: 2 }),
    "alphaDropout: p must be in [0, 1], got 2",
  ],
];

describe("wrong calls of layers' operations", () => {
  it.each(messages)("%s says %s", (call, text) => {
    expect(call).toThrow(text);
  });
});
