import type * as likelihoods from "../tensor/ops/likelihood-loss.ts";
import type * as ops from "../tensor/ops/loss.ts";
import type * as margins from "../tensor/ops/margin-loss.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { ConfiguredLoss } from "./configured-loss.ts";
import type { WithTensors } from "./functional/apply.ts";
import type { CtcLossOptions, Lengths } from "./functional/ctc-loss.ts";
import { ctcLoss } from "./functional/ctc-loss.ts";
import * as functional from "./functional/loss.ts";
import { Buffer } from "./parameter.ts";

/** -ln P(target) of a Poisson distribution whose rate, or its logarithm, is the input. */
export class PoissonNLLLoss extends ConfiguredLoss<likelihoods.PoissonNllLossOptions> {
  constructor(options: likelihoods.PoissonNllLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.poissonNllLoss(input, target, this.options);
  }
}

/** ½ · (ln variance + (input - target)² / variance). */
export class GaussianNLLLoss extends ConfiguredLoss<likelihoods.GaussianNllLossOptions> {
  constructor(options: likelihoods.GaussianNllLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor, variance: TensorLike): Tensor {
    return functional.gaussianNllLoss(input, target, variance, this.options);
  }
}

/** max(0, -target · (input1 - input2) + margin). */
export class MarginRankingLoss extends ConfiguredLoss<margins.MarginLossOptions> {
  constructor(options: margins.MarginLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return functional.marginRankingLoss(input1, input2, target, this.options);
  }
}

/** input where target is 1, max(0, margin - input) where it is -1. */
export class HingeEmbeddingLoss extends ConfiguredLoss<margins.MarginLossOptions> {
  constructor(options: margins.MarginLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.hingeEmbeddingLoss(input, target, this.options);
  }
}

/** ln(1 + e^(-target · input)) for targets 1 and -1. */
export class SoftMarginLoss extends ConfiguredLoss<ops.LossOptions> {
  constructor(options: ops.LossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.softMarginLoss(input, target, this.options);
  }
}

/** 1 - cos(input1, input2) for target 1, max(0, cos - margin) for target -1. */
export class CosineEmbeddingLoss extends ConfiguredLoss<margins.MarginLossOptions> {
  constructor(options: margins.MarginLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return functional.cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

/** max(0, ‖anchor - positive‖ - ‖anchor - negative‖ + margin). */
export class TripletMarginLoss extends ConfiguredLoss<margins.TripletMarginLossOptions> {
  constructor(options: margins.TripletMarginLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return functional.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** {@link TripletMarginLoss} of any distance. */
export class TripletMarginWithDistanceLoss extends ConfiguredLoss<functional.TripletMarginWithDistanceLossOptions> {
  constructor(options: functional.TripletMarginWithDistanceLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return functional.tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}

/** Hinge between every target class and every other; target [N, C] lists classes up to a -1. */
export class MultiLabelMarginLoss extends ConfiguredLoss<ops.LossOptions> {
  constructor(options: ops.LossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.multilabelMarginLoss(input, target, this.options);
  }
}

const asBuffer = (weight: Tensor | null | undefined): Buffer | null =>
  weight == null ? null : new Buffer(weight);

/** Mean over classes of the binary cross-entropy with logits: input and target [N, C]. */
export class MultiLabelSoftMarginLoss extends ConfiguredLoss<ops.LossOptions> {
  weight: Buffer | null;

  constructor({ weight, ...options }: WithTensors<margins.MultilabelSoftMarginLossOptions> = {}) {
    super(options);
    this.weight = asBuffer(weight);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight } = this;
    return functional.multilabelSoftMarginLoss(input, target, { ...this.options, weight });
  }
}

/** Hinge between the target class [N] and every other of [N, C]. */
export class MultiMarginLoss extends ConfiguredLoss<
  Omit<margins.MultiMarginLossOptions, "weight">
> {
  weight: Buffer | null;

  constructor({ weight, ...options }: WithTensors<margins.MultiMarginLossOptions> = {}) {
    super(options);
    this.weight = asBuffer(weight);
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight } = this;
    return functional.multiMarginLoss(input, target, { ...this.options, weight });
  }
}

/** Connectionist temporal classification of log-probabilities [T, N, C]. */
export class CTCLoss extends ConfiguredLoss<CtcLossOptions> {
  constructor(options: CtcLossOptions = {}) {
    super(options);
  }

  /** The loss, reduced as the options say. */
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Lengths,
    targetLengths: Lengths,
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}
