import { ConfigError } from "../../../base/errors.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { keepMasked, maskedRowMean, maskedRowSum, maskLike } from "./masked.ts";

/**
 * Log-probabilities of completions: sums (never means) over the tokens of each, the prompt left out.
 * Shapes: tokenLogProbs [B, T], mask bool [B, T] -> [B].
 */
export function sequenceLogProbs(tokenLogProbs: Tensor, mask: Tensor): Tensor {
  return maskedRowSum(tokenLogProbs, mask);
}

/**
 * Mean log-probability per token of each completion, as SimPO and ORPO need it.
 * Shapes: tokenLogProbs [B, T], mask bool [B, T] -> [B].
 */
export function averageLogProbs(tokenLogProbs: Tensor, mask: Tensor): Tensor {
  return maskedRowMean(tokenLogProbs, mask);
}

/** Number of tokens of each completion: mask bool [B, T] -> f32 [B]. */
export function completionLengths(mask: Tensor): Tensor {
  return mask.to("f32").sum({ dim: 1 });
}

/** Negative log-likelihood per token over all completions: mask bool [B, T] -> []. */
export function meanNll(tokenLogProbs: Tensor, mask: Tensor): Tensor {
  const count = maskLike(mask, tokenLogProbs).sum().clampMin(1);
  return keepMasked(tokenLogProbs, mask).sum().neg().div(count);
}

/**
 * LD-DPO's log-probabilities: tokens beyond the length of the shorter answer of a pair count `alpha`
 * times. Rows i of both tensors are a pair. Shapes: tokenLogProbs [B, T], masks bool [B, T] -> [B].
 *
 * @param otherMask - the mask of the other answers, which says how long they are.
 * @throws {ConfigError} if alpha is not in [0, 1].
 * @see Liu et al. 2024, "Length Desensitization in DPO", https://arxiv.org/abs/2409.06411
 */
export function desensitizedLogProbs(
  tokenLogProbs: Tensor,
  mask: Tensor,
  otherMask: Tensor,
  alpha: number,
): Tensor {
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new ConfigError(
      `desensitizedLogProbs: ldAlpha must be in [0, 1], got ${alpha}; 1 is plain DPO`,
    );
  }
  const places = mask.to("i32").cumsum(1);
  const own = mask.to("i32").sum({ dim: 1, keepdim: true });
  const other = otherMask.to("i32").sum({ dim: 1, keepdim: true });
  const isTail = places.gt(own.minimum(other));
  const kept = keepMasked(tokenLogProbs, mask);
  const weights = maskLike(isTail, kept)
    .mul(alpha - 1)
    .add(1);
  return kept.mul(weights).sum({ dim: 1 });
}

/**
 * WPO's weight of each completion: the probability per token, aligned by $\log \sum_v p_v^2$ so that
 * sampled tokens weigh about 1. No gradient. Multiply those of chosen and rejected for a pair's weight.
 * Shapes: tokenLogProbs, logCollisions [B, T], mask bool [B, T] -> [B].
 *
 * @see Zhou et al. 2024, "WPO", https://arxiv.org/abs/2406.11827, equation 2
 */
export function policyWeights(tokenLogProbs: Tensor, logCollisions: Tensor, mask: Tensor): Tensor {
  return maskedRowMean(tokenLogProbs.detach().sub(logCollisions.detach()), mask).exp();
}
