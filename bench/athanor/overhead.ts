import { Tensor, jit, profile } from "athanor";
import type { MakeWorkload } from "../workload.ts";

const parameterCount = 100;

/**
 * A compiled step over a hundred captured parameters of four floats: almost only what a call costs
 * besides its kernels.
 */
export const manyParameters: MakeWorkload = async () => {
  const parameters = Array.from({ length: parameterCount }, (_, i) =>
    Tensor.from(Float32Array.of(i, 1, 2, 3)),
  );
  const x = Tensor.from(Float32Array.of(1, 2, 3, 4));
  const step = jit((input: Tensor) => {
    for (const parameter of parameters) parameter.assign(parameter.mul(0.5).add(input));
    return input.add(1);
  });
  const run = (): void => step(x).dispose();
  run();
  return {
    run,
    check: async () => (await parameters[0].data())[0],
    facts: async () => {
      for (let i = 0; i < 1000; i++) run();
      let kernels = Infinity;
      for (let i = 0; i < 100; i++) {
        const { milliseconds } = await profile(() => step(x));
        kernels = Math.min(kernels, milliseconds);
      }
      return { "kernels, µs": kernels * 1000 };
    },
  };
};
