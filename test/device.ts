import { Tensor, setDefaultDevice } from "athanor";
import type { FixtureTensor } from "./reference/fixture.ts";

/** Runs the file's tests on the device that ATHANOR_TEST_DEVICE names; call it at the top. */
export function useTestDevice(): void {
  const name = process.env.ATHANOR_TEST_DEVICE;
  if (name !== undefined && name !== "") setDefaultDevice(name);
}

/** Whether `jit` compiles; ATHANOR_JIT=0 runs the suite eagerly, without the tests of jit itself. */
export const isJitOn: boolean = process.env.ATHANOR_JIT !== "0";

/** A fixture tensor on the default device. */
export function fromFixture({ data, shape, dtype }: FixtureTensor): Tensor {
  return Tensor.from(data, shape, { dtype });
}

/** Largest |actual - expected| / max(1, |expected|). */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}
