import { ConfigError } from "../../../base/errors.ts";
import { where } from "../../../tensor/functions.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { klEstimate } from "./kl-estimators.ts";
import { keepMasked, maskedMean, maskedRowMean, maskedRowSum, maskLike } from "./masked.ts";
import { requireAbove, requireOneOf } from "./option-checks.ts";
import { vespoWeights } from "./vespo.ts";

/** Names of the losses of {@link groupPolicyLoss}, as TRL has them. */
export type GroupLossType =
  | "dapo"
  | "grpo"
  | "dr_grpo"
  | "bnpo"
  | "cispo"
  | "sapo"
  | "luspo"
  | "vespo";

const groupLossTypes: readonly GroupLossType[] = [
  "dapo",
  "grpo",
  "dr_grpo",
  "bnpo",
  "cispo",
  "sapo",
  "luspo",
  "vespo",
];

/** What the losses are made of. */
export interface GroupPolicyInputs {
  /** [B, T]. */
  readonly logProbs: Tensor;
  /** Those of the policy that sampled, [B, T]. @defaultValue logProbs without gradient */
  readonly oldLogProbs?: Tensor | undefined;
  /** Those of the reference, [B, T]; needed with `beta`. */
  readonly referenceLogProbs?: Tensor | undefined;
  /** [B], or [B, T] for advantages of tokens. */
  readonly advantages: Tensor;
  /** bool [B, T]: tokens of the completion that the policy wrote. */
  readonly mask: Tensor;
  /** Entropies by which `topEntropyQuantile` chooses tokens: [B, T]. */
  readonly entropies?: Tensor | undefined;
  /**
   * Tokens in all batches of the optimizer step, []: what `dapo`, `cispo` and `vespo` divide by.
   * @defaultValue those of this batch
   */
  readonly numItemsInBatch?: Tensor | number | undefined;
}

/** Options of {@link groupPolicyLoss}, named as in TRL. */
export interface GroupPolicyOptions {
  /** @defaultValue "dapo" */
  readonly lossType?: GroupLossType | undefined;
  /** Lower clip. @defaultValue 0.2 */
  readonly epsilon?: number | undefined;
  /** Upper clip; for `cispo` the bound of the ratio itself. @defaultValue epsilon */
  readonly epsilonHigh?: number | undefined;
  /** Bound of the unclipped ratio, above 1 + epsilonHigh. @defaultValue none */
  readonly delta?: number | undefined;
  /** Price of the KL divergence from the reference (k3). @defaultValue 0 */
  readonly beta?: number | undefined;
  /** Whether KL estimates are weighted by the ratio. @defaultValue false */
  readonly useBiasCorrectionKl?: boolean | undefined;
  /** Ratios of tokens, or one per completion (GSPO). @defaultValue "token" */
  readonly importanceSamplingLevel?: "token" | "sequence" | undefined;
  /** What `dr_grpo` divides by, in tokens. @defaultValue T */
  readonly maxCompletionLength?: number | undefined;
  /** SAPO's temperatures. @defaultValue 1 and 1.05 */
  readonly sapoTemperaturePos?: number | undefined;
  readonly sapoTemperatureNeg?: number | undefined;
  /** VESPO's exponents and rates. @defaultValue 2, 3, 3, 2 */
  readonly vespoKPos?: number | undefined;
  readonly vespoLambdaPos?: number | undefined;
  readonly vespoKNeg?: number | undefined;
  readonly vespoLambdaNeg?: number | undefined;
  /** Part of the tokens, those of highest entropy, that learn. @defaultValue 1 */
  readonly topEntropyQuantile?: number | undefined;
  /**
   * Completions of negative advantage whose mean log-ratio old − new is above this do not learn.
   * @defaultValue none
   */
  readonly offPolicyMaskThreshold?: number | undefined;
}

/** A loss and TRL's metrics of it (scalars without gradient). */
export interface GroupPolicyLoss {
  readonly loss: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
}

/** The ratio ρ of policy and sampler and what goes with it. */
interface Ratios {
  readonly settings: Settings;
  readonly logProbs: Tensor;
  readonly logRatio: Tensor;
  /** [B, T], or [B, 1] at the level of sequences. */
  readonly ratio: Tensor;
  /** [B, 1] or [B, T]. */
  readonly advantages: Tensor;
  readonly mask: Tensor;
}

/**
 * GRPO and its family. With ρ = π/π_old of tokens or completions and A the advantage, the loss of a
 * token is
 * - `grpo`, `dapo`, `dr_grpo`, `bnpo`, `luspo`: −min(ρA, clip(ρ, 1 − ε, 1 + ε_high)A);
 * - `cispo`: −sg[min(ρ, ε_high)]·A·log π;
 * - `sapo`: −(4/τ)σ(τ(ρ − 1))·A, with a temperature τ for each sign of A;
 * - `vespo`: −sg[φ(w)]·A·log π, with w the ratio of the completion;
 *
 * plus β times the k3 estimate of KL(π‖π_ref). Completions are put together as
 * - `grpo`, `sapo`: mean over tokens, then over completions; `luspo`: sum over tokens, mean over
 *   completions; `bnpo`: mean over all tokens;
 * - `dr_grpo`: sum over all tokens, divided by B·maxCompletionLength;
 * - `dapo`, `cispo`, `vespo`: sum over all tokens, divided by `numItemsInBatch`.
 *
 * @throws {ConfigError} for options out of range or at odds with each other.
 * @see DeepSeekMath https://arxiv.org/abs/2402.03300, DAPO https://arxiv.org/abs/2503.14476, Dr. GRPO
 *   https://arxiv.org/abs/2503.20783, CISPO https://arxiv.org/abs/2506.13585, GSPO
 *   https://arxiv.org/abs/2507.18071
 */
