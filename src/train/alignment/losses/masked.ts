import type { Tensor } from "../../../tensor/tensor.ts";

/** Numbers 1 and 0 in the dtype of `like`, of a mask of bools or numbers. */
export function maskLike(mask: Tensor, like: Tensor): Tensor {
  return mask.to(like.dtype);
}

/** Sum over dim 1 of what the mask selects: [B, T] -> [B]. What it leaves out may be NaN. */
export function maskedRowSum(values: Tensor, mask: Tensor): Tensor {
  return keepMasked(values, mask).sum({ dim: 1 });
}

/** Mean over dim 1 of what the mask selects; 0 for rows where it selects nothing: [B, T] -> [B]. */
export function maskedRowMean(values: Tensor, mask: Tensor): Tensor {
  const counts = maskLike(mask, values).sum({ dim: 1 }).clampMin(1);
  return maskedRowSum(values, mask).div(counts);
}

/** Mean of all that the mask selects; 0 where that is nothing. Shapes: values and mask [B, T] -> []. */
export function maskedMean(values: Tensor, mask: Tensor): Tensor {
  return keepMasked(values, mask).sum().div(maskLike(mask, values).sum().clampMin(1));
}

/** The values where the mask holds, else 0: a NaN in the padding stays there. */
export function keepMasked(values: Tensor, mask: Tensor): Tensor {
  return values.maskedFill(mask.to("bool").logicalNot(), 0);
}

/** Options of {@link maskedWhiten}. */
export interface WhitenOptions {
  /** Whether the mean becomes 0; otherwise it stays, as for rewards. @defaultValue true */
  readonly shiftMean?: boolean | undefined;
  /** Added to the variance. @defaultValue 1e-8 */
  readonly eps?: number | undefined;
}

/**
 * Values of variance 1 over all that the mask selects: $(x - μ) / \sqrt{σ² + ε}$ (+ μ if it shall
 * stay), with the unbiased variance. What the mask leaves out becomes 0. A single selected value has
 * no variance; it only loses its mean. Shapes: [B, T], mask [B, T] -> [B, T].
 */
export function maskedWhiten(values: Tensor, mask: Tensor, options: WhitenOptions = {}): Tensor {
  const { shiftMean = true, eps = 1e-8 } = options;
  const mean = maskedMean(values, mask);
  const centred = keepMasked(values.sub(mean), mask);
  const count = maskLike(mask, values).sum();
  const variance = centred.square().sum().div(count.sub(1).clampMin(1));
  const white = centred.mul(variance.add(eps).rsqrt());
  return shiftMean ? white : keepMasked(white.add(mean), mask);
}
