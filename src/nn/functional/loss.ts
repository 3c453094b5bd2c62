import { lower, refuseInHalf, widen } from "../../tensor/autocast.ts";
import * as likelihoods from "../../tensor/ops/likelihood-loss.ts";
import { linear } from "../../tensor/ops/linear.ts";
import * as ops from "../../tensor/ops/loss.ts";
import * as margins from "../../tensor/ops/margin-loss.ts";
import type { Tensor, TensorLike } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node, WithTensors } from "./apply.ts";
import { nodeOptions, optionalLower, present, tensorsIn } from "./apply.ts";
import { pairwiseDistance } from "./distance.ts";

function pairwise<Options extends object>(
  op: (input: Node, target: Node, options?: Options) => Node,
): (input: Tensor, target: Tensor, options?: WithTensors<Options>) => Tensor {
  return (input, target, options) =>
    derive(
      [input, target, ...tensorsIn(options)],
      op(widen(input), widen(target), nodeOptions(options)),
    );
}

/** A loss of an input against a target, reduced as the options say. */
export type Loss<Options> = (
  input: Tensor,
  target: Tensor,
  options?: WithTensors<Options>,
) => Tensor;

/**
 * Cross-entropy of softmax(input). input [N, C, …] of logits (or [C]); target [N, …] of class
 * indices, or [N, C, …] of probabilities. The mean over class indices divides by the weights used,
 * over probabilities by the number of samples.
 */
export const crossEntropy: Loss<ops.CrossEntropyOptions> = pairwise(ops.crossEntropy);

/** Negative log-likelihood of log-probabilities [N, C, …] at class indices [N, …]. */
export const nllLoss: Loss<ops.NllLossOptions> = pairwise(ops.nllLoss);

/** (input − target)². */
export const mseLoss: Loss<ops.RegressionLossOptions> = pairwise(ops.mseLoss);

/** |input − target|. */
export const l1Loss: Loss<ops.RegressionLossOptions> = pairwise(ops.l1Loss);

/** d² / (2β) below β, |d| − β/2 above. */
export const smoothL1Loss: Loss<ops.SmoothL1LossOptions> = pairwise(ops.smoothL1Loss);

/** d² / 2 below δ, δ · (|d| − δ/2) above. */
export const huberLoss: Loss<ops.HuberLossOptions> = pairwise(ops.huberLoss);

const binaryCrossEntropyOf = pairwise(ops.binaryCrossEntropy);

/**
 * −(target · ln input + (1 − target) · ln(1 − input)) for probabilities.
 * @throws {UsageError} in autocast of f16, which rounds probabilities near 0 and 1 to these.
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options?: WithTensors<ops.BinaryLossOptions>,
): Tensor {
  const advice =
    "leave out the sigmoid before it and take binaryCrossEntropyWithLogits, or compute it in " +
    "autocast({ enabled: false }, ...)";
  refuseInHalf("binaryCrossEntropy", advice, input);
  return binaryCrossEntropyOf(input, target, options);
}

/** binaryCrossEntropy of sigmoid(input), without overflow. */
export const binaryCrossEntropyWithLogits: Loss<ops.BinaryLogitsOptions> = pairwise(
  ops.binaryCrossEntropyWithLogits,
);

/** target · (ln target − input) for an input of log-probabilities. */
export const klDiv: Loss<ops.KlDivOptions> = pairwise(ops.klDiv);

/** −ln P(target) of a Poisson distribution whose rate, or its logarithm, is the input. */
export const poissonNllLoss: Loss<likelihoods.PoissonNllLossOptions> = pairwise(
  likelihoods.poissonNllLoss,
);

/** ½ · (ln variance + (input − target)² / variance). */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: TensorLike,
  options?: likelihoods.GaussianNllLossOptions,
): Tensor {
  return derive(
    [input, target, variance],
    likelihoods.gaussianNllLoss(
      widen(input),
      widen(target),
      typeof variance === "number" ? variance : widen(variance),
      options,
    ),
  );
}

