import { ShapeError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ChannelNormOptions } from "./channel-norm.ts";
import { ChannelNorm } from "./channel-norm.ts";
import { instanceNorm } from "./functional/normalization.ts";

/** Options of {@link InstanceNorm1d}, {@link InstanceNorm2d} and {@link InstanceNorm3d}. */
export interface InstanceNormModuleOptions extends ChannelNormOptions {
  /** Weight of a batch in the running statistics. @defaultValue 0.1 */
  readonly momentum?: number | null;
  /** Whether there is a learned scale and shift. @defaultValue false */
  readonly affine?: boolean;
  /** Whether evaluation uses running statistics instead of the input's. @defaultValue false */
  readonly trackRunningStats?: boolean;
}

/**
 * Normalises every channel of every sample over space: $y = (x - E[x]) / \sqrt{Var[x] + ε} · γ + β$.
 * @see Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022
 */
abstract class InstanceNorm extends ChannelNorm {
  constructor(numFeatures: number, options: InstanceNormModuleOptions = {}) {
    super(numFeatures, options, { affine: false, trackRunningStats: false });
  }

  /** Number of spatial dims. */
  protected abstract readonly dims: number;

  /** @throws {ShapeError} if x has another rank or other channels than there are parameters for. */
  forward(x: Tensor): Tensor {
    const { dims, numFeatures, weight, bias, eps, runningMean, runningVar } = this;
    const isSingle = x.ndim === dims + 1;
    const needsChannels = weight !== null || runningMean !== null;
    const hasChannels = x.shape.at(-dims - 1) === numFeatures;
    if ((!isSingle && x.ndim !== dims + 2) || (needsChannels && !hasChannels)) {
      throw new ShapeError(
        `${this.constructor.name}: x must have ${dims + 1} or ${dims + 2} dims and ` +
          `${numFeatures} channels, got [${x.shape.join(", ")}]`,
      );
    }
    const y = instanceNorm(isSingle ? x.unsqueeze(0) : x, {
      weight,
      bias,
      eps,
      runningMean,
      runningVar,
      useInputStats: this.training || runningMean === null,
      momentum: this.momentum ?? 0,
    });
    return isSingle ? y.squeeze({ dim: 0 }) : y;
  }
}

/** Instance normalisation of x [N, C, L] or [C, L]. */
export class InstanceNorm1d extends InstanceNorm {
  protected override get dims(): number {
    return 1;
  }
}

/** Instance normalisation of x [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNorm {
  protected override get dims(): number {
    return 2;
  }
}

/** Instance normalisation of x [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNorm {
  protected override get dims(): number {
    return 3;
  }
}
