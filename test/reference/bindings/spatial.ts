// Resizing, sampling, blocks and padding.
import * as functional from "../../../src/nn/functional/spatial.ts";
import type { Binding } from "../bindings.ts";

const sizesOf = (value: unknown): number | readonly number[] => value as number | readonly number[];

/** Bindings of the area `spatial`. */
export const spatial: Record<string, Binding> = {
  interpolate: ([x], args) => functional.interpolate(present(x), args),
  gridSample: ([x, grid], args) => functional.gridSample(present(x), present(grid), args),
  affineGrid: ([theta], { size, ...options }) =>
    functional.affineGrid(present(theta), size as readonly number[], options),
  unfoldBlocks: ([x], { kernelSize, ...options }) =>
    functional.unfold(present(x), sizesOf(kernelSize), options),
  fold: ([x], { outputSize, kernelSize, ...options }) =>
    functional.fold(present(x), sizesOf(outputSize), sizesOf(kernelSize), options),
  padImage: ([x], { pad, ...options }) => present(x).pad(pad as readonly number[], options),
};

function present<T>(operand: T | null | undefined): T {
  if (operand == null) throw new Error("fixture: an operand is missing");
  return operand;
}
