import { ConfigError, ShapeError, UsageError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";

/** Options of {@link clipGradNorm}. */
export interface ClipGradNormOptions {
  /** Which norm, up to Infinity. @defaultValue 2 */
  readonly normType?: number;
  /**
   * Whether to throw when the norm is NaN or infinite. It is read for that at once; inside jit, where
   * it cannot be, use the optimizer's `skipNonFinite`. @defaultValue false
   */
  readonly errorIfNonfinite?: boolean;
}

/** Clipped gradients and the norm they had before; null entries stay. */
export interface ClippedGradients<T extends Tensor | null = Tensor> {
  readonly grads: T[];
  /** The norm of all gradients as one vector, before clipping. */
  readonly totalNorm: Tensor;
}

function mapGradients<T extends Tensor | null>(
  grads: readonly T[],
  change: (grad: Tensor, index: number) => Tensor,
): T[] {
  return grads.map((grad, i) => (grad === null ? grad : (change(grad, i) as T)));
}

/**
 * Norm of all gradients as one vector, accumulated in f32 (f64 for f64); null entries do not count.
 * @throws {ConfigError} if there is no gradient, or `normType` is not positive.
 */
export function getTotalNorm(
  grads: readonly (Tensor | null)[],
  { normType = 2 }: { readonly normType?: number } = {},
): Tensor {
  requireInRange("getTotalNorm", "normType", normType, { above: 0 });
  const present = grads.filter((grad) => grad !== null && grad.numel > 0) as Tensor[];
  if (present.length === 0) {
    throw new ConfigError("getTotalNorm: at least one gradient is needed, got none");
  }
  const dtype = present.some((grad) => grad.dtype === "f64") ? "f64" : "f32";
  const sumOf = (part: (grad: Tensor) => Tensor): Tensor =>
    present.map((grad) => part(grad.to(dtype)).sum()).reduce((sum, one) => sum.add(one));
  if (normType === Infinity) {
    const largest = present.map((grad) => grad.to(dtype).abs().amax());
    return largest.reduce((most, one) => most.maximum(one));
  }
  if (normType === 2) return sumOf((grad) => grad.square()).sqrt();
  if (normType === 1) return sumOf((grad) => grad.abs());
  return sumOf((grad) => grad.abs().pow(normType)).pow(1 / normType);
}

/** Scales gradients by $\min(1, maxNorm / (totalNorm + 10^{-6}))$, for a norm that is known already. */
export function clipGradsWithNorm<T extends Tensor | null>(
  grads: readonly T[],
  maxNorm: number,
  totalNorm: Tensor,
): T[] {
  requireInRange("clipGradsWithNorm", "maxNorm", maxNorm, { min: 0 });
  const scale = totalNorm.add(1e-6).reciprocal().mul(maxNorm).minimum(1);
  return mapGradients(grads, (grad) => grad.mul(scale.to(grad.dtype)));
}

/**
 * Scales gradients together so that the norm of all of them is at most `maxNorm`: each is multiplied
 * with $\min(1, maxNorm / (norm + 10^{-6}))$.
 *
 * Differs from PyTorch: gradients are values, so new ones are returned.
 * @throws {ConfigError} if `maxNorm` is negative or `normType` is not positive; {UsageError} if the norm
 * is not finite and that was to be an error.
 * @example const { grads, totalNorm } = clipGradNorm(grad(loss, parameters), 1);
 */
export function clipGradNorm<T extends Tensor | null>(
  grads: readonly T[],
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: ClipGradNormOptions = {},
): ClippedGradients<T> {
  requireInRange("clipGradNorm", "maxNorm", maxNorm, { min: 0 });
  requireInRange("clipGradNorm", "normType", normType, { above: 0 });
  const totalNorm = getTotalNorm(grads, { normType });
  if (errorIfNonfinite) requireFinite(totalNorm, normType);
  return { grads: clipGradsWithNorm(grads, maxNorm, totalNorm), totalNorm };
}

function requireFinite(totalNorm: Tensor, normType: number): void {
  const norm = totalNorm.itemSync();
  if (Number.isFinite(norm)) return;
  throw new UsageError(
    `clipGradNorm: the norm of order ${normType} must be finite, got ${norm}; a gradient holds NaN or ` +
      "an infinity: lower the learning rate, or leave such steps out with skipNonFinite",
  );
}

/**
 * Limits every element of every gradient to [-clipValue, clipValue].
 * @throws {ConfigError} if `clipValue` is negative.
 */
export function clipGradValue<T extends Tensor | null>(
  grads: readonly T[],
  clipValue: number,
): T[] {
  requireInRange("clipGradValue", "clipValue", clipValue, { min: 0 });
  return mapGradients(grads, (grad) => grad.clamp({ min: -clipValue, max: clipValue }));
}

/** Options of {@link clipGradUnits}. */
export interface ClipGradUnitsOptions {
  /** Largest norm of a unit's gradient, relative to the unit's own. @defaultValue 0.01 */
  readonly clipFactor?: number;
  /** Least norm a unit counts with, so that units of zeros can learn. @defaultValue 1e-3 */
  readonly eps?: number;
}

/** Norm over all but the first dim, which stays; of vectors over the whole. */
function unitNorm(x: Tensor): Tensor {
  if (x.ndim < 2) return x.square().sum().sqrt();
  const dim = x.shape.map((_, i) => i).slice(1);
  return x.square().sum({ dim, keepdim: true }).sqrt();
}

/**
 * Adaptive gradient clipping, unit by unit: where the gradient of an output unit (a row of a matrix, a
 * filter of a convolution, a whole vector) is larger than `clipFactor` times the unit itself, it is
 * scaled down to that. $G_i ← λ \max(‖W_i‖, ε) / ‖G_i‖ · G_i$ where $‖G_i‖ > λ \max(‖W_i‖, ε)$.
 * @throws {ShapeError} if gradients and parameters do not match.
 * @see Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without Normalization",
 * section 4, https://arxiv.org/abs/2102.06171
 */
export function clipGradUnits<T extends Tensor | null>(
  grads: readonly T[],
  parameters: readonly Tensor[],
  { clipFactor = 0.01, eps = 1e-3 }: ClipGradUnitsOptions = {},
): T[] {
  requireInRange("clipGradUnits", "clipFactor", clipFactor, { min: 0 });
  requireInRange("clipGradUnits", "eps", eps, { min: 0 });
  const shapes = (list: readonly (Tensor | null)[]): string =>
    list.map((x, i) => `[${(x ?? parameters[i]).shape.join(", ")}]`).join(" ");
  if (grads.length !== parameters.length || shapes(grads) !== shapes(parameters)) {
    throw new ShapeError("clipGradUnits: gradients must have the shapes of their parameters");
  }
  return mapGradients(grads, (grad, i) => {
    const dtype = grad.dtype === "f64" ? "f64" : "f32";
    const wide = grad.to(dtype);
    const norm = unitNorm(wide);
    const most = unitNorm(parameters[i].to(dtype)).maximum(eps).mul(clipFactor);
    const clipped = wide.mul(most.div(norm.maximum(1e-6)));
    return wide.where(norm.lt(most), clipped).to(grad.dtype);
  });
}
