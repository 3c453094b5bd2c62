import { ConfigError } from "../../../base/errors.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { where } from "../../../tensor/functions.ts";
import { requireAbove, requireOneOf } from "./option-checks.ts";

/** Names of the losses of {@link ktoLoss}, as TRL has them. */
export type KtoLossType = "kto" | "apo_zero_unpaired";

/** Log-probabilities of B completions that were liked or not; all [B]. */
export interface UnpairedLogProbs {
  /** Summed over the tokens of each completion. */
  readonly logProbs: Tensor;
  readonly referenceLogProbs: Tensor;
  /** bool: whether the completion was liked. */
  readonly labels: Tensor;
  /**
   * Log-probabilities of completions of *other* prompts of the batch, by policy and reference, from
   * which `kto` estimates the KL divergence.
   */
  readonly klLogProbs?: Tensor | undefined;
  readonly referenceKlLogProbs?: Tensor | undefined;
}

/** Options of {@link ktoLoss}. */
export interface KtoLossOptions {
  /** @defaultValue 0.1 */
  readonly beta?: number | undefined;
  /** @defaultValue "kto" */
  readonly lossType?: KtoLossType | undefined;
  /** Weight of liked completions. @defaultValue 1 */
  readonly desirableWeight?: number | undefined;
  /** Weight of the others. @defaultValue 1 */
  readonly undesirableWeight?: number | undefined;
}

/** A loss of single completions. */
export interface KtoLoss {
  /** Mean over the completions, []. */
  readonly loss: Tensor;
  /** One per completion, [B]. */
  readonly losses: Tensor;
  /** $β(\log π - \log π_{ref})$, [B]. No gradient. */
  readonly rewards: Tensor;
  /** The estimate of the KL divergence, at least 0, []. No gradient. */
  readonly kl: Tensor;
}

/**
 * KTO: likes and dislikes without pairs. With r the log-ratio of a completion and z the mean log-ratio
 * of mismatched completions (at least 0): liked 1 − σ(β(r − z)), disliked 1 − σ(β(z − r)).
 * `apo_zero_unpaired` takes z = 0.
 *
 * @throws {ConfigError} for options out of range, or without `klLogProbs` where they are needed.
 * @see Ethayarajh et al. 2024, "KTO", https://arxiv.org/abs/2402.01306, equation 7
 */
export function ktoLoss(given: UnpairedLogProbs, options: KtoLossOptions = {}): KtoLoss {
  const { beta = 0.1, lossType = "kto", desirableWeight = 1, undesirableWeight = 1 } = options;
  requireAbove("ktoLoss", "beta", beta, 0);
  requireOneOf("ktoLoss", "lossType", lossType, ["kto", "apo_zero_unpaired"]);
  const logRatios = given.logProbs.sub(given.referenceLogProbs);
  const kl = lossType === "kto" ? klOf(given) : logRatios.detach().sum().mul(0);
  // 1 − σ(x) = σ(−x), which keeps its digits where σ(x) is almost 1.
  const margins = logRatios.sub(kl).mul(beta);
  const liked = margins.neg().sigmoid().mul(desirableWeight);
  const disliked = margins.sigmoid().mul(undesirableWeight);
  const losses = where(given.labels.to("bool"), liked, disliked);
  return { loss: losses.mean(), losses, rewards: logRatios.detach().mul(beta), kl };
}

function klOf({ klLogProbs, referenceKlLogProbs }: UnpairedLogProbs): Tensor {
  if (klLogProbs !== undefined && referenceKlLogProbs !== undefined) {
    return klLogProbs.sub(referenceKlLogProbs).mean().detach().clampMin(0);
  }
  throw new ConfigError(
    "ktoLoss: kto must have klLogProbs and referenceKlLogProbs, got none; pair every prompt with " +
      'another one\'s completion, or choose lossType: "apo_zero_unpaired"',
  );
}
