import type { Tensor } from "../../../tensor/tensor.ts";

/** Estimators of KL(π‖π_ref) from samples of π. */
export type KlEstimator = "k1" | "k2" | "k3";

/**
 * Per-token estimates of KL(π‖π_ref) at tokens that π sampled, with $d = \log π_{ref} - \log π$:
 * k1 = −d (unbiased, may be negative), k2 = d²/2 (biased, low variance), k3 = e^d − 1 − d (unbiased,
 * never negative). All tensors have one shape.
 *
 * @see Schulman 2020, "Approximating KL Divergence", http://joschu.net/blog/kl-approx.html
 */
export function klEstimate(
  logProbs: Tensor,
  referenceLogProbs: Tensor,
  estimator: KlEstimator = "k1",
): Tensor {
  const difference = referenceLogProbs.sub(logProbs);
  return estimators[estimator](difference);
}

const estimators: Readonly<Record<KlEstimator, (difference: Tensor) => Tensor>> = {
  k1: (difference) => difference.neg(),
  k2: (difference) => difference.square().mul(0.5),
  k3: (difference) => difference.exp().sub(1).sub(difference),
};
