import { Tensor, jit } from "athanor";
import * as nn from "athanor/nn";
import { rms, uniform } from "../inputs.ts";
import { upsampleShape } from "../workload.ts";
import type { MakeWorkload, Workload } from "../workload.ts";

/** A compiled function of tensors that stay on the device; each result is freed unread. */
function compiled(fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Workload {
  const step = jit(fn);
  return {
    run: () => step(...inputs).dispose(),
    check: async () => {
      using result = step(...inputs);
      return rms(await result.data());
    },
  };
}

const input = (shape: readonly number[], seed: number, scale = 1): Tensor =>
  Tensor.from(
    uniform(
      shape.reduce((product, size) => product * size, 1),
      seed,
      scale,
    ),
    [...shape],
  );

/** Product of two square matrices. */
export function gemm(size: number): MakeWorkload {
  const operands = [1, 2].map((seed) => () => input([size, size], seed));
  return async () =>
    compiled(
      (a, b) => a.matmul(b),
      operands.map((make) => make()),
    );
}

/** relu(1.5 x + 0.3)² of 4M floats. */
export const chain: MakeWorkload = async () =>
  compiled((x) => x.mul(1.5).add(0.3).relu().square(), [input([4_194_304], 1)]);

/** Softmax of 4096 rows of 1024. */
export const softmax: MakeWorkload = async () =>
  compiled((x) => x.softmax(-1), [input([4096, 1024], 1, 4)]);

/** Layer normalisation of 4096 rows of 1024. */
export const layerNorm: MakeWorkload = async () =>
  compiled(
    (x, weight, bias) => nn.functional.layerNorm(x, 1024, { weight, bias }),
    [input([4096, 1024], 1, 4), input([1024], 2), input([1024], 3)],
  );

/** 64 filters of 3×3 over 8×64×56×56, padded by 1. */
export const conv: MakeWorkload = async () =>
  compiled(
    (x, weight) => nn.functional.conv2d(x, weight, null, { padding: 1 }),
    [input([8, 64, 56, 56], 1), input([64, 64, 3, 3], 2)],
  );

/** Bilinear upsampling to twice the height and width. */
export const upsample: MakeWorkload = async () =>
  compiled(
    (x) => nn.functional.interpolate(x, { scaleFactor: 2, mode: "bilinear" }),
    [input(upsampleShape, 1)],
  );
