import { ShapeError } from "../base/errors.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Categorical } from "./categorical.ts";
import type { Constraint } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution } from "./distribution.ts";
import { sameNumbers } from "../base/integers.ts";

/**
 * A mixture of distributions of one family: the last batch dim of `component` counts its parts,
 * which `mixture` weighs.
 * @example new MixtureSameFamily(new Categorical({ probs: ones([5]) }), new Normal(zeros([5]), 1))
 */
export class MixtureSameFamily extends Distribution {
  readonly mixture: Categorical;
  readonly component: Distribution;

  constructor(mixture: Categorical, component: Distribution, options: DistributionOptions = {}) {
    const batch = component.batchShape.slice(0, -1);
    const count = component.batchShape.at(-1);
    const fits = mixture.batchShape.length === 0 || sameNumbers(mixture.batchShape, batch);
    if (count !== mixture.numEvents || !fits) {
      throw new ShapeError(
        `MixtureSameFamily: the component's batch must end with the mixture's ${mixture.numEvents} parts, got [${component.batchShape.join(", ")}]`,
      );
    }
    super(batch, component.eventShape, options);
    this.mixture = mixture.expand(batch);
    this.component = component;
  }

  override get support(): Constraint {
    return this.component.support;
  }

  /** Weights of the parts beside values of the component's batch and event. */
  #weights(): Tensor {
    const { probs } = this.mixture;
    return probs.reshape([...probs.shape, ...this.eventShape.map(() => 1)]);
  }

  get #part(): number {
    return -1 - this.eventShape.length;
  }

  override get mean(): Tensor {
    return this.#weights().mul(this.component.mean).sum({ dim: this.#part });
  }

  override get variance(): Tensor {
    const weights = this.#weights();
    const { mean, variance } = this.component;
    const center = weights.mul(mean).sum({ dim: this.#part, keepdim: true });
    const between = weights.mul(mean.sub(center).square()).sum({ dim: this.#part });
    return weights.mul(variance).sum({ dim: this.#part }).add(between);
  }

  override expand(batchShape: Shape): MixtureSameFamily {
    const component = this.component.expand([...batchShape, this.mixture.numEvents]);
    return new MixtureSameFamily(this.mixture.expand(batchShape), component, this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const which = this.mixture.sample(shape, options);
    const values = this.component.sample(shape, options);
    const part = values.ndim - 1 - this.eventShape.length;
    const places = which.reshape([...which.shape, 1, ...this.eventShape.map(() => 1)]);
    const wide = places.expand(values.shape.with(part, 1));
    return values.gather(part, wide).squeeze({ dim: part });
  }

  /** The value once for each part. */
  #spread(op: string, value: TensorLike): Tensor {
    const x = this.outcome(op, value, this.component.mean);
    return x.unsqueeze(x.ndim - this.eventShape.length);
  }

  override logProb(value: TensorLike): Tensor {
    const inner = this.component.logProb(this.#spread("logProb", value));
    return inner.add(this.mixture.logits.logSoftmax(-1)).logsumexp(-1);
  }

  override cdf(value: TensorLike): Tensor {
    const inner = this.component.cdf(this.#spread("cdf", value));
    return inner.mul(this.mixture.probs).sum({ dim: -1 });
  }
}
