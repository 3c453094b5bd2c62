import type * as ops from "../tensor/ops/loss.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { WithTensors } from "./functional/apply.ts";
import * as functional from "./functional/loss.ts";
import { Module, formatOptions } from "./module.ts";
import { Buffer } from "./parameter.ts";
import { snakeCase } from "./state-key.ts";

const asBuffer = (weight: Tensor | null | undefined): Buffer | null =>
  weight == null ? null : new Buffer(weight);

/** (input - target)². */
export class MSELoss extends Module {
  protected readonly options: ops.LossOptions;

  constructor(options: ops.LossOptions = {}) {
    super();
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.mseLoss(input, target, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** |input - target|. */
export class L1Loss extends Module {
  protected readonly options: ops.LossOptions;

  constructor(options: ops.LossOptions = {}) {
    super();
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.l1Loss(input, target, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** d² / (2β) below β, |d| - β/2 above. */
export class SmoothL1Loss extends Module {
  protected readonly options: ops.SmoothL1LossOptions;

  constructor(options: ops.SmoothL1LossOptions = {}) {
    super();
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.smoothL1Loss(input, target, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** d² / 2 below δ, δ · (|d| - δ/2) above. */
export class HuberLoss extends Module {
  protected readonly options: Omit<ops.HuberLossOptions, "weight">;

  constructor(options: Omit<ops.HuberLossOptions, "weight"> = {}) {
    super();
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.huberLoss(input, target, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** target · (ln target - input) for an input of log-probabilities. */
export class KLDivLoss extends Module {
  protected readonly options: ops.KlDivOptions;

  constructor(options: ops.KlDivOptions = {}) {
    super();
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    return functional.klDiv(input, target, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** Negative log-likelihood of log-probabilities [N, C, …] at class indices [N, …]. */
export class NLLLoss extends Module {
  weight: Buffer | null;
  protected readonly options: Omit<ops.NllLossOptions, "weight">;

  constructor({ weight, ...options }: WithTensors<ops.NllLossOptions> = {}) {
    super();
    this.weight = asBuffer(weight);
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight } = this;
    return functional.nllLoss(input, target, { ...this.options, weight });
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** Cross-entropy of softmax(input) [N, C, …] at class indices [N, …] or probabilities [N, C, …]. */
export class CrossEntropyLoss extends Module {
  weight: Buffer | null;
  protected readonly options: Omit<ops.CrossEntropyOptions, "weight">;

  constructor({ weight, ...options }: WithTensors<ops.CrossEntropyOptions> = {}) {
    super();
    this.weight = asBuffer(weight);
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight } = this;
    return functional.crossEntropy(input, target, { ...this.options, weight });
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** -(target · ln input + (1 - target) · ln(1 - input)) for probabilities. */
export class BCELoss extends Module {
  weight: Buffer | null;
  protected readonly options: Omit<ops.BinaryLossOptions, "weight">;

  constructor({ weight, ...options }: WithTensors<ops.BinaryLossOptions> = {}) {
    super();
    this.weight = asBuffer(weight);
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight } = this;
    return functional.binaryCrossEntropy(input, target, { ...this.options, weight });
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** {@link BCELoss} of sigmoid(input), without overflow. */
export class BCEWithLogitsLoss extends Module {
  weight: Buffer | null;
  posWeight: Buffer | null;
  protected readonly options: Omit<ops.BinaryLogitsOptions, "weight" | "posWeight">;

  constructor({ weight, posWeight, ...options }: WithTensors<ops.BinaryLogitsOptions> = {}) {
    super();
    this.weight = asBuffer(weight);
    this.posWeight = asBuffer(posWeight);
    this.options = options;
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight } = this;
    return functional.binaryCrossEntropyWithLogits(input, target, {
      ...this.options,
      weight,
      posWeight,
    });
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}
