import { ConfigError, ShapeError } from "../../../base/errors.ts";
import { formatShape } from "../../../ir/shape.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import type { FDivergence } from "./f-divergence.ts";
import { divergenceScore, fDivergences } from "./f-divergence.ts";
import { requireAbove, requireOneOf, requireWithin } from "./option-checks.ts";
import type { PairScores, PreferenceLossType } from "./preference-losses.ts";
import { preferenceLosses } from "./preference-losses.ts";

/** Log-probabilities of B pairs of completions, summed over their tokens; all [B]. */
export interface PreferenceLogProbs {
  readonly chosen: Tensor;
  readonly rejected: Tensor;
  /** Those of the reference model; not needed with `referenceFree`. */
  readonly referenceChosen?: Tensor | undefined;
  readonly referenceRejected?: Tensor | undefined;
  /** Numbers of tokens: `ipo` and `sigmoid_norm` divide by them, `sft` by those of chosen. */
  readonly chosenLengths?: Tensor | undefined;
  readonly rejectedLengths?: Tensor | undefined;
  /** Mean of −log π over the chosen tokens, []; needed by `sft` if `chosen` is not a plain sum. */
  readonly chosenNll?: Tensor | undefined;
  /** What the loss of each pair is multiplied by, such as WPO's weights. No gradient flows in. */
  readonly weights?: Tensor | undefined;
}

/** Options of {@link preferenceLoss}, named as in TRL. */
export interface PreferenceLossOptions {
  /** Strength of the pull to the reference. @defaultValue 0.1 */
  readonly beta?: number | undefined;
  /** One loss, or several whose weighted sum is taken. @defaultValue "sigmoid" */
  readonly lossType?: PreferenceLossType | readonly PreferenceLossType[] | undefined;
  /** One weight per loss. @defaultValue all 1 */
  readonly lossWeights?: readonly number[] | undefined;
  /**
   * Probability that a label is wrong: `sigmoid` (cDPO), `robust`, `exo_pair` (must be above 0), `aot`,
   * `aot_unpaired`. @defaultValue 0
   */
  readonly labelSmoothing?: number | undefined;
  /** Takes the log-ratio of the reference as 0. @defaultValue false */
  readonly referenceFree?: boolean | undefined;
  /** @defaultValue "reverse_kl" */
  readonly fDivergenceType?: FDivergence | undefined;
  /** α of the α-divergence. @defaultValue 0.5 */
  readonly fAlphaDivergenceCoef?: number | undefined;
  /** Temperature of DiscoPOP's blend. @defaultValue 0.05 */
  readonly discopopTau?: number | undefined;
}

/** A loss of pairs and the rewards it implies. */
export interface PreferenceLoss {
  /** Mean over the pairs, []. */
  readonly loss: Tensor;
  /** One per pair, [B]. */
  readonly losses: Tensor;
  /** $β(\log π - \log π_{ref})$ of each, [B]. No gradient. */
  readonly chosenRewards: Tensor;
  readonly rejectedRewards: Tensor;
}

/** The losses that are functions of the difference of scores, for which f-divergences make sense. */
const divergenceLosses: ReadonlySet<PreferenceLossType> = new Set<PreferenceLossType>([
  "sigmoid",
  "sigmoid_norm",
  "hinge",
  "ipo",
  "exo_pair",
  "robust",
  "discopop",
  "sft",
]);

/** Names of all losses. */
export const preferenceLossTypes: readonly PreferenceLossType[] = Object.keys(
  preferenceLosses,
) as PreferenceLossType[];

/**
 * DPO's loss and its relatives: preferences of pairs as a loss of the policy itself, whose reward is
 * $\hat r = β(\log π - \log π_{ref})$ up to a constant of the prompt.
 *
 * @throws {ConfigError} for options out of range or at odds; {ShapeError} for tensors that are not [B].
 * @see Rafailov et al. 2023, "Direct Preference Optimization", https://arxiv.org/abs/2305.18290
 * @example
 * const { loss } = preferenceLoss({ chosen, rejected, referenceChosen, referenceRejected });
 */
export function preferenceLoss(
  logProbs: PreferenceLogProbs,
  options: PreferenceLossOptions = {},
): PreferenceLoss {
  const settings = preferenceSettings(options);
  const { types, weights, beta } = settings;
  const scores = pairScores(logProbs, settings);
  const parts = types.map((type, i) => preferenceLosses[type](scores, settings).mul(weights[i]));
  const sum = parts.reduce((total, part) => total.add(part));
  const losses = logProbs.weights === undefined ? sum : sum.mul(logProbs.weights.detach());
  return {
    loss: losses.mean(),
    losses,
    chosenRewards: scores.chosenLogRatios.detach().mul(beta),
    rejectedRewards: scores.rejectedLogRatios.detach().mul(beta),
  };
}

