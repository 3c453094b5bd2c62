import { ConfigError, ShapeError } from "../base/errors.ts";
import { cat, where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ModuleList, Sequential } from "./container.ts";
import { logSoftmax } from "./functional/activation.ts";
import type { ModuleOptions } from "./linear.ts";
import { Linear } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";

/** Options of {@link AdaptiveLogSoftmaxWithLoss}. */
export interface AdaptiveLogSoftmaxOptions extends ModuleOptions {
  /** Each next cluster projects to a size divided by this once more. @defaultValue 4 */
  readonly divValue?: number;
  /** @defaultValue false */
  readonly headBias?: boolean;
}

/** Log-probability of each target, and the mean of their negatives. */
export interface AdaptiveLogSoftmaxResult {
  readonly output: Tensor;
  readonly loss: Tensor;
}

/**
 * Softmax over many classes sorted by frequency: a head of the frequent ones and one entry per
 * cluster of rarer ones, which have smaller projections. Every cluster is computed for every row.
 * @see Grave et al. 2016, "Efficient softmax approximation for GPUs"
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly inFeatures: number;
  readonly nClasses: number;
  /** Where clusters end; the last is nClasses. */
  readonly cutoffs: readonly number[];
  head: Linear;
  tail: ModuleList<Sequential>;

  /** @throws {ConfigError} if the cutoffs do not rise from 1 to below nClasses. */
  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    { divValue = 4, headBias = false, ...place }: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    const rises = cutoffs.every((c, i) => Number.isInteger(c) && c > (cutoffs[i - 1] ?? 0));
    if (cutoffs.length === 0 || !rises || cutoffs[cutoffs.length - 1] >= nClasses) {
      throw new ConfigError(
        "AdaptiveLogSoftmaxWithLoss: cutoffs must be rising integers from 1 to below " +
          `nClasses = ${nClasses}, got [${cutoffs.join(", ")}]`,
      );
    }
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = [...cutoffs, nClasses];
    const clusters = cutoffs.length;
    this.head = new Linear(inFeatures, cutoffs[0] + clusters, { bias: headBias, ...place });
    const tails = cutoffs.map((start, i) => {
      const size = Math.floor(inFeatures / divValue ** (i + 1));
      return new Sequential(
        new Linear(inFeatures, size, { bias: false, ...place }),
        new Linear(size, this.cutoffs[i + 1] - start, { bias: false, ...place }),
      );
    });
    this.tail = new ModuleList(tails);
  }

  /**
   * Shapes: input [N, inFeatures] with target [N], or [inFeatures] with [] -> output as target.
   * @throws {ShapeError} if a shape does not fit.
   */
  forward(input: Tensor, target: Tensor): AdaptiveLogSoftmaxResult {
    if (input.ndim !== target.ndim + 1 || input.ndim > 2) {
      throw new ShapeError(
        `AdaptiveLogSoftmaxWithLoss: input must be [N, ${this.inFeatures}] with target [N], got ` +
          `[${input.shape.join(", ")}] and [${target.shape.join(", ")}]`,
      );
    }
    const index = target.unsqueeze(-1);
    const head = logSoftmax(this.head.forward(input), -1);
    const short = this.cutoffs[0];
    const pick = (logs: Tensor, start: number, size: number): Tensor =>
      logs.gather(-1, index.sub(start).clamp({ min: 0, max: size - 1 })).squeeze({ dim: -1 });
    let output = pick(head, 0, short);
    for (const [i, layer] of [...this.tail].entries()) {
      const [start, end] = [this.cutoffs[i], this.cutoffs[i + 1]];
      const within = pick(logSoftmax(layer.forward(input), -1), start, end - start);
      const chosen = head.select(-1, short + i).add(within);
      output = where(target.ge(start), chosen, output);
    }
    return { output, loss: output.neg().mean() };
  }

  /** Log-probabilities of all classes: [N, inFeatures] -> [N, nClasses]. */
  logProb(input: Tensor): Tensor {
    const head = logSoftmax(this.head.forward(input), -1);
    const short = this.cutoffs[0];
    const clusters = [...this.tail].map((layer, i) =>
      logSoftmax(layer.forward(input), -1).add(head.narrow(-1, short + i, 1)),
    );
    return cat([head.narrow(-1, 0, short), ...clusters], { dim: -1 });
  }

  /** The most probable class of each row, i32. */
  predict(input: Tensor): Tensor {
    return this.logProb(input).argmax({ dim: -1 });
  }

  protected override extraRepr(): string {
    const { inFeatures, nClasses, cutoffs } = this;
    return formatOptions({ inFeatures, nClasses, cutoffs });
  }
}
