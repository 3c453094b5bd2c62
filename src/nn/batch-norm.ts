import { ShapeError } from "../base/errors.ts";
import { zerosLike } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ChannelNormOptions } from "./channel-norm.ts";
import { ChannelNorm } from "./channel-norm.ts";
import { batchNorm } from "./functional/normalization.ts";

/** Options of {@link BatchNorm1d}, {@link BatchNorm2d} and {@link BatchNorm3d}. */
export interface BatchNormModuleOptions extends ChannelNormOptions {
  /** Weight of a batch in the running statistics; null averages all batches. @defaultValue 0.1 */
  readonly momentum?: number | null;
  /** Whether there is a learned scale and shift. @defaultValue true */
  readonly affine?: boolean;
  /** Whether evaluation uses running statistics instead of the batch's. @defaultValue true */
  readonly trackRunningStats?: boolean;
}

/**
 * Normalises every channel over batch and space, by the batch's statistics in training and by the
 * running ones in evaluation: $y = (x - E[x]) / \sqrt{Var[x] + ε} · γ + β$.
 * State-dict keys as PyTorch's: weight, bias, running_mean, running_var, num_batches_tracked (i32).
 * @see Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
 */
abstract class BatchNorm extends ChannelNorm {
  constructor(numFeatures: number, options: BatchNormModuleOptions = {}) {
    super(numFeatures, options, { affine: true, trackRunningStats: true });
  }

  /** Ranks of x that the class accepts. */
  protected abstract readonly ranks: readonly number[];

  /** @throws {ShapeError} if x has another rank, other channels, or one value per channel. */
  forward(x: Tensor): Tensor {
    if (!this.ranks.includes(x.ndim) || x.shape[1] !== this.numFeatures) {
      throw new ShapeError(
        `${this.constructor.name}: x must have ${this.ranks.join(" or ")} dims and ` +
          `${this.numFeatures} channels, got [${x.shape.join(", ")}]`,
      );
    }
    const { weight, bias, eps, runningMean, runningVar, training } = this;
    if (runningMean === null || runningVar === null) {
      return batchNorm(x, null, null, { weight, bias, eps, training: true });
    }
    const options = { weight, bias, eps, training };
    if (!training) return batchNorm(x, runningMean, runningVar, options);
    const count = this.numBatchesTracked;
    count?.assign(count.add(1));
    if (this.momentum !== null || count === null) {
      return batchNorm(x, runningMean, runningVar, { ...options, momentum: this.momentum ?? 0.1 });
    }
    // With momentum 1 the statistics become the batch's own; then they enter the average.
    const [mean, variance] = [zerosLike(runningMean), zerosLike(runningVar)];
    const y = batchNorm(x, mean, variance, { ...options, momentum: 1 });
    const share = count.to(runningMean.dtype).reciprocal();
    runningMean.assign(runningMean.add(mean.sub(runningMean).mul(share)));
    runningVar.assign(runningVar.add(variance.sub(runningVar).mul(share)));
    return y;
  }
}

/** Batch normalisation of every channel of x [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected override get ranks(): readonly number[] {
    return [2, 3];
  }
}

/** Batch normalisation of every channel of x [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected override get ranks(): readonly number[] {
    return [4];
  }
}

/** Batch normalisation of every channel of x [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  protected override get ranks(): readonly number[] {
    return [5];
  }
}
