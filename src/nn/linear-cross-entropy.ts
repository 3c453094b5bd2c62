import { product } from "../base/integers.ts";
import type { CrossEntropyOptions } from "../tensor/ops/loss.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ConfiguredLoss } from "./configured-loss.ts";
import type { WithTensors } from "./functional/apply.ts";
import { linearCrossEntropy } from "./functional/loss.ts";
import type { LinearOptions } from "./linear.ts";
import { Linear } from "./linear.ts";
import { Buffer } from "./parameter.ts";

/** Options of {@link LinearCrossEntropyLoss}. */
export interface LinearCrossEntropyLossOptions
  extends LinearOptions, WithTensors<CrossEntropyOptions> {
  /** Dims of the logits behind the classes. @defaultValue none */
  readonly outFeatures?: readonly number[];
}

/**
 * Cross-entropy of a linear layer's logits: input [N, inFeatures] -> logits [N, numClasses, …].
 * Keys: linear.weight, and linear.bias with `bias`, which is false by default.
 */
export class LinearCrossEntropyLoss extends ConfiguredLoss<Omit<CrossEntropyOptions, "weight">> {
  readonly numClasses: number;
  readonly outFeatures: readonly number[];
  weight: Buffer | null;
  linear: Linear;

  constructor(inFeatures: number, numClasses: number, options: LinearCrossEntropyLossOptions = {}) {
    const { outFeatures = [], bias = false, weight, dtype, device, ...loss } = options;
    super(loss);
    this.numClasses = numClasses;
    this.outFeatures = outFeatures;
    this.weight = weight == null ? null : new Buffer(weight);
    const rows = numClasses * product(outFeatures);
    this.linear = new Linear(inFeatures, rows, { bias, dtype, device });
  }

  /** The loss, reduced as the options say. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { linear, weight, options } = this;
    const shape = [this.numClasses, ...this.outFeatures];
    return linearCrossEntropy(input, linear.weight.reshape([...shape, linear.inFeatures]), target, {
      ...options,
      weight,
      linearBias: linear.bias?.reshape(shape),
    });
  }
}
