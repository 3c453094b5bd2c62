import { realizeValues } from "../engine/realize.ts";
import { currentTrace } from "../engine/trace.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Computes tensors and all pending assignments in one program. A no-op inside jit.
 * @throws {UsageError} if a tensor was disposed.
 */
export async function realize(...tensors: readonly Tensor[]): Promise<void> {
  realizeNow(tensors);
}

/** As `realize`, at once, where the device can. */
export function realizeSync(...tensors: readonly Tensor[]): void {
  realizeNow(tensors);
}

function realizeNow(tensors: readonly Tensor[]): void {
  if (currentTrace() === undefined) realizeValues(tensors.map(({ cell }) => cell.value));
}