/** input where target is 1, max(0, margin − input) where it is −1. */
export const hingeEmbeddingLoss: Loss<margins.MarginLossOptions> = pairwise(
  margins.hingeEmbeddingLoss,
);

/** ln(1 + e^(−target · input)) for targets 1 and −1. */
export const softMarginLoss: Loss<ops.LossOptions> = pairwise(margins.softMarginLoss);

/** Hinge between every target class and every other; target [N, C] lists classes up to a −1. */
export const multilabelMarginLoss: Loss<ops.LossOptions> = pairwise(margins.multilabelMarginLoss);

/** Mean over classes of the binary cross-entropy with logits: input and target [N, C]. */
export const multilabelSoftMarginLoss: Loss<margins.MultilabelSoftMarginLossOptions> = pairwise(
  margins.multilabelSoftMarginLoss,
);

/** Hinge between the target class [N] and every other of [N, C]. */
export const multiMarginLoss: Loss<margins.MultiMarginLossOptions> = pairwise(
  margins.multiMarginLoss,
);

function ternary<Options extends object>(
  op: (first: Node, second: Node, third: Node, options?: Options) => Node,
): (first: Tensor, second: Tensor, third: Tensor, options?: Options) => Tensor {
  return (first, second, third, options) =>
    derive([first, second, third], op(widen(first), widen(second), widen(third), options));
}

/** A loss of two inputs and a target, or of three inputs. */
export type LossOfThree<Options> = (
  first: Tensor,
  second: Tensor,
  third: Tensor,
  options?: Options,
) => Tensor;

/** max(0, −target · (input1 − input2) + margin). */
export const marginRankingLoss: LossOfThree<margins.MarginLossOptions> = ternary(
  margins.marginRankingLoss,
);

/** 1 − cos(input1, input2) for target 1, max(0, cos − margin) for target −1. */
export const cosineEmbeddingLoss: LossOfThree<margins.MarginLossOptions> = ternary(
  margins.cosineEmbeddingLoss,
);

/** max(0, ‖anchor − positive‖ − ‖anchor − negative‖ + margin). */
export const tripletMarginLoss: LossOfThree<margins.TripletMarginLossOptions> = ternary(
  margins.tripletMarginLoss,
);

/** Options of {@link tripletMarginWithDistanceLoss}. */
export interface TripletMarginWithDistanceLossOptions extends ops.LossOptions {
  /** @defaultValue the euclidean distance of pairwiseDistance */
  readonly distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null | undefined;
  /** @defaultValue 1 */
  readonly margin?: number | undefined;
  /** Whether the negative is compared with the positive where that is the nearer one. */
  readonly swap?: boolean | undefined;
}

/** {@link tripletMarginLoss} of any distance. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceLossOptions = {},
): Tensor {
  const { margin = 1, swap = false, reduction } = options;
  const distance = options.distanceFunction ?? ((a, b) => pairwiseDistance(a, b));
  const near = distance(anchor, positive);
  const apart = distance(anchor, negative);
  const far = swap ? apart.minimum(distance(positive, negative)) : apart;
  return derive([near, far], margins.tripletHinge(widen(near), widen(far), margin, reduction));
}

/** Options of {@link linearCrossEntropy}. */
export interface LinearCrossEntropyOptions extends WithTensors<ops.CrossEntropyOptions> {
  readonly linearBias?: Tensor | null | undefined;
}

/**
 * {@link crossEntropy} of the logits linear(input, linearWeight, linearBias). Shapes: input [N, in],
 * linearWeight [C, …, in], linearBias [C, …] -> logits [N, C, …].
 */
export function linearCrossEntropy(
  input: Tensor,
  linearWeight: Tensor,
  target: Tensor,
  { linearBias, ...options }: LinearCrossEntropyOptions = {},
): Tensor {
  const shape = linearWeight.shape.slice(0, -1);
  const rows = linearWeight.flatten({ endDim: -2 });
  const bias = linearBias?.flatten();
  const node = linear(lower(input), lower(rows), optionalLower(bias));
  const logits = derive(present([input, rows, bias]), node).unflatten(-1, shape);
  return crossEntropy(logits, target, options);
}
