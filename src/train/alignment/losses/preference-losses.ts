import { logSigmoid } from "../../../nn/functional/activation.ts";
import type { Tensor } from "../../../tensor/tensor.ts";

/** Names of the losses of {@link preferenceLoss}, as TRL has them. */
export type PreferenceLossType =
  | "sigmoid"
  | "hinge"
  | "ipo"
  | "exo_pair"
  | "nca_pair"
  | "robust"
  | "bco_pair"
  | "sppo_hard"
  | "aot"
  | "aot_unpaired"
  | "apo_zero"
  | "apo_down"
  | "discopop"
  | "sigmoid_norm"
  | "sft";

/** What the losses of pairs are made of; all [B] unless it says otherwise. */
export interface PairScores {
  /** $\log π - \log π_{ref}$ of the chosen completions. */
  readonly chosenLogRatios: Tensor;
  readonly rejectedLogRatios: Tensor;
  /** The same, seen through the f-divergence. */
  readonly chosenScores: Tensor;
  readonly rejectedScores: Tensor;
  /** $\log π_w - \log π_l$, of the policy and of the reference. */
  readonly logRatios: Tensor;
  readonly referenceLogRatios: Tensor;
  /** Scores divided by the number of tokens. Throws if lengths were not given. */
  averageScores(): { readonly chosen: Tensor; readonly rejected: Tensor };
  /** Mean over the tokens of the chosen completions of −log π, []. Throws if there is no way to know. */
  chosenNll(): Tensor;
}

/** Numbers in the losses. */
export interface PairSettings {
  readonly beta: number;
  readonly labelSmoothing: number;
  readonly discopopTau: number;
}

type PairLoss = (scores: PairScores, settings: PairSettings) => Tensor;

const delta = ({ chosenScores, rejectedScores }: PairScores): Tensor =>
  chosenScores.sub(rejectedScores);

/** −log σ(x), with a share ε of −log σ(−x) for labels that may be wrong. */
function smoothedLogistic(x: Tensor, smoothing: number): Tensor {
  const right = logSigmoid(x).neg();
  if (smoothing === 0) return right;
  return right.mul(1 - smoothing).sub(logSigmoid(x.neg()).mul(smoothing));
}

const sorted = (x: Tensor): Tensor => x.sort({ dim: 0 }).values;

/**
 * One loss per pair, [B]. Below, h is the difference of the scores of chosen and rejected, w and l are
 * the log-ratios of each, ε the label smoothing.
 */
