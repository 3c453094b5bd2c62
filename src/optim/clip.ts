import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";

/** Options of {@link clipGradNorm}. */
export interface ClipGradNormOptions {
  /** Which norm, up to Infinity. @defaultValue 2 */
  readonly normType?: number;
}

/** Clipped gradients and the norm they had before. */
export interface ClippedGradients {
  readonly grads: Tensor[];
  /** The norm of all gradients as one vector, before clipping. */
  readonly totalNorm: Tensor;
}

function requireGradients(owner: string, grads: readonly Tensor[]): void {
  if (grads.length > 0) return;
  throw new ConfigError(`${owner}: at least one gradient is needed, got none`);
}

/** Norm of all gradients as one vector, accumulated in f32 (f64 for f64). */
function totalNormOf(grads: readonly Tensor[], normType: number): Tensor {
  const dtype = grads.some((grad) => grad.dtype === "f64") ? "f64" : "f32";
  const sumOf = (part: (grad: Tensor) => Tensor): Tensor =>
    grads.map((grad) => part(grad.to(dtype)).sum()).reduce((sum, one) => sum.add(one));
  if (normType === Infinity) {
    const largest = grads.map((grad) => grad.to(dtype).abs().amax());
    return largest.reduce((most, one) => most.maximum(one));
  }
  if (normType === 2) return sumOf((grad) => grad.square()).sqrt();
  if (normType === 1) return sumOf((grad) => grad.abs());
  return sumOf((grad) => grad.abs().pow(normType)).pow(1 / normType);
}

/**
 * Scales gradients together so that the norm of all of them is at most `maxNorm`: each is multiplied
 * with $\min(1, maxNorm / (norm + 10^{-6}))$.
 *
 * Differs from PyTorch: gradients are values, so new ones are returned.
 * @throws {ConfigError} if `maxNorm` is negative or `normType` is not positive.
 */
export function clipGradNorm(
  grads: readonly Tensor[],
  maxNorm: number,
  { normType = 2 }: ClipGradNormOptions = {},
): ClippedGradients {
  requireGradients("clipGradNorm", grads);
  requireInRange("clipGradNorm", "maxNorm", maxNorm, { min: 0 });
  requireInRange("clipGradNorm", "normType", normType, { above: 0 });
  const totalNorm = totalNormOf(grads, normType);
  const scale = totalNorm.add(1e-6).reciprocal().mul(maxNorm).minimum(1);
  return { grads: grads.map((grad) => grad.mul(scale.to(grad.dtype))), totalNorm };
}

/** Limits every element of every gradient to [-clipValue, clipValue]. */
export function clipGradValue(grads: readonly Tensor[], clipValue: number): Tensor[] {
  requireInRange("clipGradValue", "clipValue", clipValue, { min: 0 });
  return grads.map((grad) => grad.clamp({ min: -clipValue, max: clipValue }));
}