export function groupPolicyLoss(
  inputs: GroupPolicyInputs,
  options: GroupPolicyOptions = {},
): GroupPolicyLoss {
  const settings = settingsOf(options, inputs);
  const ratios = ratiosOf(inputs, settings);
  const { mask } = ratios;
  const { perToken, metrics } = policyTerm(ratios);
  const learning = perToken.mul(learningTokens(inputs, ratios));
  const kl = settings.beta === 0 ? undefined : klTerm(inputs, ratios);
  const total = kl === undefined ? learning : learning.add(kl.mul(settings.beta));
  return {
    loss: aggregate(total.broadcastTo(mask.shape), mask, inputs, settings),
    metrics: {
      ...(kl !== undefined && { kl: maskedMean(kl.detach(), mask) }),
      ...metrics,
    },
  };
}

type Open = "delta" | "maxCompletionLength" | "offPolicyMaskThreshold";

type Settings = Pick<GroupPolicyOptions, Open> & {
  readonly [Name in Exclude<keyof GroupPolicyOptions, Open>]-?: Exclude<
    GroupPolicyOptions[Name],
    undefined
  >;
};

const what = "groupPolicyLoss";

function settingsOf(options: GroupPolicyOptions, inputs: GroupPolicyInputs): Settings {
  const { epsilon = 0.2 } = options;
  const settings = {
    ...options,
    lossType: options.lossType ?? "dapo",
    epsilon,
    epsilonHigh: options.epsilonHigh ?? epsilon,
    beta: options.beta ?? 0,
    useBiasCorrectionKl: options.useBiasCorrectionKl ?? false,
    importanceSamplingLevel: options.importanceSamplingLevel ?? "token",
    sapoTemperaturePos: options.sapoTemperaturePos ?? 1,
    sapoTemperatureNeg: options.sapoTemperatureNeg ?? 1.05,
    vespoKPos: options.vespoKPos ?? 2,
    vespoLambdaPos: options.vespoLambdaPos ?? 3,
    vespoKNeg: options.vespoKNeg ?? 3,
    vespoLambdaNeg: options.vespoLambdaNeg ?? 2,
    topEntropyQuantile: options.topEntropyQuantile ?? 1,
  };
  requireSettings(settings, inputs);
  return settings;
}

function requireSettings(settings: Settings, inputs: GroupPolicyInputs): void {
  const { lossType, importanceSamplingLevel: level, beta, topEntropyQuantile } = settings;
  requireOneOf(what, "lossType", lossType, groupLossTypes);
  requireOneOf(what, "importanceSamplingLevel", level, ["token", "sequence"]);
  requireAbove(what, "epsilon", settings.epsilon, 0);
  requireAbove(what, "epsilonHigh", settings.epsilonHigh, 0);
  requireAbove(what, "sapoTemperaturePos", settings.sapoTemperaturePos, 0);
  requireAbove(what, "sapoTemperatureNeg", settings.sapoTemperatureNeg, 0);
  if (lossType === "vespo" && level === "sequence") {
    throw new ConfigError(
      `${what}: importanceSamplingLevel must be "token" for lossType "vespo", got "sequence"; ` +
        "vespo weighs whole completions by itself",
    );
  }
  if (beta !== 0 && inputs.referenceLogProbs === undefined) {
    throw new ConfigError(
      `${what}: referenceLogProbs must be given with beta ${beta}, got none; pass them or beta: 0`,
    );
  }
  if (topEntropyQuantile < 1 && inputs.entropies === undefined) {
    throw new ConfigError(
      `${what}: entropies must be given with topEntropyQuantile ${topEntropyQuantile}, got none`,
    );
  }
}

function ratiosOf(inputs: GroupPolicyInputs, settings: Settings): Ratios {
  const { mask } = inputs;
  const logProbs = keepMasked(inputs.logProbs, mask);
  const old = inputs.oldLogProbs ?? inputs.logProbs;
  const logRatio = logProbs.sub(keepMasked(old.detach(), mask));
  const isToken = settings.importanceSamplingLevel === "token";
  const weights = isToken ? logRatio : maskedRowMean(logRatio, mask).unsqueeze(1);
  const given = inputs.advantages.detach();
  const advantages = given.ndim === 1 ? given.unsqueeze(1) : given;
  return { settings, logProbs, logRatio, ratio: weights.exp(), advantages, mask };
}

interface PolicyTerm {
  readonly perToken: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
}