export const preferenceLosses: Readonly<Record<PreferenceLossType, PairLoss>> = {
  /**
   * DPO: −log σ(βh); with ε, cDPO: −(1−ε) log σ(βh) − ε log σ(−βh).
   * Rafailov et al. 2023, https://arxiv.org/abs/2305.18290; Mitchell 2023, https://ericmitchell.ai/cdpo.pdf
   */
  sigmoid: (scores, { beta, labelSmoothing }) =>
    smoothedLogistic(delta(scores).mul(beta), labelSmoothing),

  /** max(0, 1 − βh). Zhao et al. 2023 (SLiC), https://arxiv.org/abs/2305.10425 */
  hinge: (scores, { beta }) => delta(scores).mul(-beta).add(1).relu(),

  /** (h̄ − 1/(2β))², h̄ of scores per token. Azar et al. 2023, https://arxiv.org/abs/2310.12036 */
  ipo: (scores, { beta }) => {
    const { chosen, rejected } = scores.averageScores();
    return chosen
      .sub(rejected)
      .sub(1 / (2 * beta))
      .square();
  },

  /**
   * KL((σ(βh), σ(−βh)) ‖ (1−ε, ε)). Ji et al. 2024 (EXO), https://arxiv.org/abs/2402.00856, equation 16
   */
  exo_pair: (scores, { beta, labelSmoothing }) => {
    const x = delta(scores).mul(beta);
    const won = x.sigmoid().mul(logSigmoid(x).sub(Math.log1p(-labelSmoothing)));
    const lost = x
      .neg()
      .sigmoid()
      .mul(logSigmoid(x.neg()).sub(Math.log(labelSmoothing)));
    return won.add(lost);
  },

  /**
   * −log σ(βw) − ½ log σ(−βw) − ½ log σ(−βl). Chen et al. 2024, https://arxiv.org/abs/2402.05369
   */
  nca_pair: ({ chosenLogRatios, rejectedLogRatios }, { beta }) => {
    const chosen = chosenLogRatios.mul(beta);
    const kept = logSigmoid(chosen.neg()).add(logSigmoid(rejectedLogRatios.mul(-beta)));
    return logSigmoid(chosen).neg().sub(kept.mul(0.5));
  },

  /**
   * (−(1−ε) log σ(βh) + ε log σ(−βh)) / (1−2ε): unbiased under labels that flip with probability ε.
   * Chowdhury et al. 2024, https://arxiv.org/abs/2403.00409
   */
  robust: (scores, { beta, labelSmoothing }) => {
    const x = delta(scores).mul(beta);
    const clean = logSigmoid(x).mul(labelSmoothing - 1);
    const flipped = logSigmoid(x.neg()).mul(labelSmoothing);
    return clean.add(flipped).div(1 - 2 * labelSmoothing);
  },

  /** −log σ(βw) − log σ(−βl). Jung et al. 2024 (BCO), https://arxiv.org/abs/2404.04656 */
  bco_pair: ({ chosenLogRatios, rejectedLogRatios }, { beta }) =>
    logSigmoid(chosenLogRatios.mul(beta))
      .add(logSigmoid(rejectedLogRatios.mul(-beta)))
      .neg(),

  /**
   * (w − 1/(2β))² + (l + 1/(2β))²: the chosen one wins for certain. Wu et al. 2024 (SPPO),
   * https://arxiv.org/abs/2405.00675
   */
  sppo_hard: ({ chosenLogRatios, rejectedLogRatios }, { beta }) => {
    const half = 0.5 / beta;
    return chosenLogRatios.sub(half).square().add(rejectedLogRatios.add(half).square());
  },

  /**
   * Cross-entropy of β times the differences of the *sorted* margins of policy and reference: the
   * whole distribution of margins shall be better. Melnyk et al. 2024, https://arxiv.org/abs/2406.05882
   */
  aot: ({ logRatios, referenceLogRatios }, { beta, labelSmoothing }) =>
    smoothedLogistic(sorted(logRatios).sub(sorted(referenceLogRatios)).mul(beta), labelSmoothing),

  /** As aot, of the sorted log-ratios of chosen and rejected, which need no pairs. */
  aot_unpaired: ({ chosenLogRatios, rejectedLogRatios }, { beta, labelSmoothing }) =>
    smoothedLogistic(
      sorted(chosenLogRatios).sub(sorted(rejectedLogRatios)).mul(beta),
      labelSmoothing,
    ),

  /**
   * 1 − σ(βw) + σ(βl): for chosen answers that are better than the model's own. D'Oosterlinck et al.
   * 2024 (APO), https://arxiv.org/abs/2408.06266, equation 7
   */
  apo_zero: ({ chosenLogRatios, rejectedLogRatios }, { beta }) =>
    rejectedLogRatios.mul(beta).sigmoid().sub(chosenLogRatios.mul(beta).sigmoid()).add(1),

  /** σ(βw) + 1 − σ(β(w − l)): for chosen answers that are worse than the model's own. Equation 8 */
  apo_down: ({ chosenLogRatios, rejectedLogRatios }, { beta }) => {
    const margin = chosenLogRatios.sub(rejectedLogRatios).mul(beta);
    return chosenLogRatios.mul(beta).sigmoid().sub(margin.sigmoid()).add(1);
  },

  /**
   * (1 − m)·(−log σ(βh)) + m·e^(−βh) with m = σ(βh/τ). Lu et al. 2024 (DiscoPOP),
   * https://arxiv.org/abs/2406.08414, equation 5
   */
  discopop: (scores, { beta, discopopTau }) => {
    const x = delta(scores).mul(beta);
    const blend = x.div(discopopTau).sigmoid();
    const logistic = logSigmoid(x).neg();
    return logistic.add(x.neg().exp().sub(logistic).mul(blend));
  },

  /** −log σ(βh̄), h̄ of scores per token: DPO without the advantage of length. */
  sigmoid_norm: (scores, { beta }) => {
    const { chosen, rejected } = scores.averageScores();
    return logSigmoid(chosen.sub(rejected).mul(beta)).neg();
  },

  /** Cross-entropy of the chosen completions, per token. `["sigmoid", "sft"]` is RPO. */
  sft: (scores) => scores.chosenNll().expand(scores.chosenLogRatios.shape),
};