/** @internal The options with their defaults, checked: trainers call it before they load anything. */
function preferenceSettings(options: PreferenceLossOptions): PreferenceSettings {
  const {
    beta = 0.1,
    lossType = "sigmoid",
    labelSmoothing = 0,
    referenceFree = false,
    fDivergenceType = "reverse_kl",
    fAlphaDivergenceCoef = 0.5,
    discopopTau = 0.05,
  } = options;
  const types = typeof lossType === "string" ? [lossType] : lossType;
  const weights = options.lossWeights ?? types.map(() => 1);
  requireAbove(name, "beta", beta, 0);
  requireAbove(name, "discopopTau", discopopTau, 0);
  for (const type of types) requireOneOf(name, "lossType", type, preferenceLossTypes);
  requireOneOf(name, "fDivergenceType", fDivergenceType, fDivergences);
  if (types.length === 0 || weights.length !== types.length) {
    throw new ConfigError(
      `${name}: lossWeights must have one number per lossType, got ${weights.length} for ` +
        `${types.length} (${types.join(", ")}); name at least one loss and as many weights`,
    );
  }
  requireSmoothing(types, labelSmoothing);
  const lacking = types.find((type) => !divergenceLosses.has(type));
  if (fDivergenceType !== "reverse_kl" && lacking !== undefined) {
    throw new ConfigError(
      `${name}: fDivergenceType must be "reverse_kl" for lossType "${lacking}", got ` +
        `"${fDivergenceType}"; other divergences go with ${[...divergenceLosses].join(", ")}`,
    );
  }
  return {
    beta,
    types,
    weights,
    labelSmoothing,
    referenceFree,
    fDivergenceType,
    fAlphaDivergenceCoef,
    discopopTau,
  };
}

const name = "preferenceLoss";

/** @internal */
export interface PreferenceSettings {
  readonly beta: number;
  readonly types: readonly PreferenceLossType[];
  readonly weights: readonly number[];
  readonly labelSmoothing: number;
  readonly referenceFree: boolean;
  readonly fDivergenceType: FDivergence;
  readonly fAlphaDivergenceCoef: number;
  readonly discopopTau: number;
}

function requireSmoothing(types: readonly PreferenceLossType[], smoothing: number): void {
  // At one half, labels say nothing, and robust divides by 0.
  requireWithin(name, "labelSmoothing", smoothing, 0, 0.5);
  if (types.includes("exo_pair") && smoothing === 0) {
    throw new ConfigError(
      `${name}: labelSmoothing must be above 0 for lossType "exo_pair", got 0; write 1e-3`,
    );
  }
}

function pairScores(given: PreferenceLogProbs, settings: PreferenceSettings): PairScores {
  const { chosen, rejected, chosenLengths, rejectedLengths, chosenNll } = given;
  const { fDivergenceType, fAlphaDivergenceCoef } = settings;
  requireVectors(given, chosen.shape);
  const reference = referenceOf(given, settings);
  const chosenLogRatios = chosen.sub(reference.chosen);
  const rejectedLogRatios = rejected.sub(reference.rejected);
  const score = (logRatio: Tensor): Tensor =>
    divergenceScore(logRatio, fDivergenceType, fAlphaDivergenceCoef);
  const [chosenScores, rejectedScores] = [score(chosenLogRatios), score(rejectedLogRatios)];
  return {
    chosenLogRatios,
    rejectedLogRatios,
    chosenScores,
    rejectedScores,
    logRatios: chosen.sub(rejected),
    referenceLogRatios: reference.chosen.sub(reference.rejected),
    averageScores: () => ({
      chosen: chosenScores.div(lengthsOf("chosenLengths", chosenLengths, chosen)),
      rejected: rejectedScores.div(lengthsOf("rejectedLengths", rejectedLengths, rejected)),
    }),
    chosenNll: () => {
      if (chosenNll !== undefined) return chosenNll;
      const tokens = lengthsOf("chosenLengths", chosenLengths, chosen).sum();
      return chosen.sum().neg().div(tokens);
    },
  };
}

function lengthsOf(what: string, lengths: Tensor | undefined, like: Tensor): Tensor {
  if (lengths !== undefined) return lengths.to(like.dtype).clampMin(1);
  throw new ConfigError(
    `${name}: ipo, sigmoid_norm and sft must know how many tokens completions have, got no ${what}; ` +
      "pass completionLengths(mask)",
  );
}

function referenceOf(
  { chosen, rejected, referenceChosen, referenceRejected }: PreferenceLogProbs,
  { referenceFree }: PreferenceSettings,
): { readonly chosen: Tensor; readonly rejected: Tensor } {
  if (referenceFree) return { chosen: chosen.detach().mul(0), rejected: rejected.detach().mul(0) };
  if (referenceChosen === undefined || referenceRejected === undefined) {
    throw new ConfigError(
      `${name}: referenceChosen and referenceRejected must be given, got ` +
        `${referenceChosen === undefined ? "none" : "only referenceChosen"}; ` +
        "pass the reference model's log-probabilities or referenceFree: true",
    );
  }
  return { chosen: referenceChosen, rejected: referenceRejected };
}

function requireVectors(given: PreferenceLogProbs, shape: readonly number[]): void {
  const { chosenNll: _, ...vectors } = given;
  for (const [key, value] of Object.entries(vectors)) {
    if (value === undefined) continue;
    if (value.ndim === 1 && value.shape[0] === shape[0]) continue;
    throw new ShapeError(
      `${name}: ${key} must be a vector with one number per pair, got ` +
        `${formatShape(value.shape)} beside chosen ${formatShape(shape)}; sum over the tokens first`,
    );
  }
}
