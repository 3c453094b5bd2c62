import { ShapeError } from "../base/errors.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { independent } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution } from "./distribution.ts";
import { sumRightmost } from "./shapes.ts";

/**
 * A distribution whose last batch dims count as dims of one outcome: their log-probabilities add up.
 * @example new Independent(new Normal(zeros([3]), ones([3])), 1).logProb(zeros([3])).shape // []
 */
export class Independent extends Distribution {
  readonly base: Distribution;
  readonly reinterpretedBatchNdims: number;

  constructor(
    base: Distribution,
    reinterpretedBatchNdims: number,
    options: DistributionOptions = {},
  ) {
    const { batchShape, eventShape } = base;
    const rest = batchShape.length - reinterpretedBatchNdims;
    if (rest < 0 || reinterpretedBatchNdims < 0) {
      throw new ShapeError(
        `Independent: reinterpretedBatchNdims must be in 0 … ${batchShape.length}, got ${reinterpretedBatchNdims}`,
      );
    }
    super(batchShape.slice(0, rest), [...batchShape.slice(rest), ...eventShape], options);
    this.base = base;
    this.reinterpretedBatchNdims = reinterpretedBatchNdims;
  }

  override get support(): Constraint {
    return independent(this.base.support, this.reinterpretedBatchNdims);
  }

  override get mean(): Tensor {
    return this.base.mean;
  }

  override get mode(): Tensor {
    return this.base.mode;
  }

  override get variance(): Tensor {
    return this.base.variance;
  }

  override get hasRsample(): boolean {
    return this.base.hasRsample;
  }

  override expand(batchShape: Shape): Independent {
    const count = this.reinterpretedBatchNdims;
    const inner = this.eventShape.slice(0, count);
    return new Independent(this.base.expand([...batchShape, ...inner]), count, this);
  }

  protected override draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor {
    return isDifferentiable ? this.base.rsample(shape, options) : this.base.sample(shape, options);
  }

  override logProb(value: TensorLike): Tensor {
    return sumRightmost(this.base.logProb(value), this.reinterpretedBatchNdims);
  }

  override entropy(): Tensor {
    return sumRightmost(this.base.entropy(), this.reinterpretedBatchNdims);
  }
}
