import { logSigmoid } from "../../../nn/functional/activation.ts";
import { where } from "../../../tensor/functions.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { requireAbove, requireOneOf, requireWithin } from "./option-checks.ts";

/** Names of the losses of {@link cpoLoss}, as TRL has them. */
export type CpoLossType = "sigmoid" | "hinge" | "ipo" | "simpo";

/** Log-probabilities of B pairs by the policy alone; [B] each. */
export interface PolicyLogProbs {
  /** Sums over tokens for CPO; means per token for SimPO, ORPO and `ipo`. */
  readonly chosen: Tensor;
  readonly rejected: Tensor;
  /** Mean of −log π over the chosen tokens, []. @defaultValue 0 */
  readonly chosenNll?: Tensor | undefined;
}

/** Options of {@link cpoLoss}. */
export interface CpoLossOptions {
  /** @defaultValue 0.1 */
  readonly beta?: number | undefined;
  /** @defaultValue "sigmoid" */
  readonly lossType?: CpoLossType | undefined;
  /** Probability that a label is wrong. @defaultValue 0 */
  readonly labelSmoothing?: number | undefined;
  /** Margin γ that SimPO demands of the rewards. @defaultValue 0.5 */
  readonly simpoGamma?: number | undefined;
  /** Weight of the likelihood of chosen completions; 0 for SimPO. @defaultValue 1 */
  readonly cpoAlpha?: number | undefined;
  /** AlphaPO's exponent: rewards become (1 − p^−α)/α; 0 is log p. @defaultValue 0 */
  readonly alpha?: number | undefined;
}

/** A loss of pairs that needs no reference. */
export interface ReferenceFreeLoss {
  /** Mean over the pairs plus the weighted likelihood, []. */
  readonly loss: Tensor;
  /** The part of each pair, [B]. */
  readonly losses: Tensor;
  /** β times the (transformed) log-probabilities, [B]. No gradient. */
  readonly chosenRewards: Tensor;
  readonly rejectedRewards: Tensor;
}

/**
 * CPO and, by `lossType: "simpo"`, SimPO: with d the difference of the log-probabilities of chosen and
 * rejected, sigmoid −log σ(βd), hinge max(0, 1 − βd), ipo (d − 1/(2β))², simpo −log σ(βd − γ);
 * plus `cpoAlpha` times the chosen completions' NLL.
 *
 * @throws {ConfigError} for options out of range.
 * @see Xu et al. 2024, "CPO", https://arxiv.org/abs/2401.08417; Meng et al. 2024, "SimPO",
 *   https://arxiv.org/abs/2405.14734; Gupta et al. 2025, "AlphaPO", https://arxiv.org/abs/2501.03884
 */
export function cpoLoss(given: PolicyLogProbs, options: CpoLossOptions = {}): ReferenceFreeLoss {
  const { beta = 0.1, lossType = "sigmoid", labelSmoothing = 0 } = options;
  const { simpoGamma = 0.5, cpoAlpha = 1, alpha = 0 } = options;
  requireAbove("cpoLoss", "beta", beta, 0);
  requireWithin("cpoLoss", "labelSmoothing", labelSmoothing, 0, 0.5);
  requireOneOf("cpoLoss", "lossType", lossType, ["sigmoid", "hinge", "ipo", "simpo"]);
  const chosen = alphaReward(given.chosen, alpha);
  const rejected = alphaReward(given.rejected, alpha);
  const difference = chosen.sub(rejected);
  const scaled = difference.mul(beta);
  const logistic = (x: Tensor): Tensor =>
    logSigmoid(x)
      .mul(labelSmoothing - 1)
      .sub(logSigmoid(x.neg()).mul(labelSmoothing));
  const losses = {
    sigmoid: () => logistic(scaled),
    simpo: () => logistic(scaled.sub(simpoGamma)),
    hinge: () => scaled.neg().add(1).relu(),
    ipo: () => difference.sub(1 / (2 * beta)).square(),
  }[lossType]();
  return {
    loss: withLikelihood(losses.mean(), given.chosenNll, cpoAlpha),
    losses,
    chosenRewards: chosen.detach().mul(beta),
    rejectedRewards: rejected.detach().mul(beta),
  };
}

/** The reward (1 − p^−α)/α, whose limit for α → 0 is log p. */
function alphaReward(logProbs: Tensor, alpha: number): Tensor {
  return alpha === 0 ? logProbs : logProbs.mul(-alpha).exp().neg().add(1).div(alpha);
}

function withLikelihood(loss: Tensor, nll: Tensor | undefined, weight: number): Tensor {
  return nll === undefined || weight === 0 ? loss : loss.add(nll.mul(weight));
}

/** Options of {@link orpoLoss}. */
export interface OrpoLossOptions {
  /** Weight of the odds ratio, the paper's λ. @defaultValue 0.1 */
  readonly beta?: number | undefined;
}

/** {@link ReferenceFreeLoss} with what ORPO reports. */
export interface OrpoLoss extends ReferenceFreeLoss {
  /** Mean of the log odds ratio, []. */
  readonly logOddsChosen: Tensor;
  /** Mean of log σ of it, []. */
  readonly logOddsRatio: Tensor;
}

/**
 * ORPO: NLL of the chosen completions − β log σ(log odds ratio), with odds p/(1 − p) of the
 * *mean* log-probabilities per token.
 *
 * @throws {ConfigError} if beta is not above 0.
 * @see Hong et al. 2024, "ORPO", https://arxiv.org/abs/2403.07691
 */
export function orpoLoss(given: PolicyLogProbs, { beta = 0.1 }: OrpoLossOptions = {}): OrpoLoss {
  requireAbove("orpoLoss", "beta", beta, 0);
  const { chosen, rejected, chosenNll } = given;
  const logOdds = chosen.sub(rejected).sub(log1mExp(chosen).sub(log1mExp(rejected)));
  const ratio = logSigmoid(logOdds);
  const losses = ratio.mul(-beta);
  return {
    loss: withLikelihood(losses.mean(), chosenNll, 1),
    losses,
    chosenRewards: chosen.detach().mul(beta),
    rejectedRewards: rejected.detach().mul(beta),
    logOddsChosen: logOdds.detach().mean(),
    logOddsRatio: ratio.detach().mean(),
  };
}

/** log(1 − e^x) for x < 0, with all digits on both sides of −log 2. */
function log1mExp(x: Tensor): Tensor {
  const isNear = x.gt(-Math.LN2);
  // Each branch gets arguments at which it is finite, or its gradient would be NaN where it is unused.
  const near = x.maskedFill(isNear.logicalNot(), -Math.LN2).expm1().neg().log();
  const far = x.maskedFill(isNear, -Math.LN2).exp().neg().log1p();
  return where(isNear, near, far);
}
