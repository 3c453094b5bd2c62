import type { Tensor } from "../../../tensor/tensor.ts";
import { where } from "../../../tensor/functions.ts";
import type { KlEstimator } from "./kl-estimators.ts";
import { klEstimate } from "./kl-estimators.ts";
import { keepMasked, maskedMean } from "./masked.ts";
import { requireAbove } from "./option-checks.ts";

/** Options of {@link tokenRewards}. */
export interface TokenRewardsOptions {
  /** Price of the divergence from the reference. @defaultValue 0.05 */
  readonly klCoef?: number | undefined;
  /** @defaultValue "k1" */
  readonly klEstimator?: KlEstimator | undefined;
}

/** Rewards of tokens, and what they were made of. */
export interface TokenRewards {
  /** [B, T]; 0 outside of the mask. No gradient. */
  readonly rewards: Tensor;
  /** Estimate of the KL divergence at each token, [B, T]; 0 outside of the mask. */
  readonly kl: Tensor;
}

/**
 * PPO's rewards in RLHF: −klCoef·KL at every token of the response, plus the score of the reward model
 * at its last one. Responses without tokens have no place for a score.
 * Shapes: scores [B], logProbs, referenceLogProbs [B, T], mask bool [B, T].
 *
 * @see Ouyang et al. 2022, "InstructGPT", https://arxiv.org/abs/2203.02155
 */
export function tokenRewards(
  scores: Tensor,
  logProbs: Tensor,
  referenceLogProbs: Tensor,
  mask: Tensor,
  { klCoef = 0.05, klEstimator = "k1" }: TokenRewardsOptions = {},
): TokenRewards {
  const estimate = klEstimate(logProbs.detach(), referenceLogProbs.detach(), klEstimator);
  const kl = keepMasked(estimate, mask);
  const places = mask.to("i32").cumsum(1);
  const isLast = places.eq(places.amax({ dim: 1, keepdim: true })).logicalAnd(mask.to("bool"));
  const scored = where(isLast, scores.detach().unsqueeze(1), 0);
  return { rewards: scored.sub(kl.mul(klCoef)), kl };
}

/** What PPO's policy loss is made of; all [B, T]. */
export interface PolicyLossInputs {
  readonly logProbs: Tensor;
  /** Those of the policy that sampled. */
  readonly oldLogProbs: Tensor;
  readonly advantages: Tensor;
  /** bool: tokens of the response. */
  readonly mask: Tensor;
}

/** Options of {@link ppoPolicyLoss}. */
export interface PolicyLossOptions {
  /** @defaultValue 0.2 */
  readonly cliprange?: number | undefined;
}

/** A policy loss and what PPO reports of it; scalars, the last three without gradient. */
export interface PolicyLoss {
  readonly loss: Tensor;
  /** Part of the tokens whose clipped term was taken. */
  readonly clipFraction: Tensor;
  /** Mean of half the squared log-ratio. */
  readonly approxKl: Tensor;
  /** Mean of the probability ratio: 1 in the first update of a batch. */
  readonly ratio: Tensor;
}

/**
 * PPO's clipped policy loss: mean over tokens of max(−Aρ, −A·clip(ρ, 1 − ε, 1 + ε)), ρ = π/π_old.
 *
 * @throws {ConfigError} if cliprange is not above 0.
 * @see Schulman et al. 2017, "PPO", https://arxiv.org/abs/1707.06347
 */
export function ppoPolicyLoss(
  { logProbs, oldLogProbs, advantages, mask }: PolicyLossInputs,
  { cliprange = 0.2 }: PolicyLossOptions = {},
): PolicyLoss {
  requireAbove("ppoPolicyLoss", "cliprange", cliprange, 0);
  // Padding may hold any number: e^x of it could be infinite.
  const logRatio = keepMasked(logProbs.sub(oldLogProbs.detach()), mask);
  const ratio = logRatio.exp();
  const gain = advantages.detach().neg();
  const plain = gain.mul(ratio);
  const clipped = gain.mul(ratio.clamp({ min: 1 - cliprange, max: 1 + cliprange }));
  return {
    loss: maskedMean(plain.maximum(clipped), mask),
    clipFraction: maskedMean(clipped.gt(plain).to("f32"), mask),
    approxKl: maskedMean(logRatio.detach().square().mul(0.5), mask),
    ratio: maskedMean(ratio.detach(), mask),
  };
}

/** What PPO's value loss is made of; all [B, T]. */
export interface ValueLossInputs {
  readonly values: Tensor;
  /** Those from before the update. */
  readonly oldValues: Tensor;
  readonly returns: Tensor;
  /** bool: tokens of the response. */
  readonly mask: Tensor;
}

/** Options of {@link ppoValueLoss}. */
export interface ValueLossOptions {
  /** How far a value may move from its old one in a batch. @defaultValue 0.2 */
  readonly cliprangeValue?: number | undefined;
}

/** A value loss, and the part of the tokens whose clipped term was taken (no gradient); scalars. */
export interface ValueLoss {
  readonly loss: Tensor;
  readonly clipFraction: Tensor;
}

/**
 * PPO's clipped value loss: half the mean over tokens of max((V − R)², (clip(V, V_old ± ε) − R)²).
 *
 * @throws {ConfigError} if cliprangeValue is not above 0.
 */
export function ppoValueLoss(
  { values, oldValues, returns, mask }: ValueLossInputs,
  { cliprangeValue = 0.2 }: ValueLossOptions = {},
): ValueLoss {
  requireAbove("ppoValueLoss", "cliprangeValue", cliprangeValue, 0);
  const old = oldValues.detach();
  const near = values.maximum(old.sub(cliprangeValue)).minimum(old.add(cliprangeValue));
  const plain = values.sub(returns.detach()).square();
  const clipped = near.sub(returns.detach()).square();
  return {
    loss: maskedMean(plain.maximum(clipped), mask).mul(0.5),
    clipFraction: maskedMean(clipped.gt(plain).to("f32"), mask),
  };
}