function policyTerm(ratios: Ratios): PolicyTerm {
  const { lossType } = ratios.settings;
  if (lossType === "cispo") return cispoTerm(ratios);
  if (lossType === "sapo") return sapoTerm(ratios);
  if (lossType === "vespo") return vespoTerm(ratios);
  return clippedTerm(ratios);
}

function clippedTerm({ settings, ratio, advantages, mask }: Ratios): PolicyTerm {
  const { epsilon, epsilonHigh, delta } = settings;
  const clipped = ratio.clamp({ min: 1 - epsilon, max: 1 + epsilonHigh });
  const bounded = delta === undefined ? ratio : ratio.clampMax(delta);
  const isLow = bounded.lt(1 - epsilon).logicalAnd(advantages.lt(0));
  const isHigh = bounded.gt(1 + epsilonHigh).logicalAnd(advantages.gt(0));
  const part = (is: Tensor): Tensor => maskedMean(is.to("f32").broadcastTo(mask.shape), mask);
  return {
    perToken: bounded.mul(advantages).minimum(clipped.mul(advantages)).neg(),
    metrics: {
      "clip_ratio/low_mean": part(isLow),
      "clip_ratio/high_mean": part(isHigh),
      "clip_ratio/region_mean": part(isLow.logicalOr(isHigh)),
    },
  };
}

function cispoTerm({ settings, logProbs, ratio, advantages, mask }: Ratios): PolicyTerm {
  const { epsilonHigh } = settings;
  const isClipped = ratio.gt(epsilonHigh).logicalAnd(advantages.gt(0)).to("f32");
  const weights = ratio.clampMax(epsilonHigh).detach().mul(advantages);
  return {
    perToken: weights.mul(logProbs).neg(),
    metrics: { cispo_clip_ratio: maskedMean(isClipped.broadcastTo(mask.shape), mask) },
  };
}

/** A smooth gate in place of the clip: its slope is 1 at ρ = 1 and falls on both sides. */
function sapoTerm({ settings, ratio, advantages }: Ratios): PolicyTerm {
  const { sapoTemperaturePos: up, sapoTemperatureNeg: down } = settings;
  const gate = (temperature: number): Tensor =>
    ratio
      .sub(1)
      .mul(temperature)
      .sigmoid()
      .mul(4 / temperature);
  const gates = where(advantages.gt(0), gate(up), gate(down));
  return { perToken: gates.mul(advantages).neg(), metrics: {} };
}

function vespoTerm({ settings, logProbs, logRatio, advantages, mask }: Ratios): PolicyTerm {
  const weights = vespoWeights(logRatio, advantages, mask, settings);
  return {
    perToken: weights.mul(advantages).mul(logProbs).neg(),
    metrics: { "vespo/phi_seq_mean": weights.mean() },
  };
}

/** 1 where tokens learn, else 0. */
function learningTokens(inputs: GroupPolicyInputs, ratios: Ratios): Tensor | number {
  const { topEntropyQuantile, offPolicyMaskThreshold } = ratios.settings;
  const { mask, advantages, logRatio } = ratios;
  const chosen: Tensor[] = [];
  if (topEntropyQuantile < 1 && inputs.entropies !== undefined) {
    const known = inputs.entropies.detach().maskedFill(mask.to("bool").logicalNot(), Number.NaN);
    const least = known.flatten().nanquantile(1 - topEntropyQuantile);
    chosen.push(known.ge(least));
  }
  if (offPolicyMaskThreshold !== undefined) {
    const drift = maskedRowMean(logRatio.detach().neg(), mask).unsqueeze(1);
    chosen.push(advantages.ge(0).logicalOr(drift.le(offPolicyMaskThreshold)));
  }
  if (chosen.length === 0) return 1;
  return chosen.map((is) => maskLike(is, logRatio)).reduce((a, b) => a.mul(b));
}

function klTerm({ referenceLogProbs }: GroupPolicyInputs, ratios: Ratios): Tensor {
  const { logProbs, mask, ratio, settings } = ratios;
  const reference = keepMasked((referenceLogProbs as Tensor).detach(), mask);
  const kl = klEstimate(logProbs, reference, "k3");
  return settings.useBiasCorrectionKl ? kl.mul(ratio) : kl;
}

function aggregate(
  perToken: Tensor,
  mask: Tensor,
  inputs: GroupPolicyInputs,
  settings: Settings,
): Tensor {
  const [rows, length] = mask.shape;
  const { lossType, maxCompletionLength = length } = settings;
  if (lossType === "grpo" || lossType === "sapo") return maskedRowMean(perToken, mask).mean();
  if (lossType === "bnpo") return maskedMean(perToken, mask);
  const sums = maskedRowSum(perToken, mask);
  if (lossType === "luspo") return sums.mean();
  if (lossType === "dr_grpo") return sums.sum().div(rows * maxCompletionLength);
  const { numItemsInBatch: items = maskLike(mask, perToken).sum() } = inputs;
  return sums.sum().div(typeof items === "number" ? Math.max(items, 1) : items.clampMin(1));
}
