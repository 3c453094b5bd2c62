import type { Tensor } from "../../../tensor/tensor.ts";
import { maskedRowSum } from "./masked.ts";
import { requireAbove } from "./option-checks.ts";

/** What RLOO's loss is made of. */
export interface SequencePolicyInputs {
  /** [B, T]. */
  readonly logProbs: Tensor;
  /** Those of the policy that sampled, [B, T]. */
  readonly oldLogProbs: Tensor;
  /** [B]. */
  readonly advantages: Tensor;
  /** bool [B, T]: tokens of the completion. */
  readonly mask: Tensor;
}

/** Options of {@link sequencePolicyLoss}. */
export interface SequencePolicyOptions {
  /** Lower clip. @defaultValue 0.2 */
  readonly epsilon?: number | undefined;
  /** Upper clip. @defaultValue epsilon */
  readonly epsilonHigh?: number | undefined;
}

/**
 * RLOO's loss: mean over completions of −min(ρA, clip(ρ, 1 − ε, 1 + ε_high)A), where ρ is the ratio of
 * the probabilities of *whole* completions. Returns a scalar.
 *
 * @throws {ConfigError} if a clip is not above 0.
 * @see Ahmadian et al. 2024, "Back to Basics", https://arxiv.org/abs/2402.14740
 */
export function sequencePolicyLoss(
  { logProbs, oldLogProbs, advantages, mask }: SequencePolicyInputs,
  { epsilon = 0.2, epsilonHigh = epsilon }: SequencePolicyOptions = {},
): Tensor {
  requireAbove("sequencePolicyLoss", "epsilon", epsilon, 0);
  requireAbove("sequencePolicyLoss", "epsilonHigh", epsilonHigh, 0);
  const ratio = maskedRowSum(logProbs.sub(oldLogProbs.detach()), mask).exp();
  const gain = advantages.detach();
  const clipped = ratio.clamp({ min: 1 - epsilon, max: 1 + epsilonHigh }).mul(gain);
  return ratio.mul(gain).minimum(clipped).mean().neg();
}
