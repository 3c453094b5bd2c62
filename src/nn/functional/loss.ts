import * as ops from "../../tensor/ops/loss.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node, WithTensors } from "./apply.ts";
import { nodeOptions, tensorsIn } from "./apply.ts";

function pairwise<Options extends object>(
  op: (input: Node, target: Node, options?: Options) => Node,
): (input: Tensor, target: Tensor, options?: WithTensors<Options>) => Tensor {
  return (input, target, options) =>
    derive(
      [input, target, ...tensorsIn(options)],
      op(input.node, target.node, nodeOptions(options)),
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
export const mseLoss: Loss<ops.LossOptions> = pairwise(ops.mseLoss);

/** |input − target|. */
export const l1Loss: Loss<ops.LossOptions> = pairwise(ops.l1Loss);

/** d² / (2β) below β, |d| − β/2 above. */
export const smoothL1Loss: Loss<ops.SmoothL1LossOptions> = pairwise(ops.smoothL1Loss);

/** d² / 2 below δ, δ · (|d| − δ/2) above. */
export const huberLoss: Loss<ops.HuberLossOptions> = pairwise(ops.huberLoss);

/** −(target · ln input + (1 − target) · ln(1 − input)) for probabilities. */
export const binaryCrossEntropy: Loss<ops.BinaryLossOptions> = pairwise(ops.binaryCrossEntropy);

/** binaryCrossEntropy of sigmoid(input), without overflow. */
export const binaryCrossEntropyWithLogits: Loss<ops.BinaryLogitsOptions> = pairwise(
  ops.binaryCrossEntropyWithLogits,
);

/** target · (ln target − input) for an input of log-probabilities. */
export const klDiv: Loss<ops.KlDivOptions> = pairwise(ops.klDiv);

/** Σ a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along a dim. */
export const cosineSimilarity: Loss<ops.CosineSimilarityOptions> = pairwise(ops.cosineSimilarity);
