import * as random from "../tensor/random.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { ChanceOptions } from "./bernoulli.ts";
import { ChanceDistribution, withProbs } from "./bernoulli.ts";
import type { CategoryOptions } from "./categorical.ts";
import { Categorical } from "./categorical.ts";
import type { Constraint } from "./constraint.ts";
import { simplex, unitInterval } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution } from "./distribution.ts";
import { broadcastParameters, clampProbabilities } from "./shapes.ts";

/** Uniform values strictly between 0 and 1. */
function openUnits(shape: Shape, like: Tensor, { generator }: SampleOptions): Tensor {
  const { dtype, device } = like;
  return clampProbabilities(random.uniform(shape, { dtype, device, generator }));
}

/**
 * A Bernoulli variable softened to (0, 1) so that gradients flow: sigmoid((logits + noise) / temperature).
 * @see Maddison et al. 2017, "The Concrete Distribution", https://arxiv.org/abs/1611.00712
 */
export class RelaxedBernoulli extends ChanceDistribution {
  readonly temperature: Tensor;

  constructor(
    temperature: TensorLike,
    probs: TensorLike | ChanceOptions,
    options: DistributionOptions = {},
  ) {
    super("RelaxedBernoulli", withProbs(probs, options));
    this.temperature = broadcastParameters(temperature, this.probs)[0];
  }

  override get support(): Constraint {
    return unitInterval;
  }

  override get mean(): Tensor {
    return this.unsupported("mean");
  }

  override get variance(): Tensor {
    return this.unsupported("variance");
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): RelaxedBernoulli {
    return new RelaxedBernoulli(this.temperature.expand(batchShape), this.expanded(batchShape));
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const noise = openUnits(this.extendedShape(shape), this.probs, options).logit();
    return noise.add(this.logits).div(this.temperature).sigmoid();
  }

  override logProb(value: TensorLike): Tensor {
    const y = clampProbabilities(this.outcome("logProb", value, this.probs)).logit();
    const gap = this.logits.sub(y.mul(this.temperature));
    const inner = this.temperature.log().add(gap).sub(gap.logaddexp(0).mul(2));
    // The slope of sigmoid at y.
    return inner.add(y.neg().logaddexp(0)).add(y.logaddexp(0));
  }
}

/**
 * A one-hot vector softened to the simplex so that gradients flow: softmax((logits + Gumbel) / temperature).
 * @see Jang et al. 2017, "Categorical Reparameterization with Gumbel-Softmax", https://arxiv.org/abs/1611.01144
 */
export class RelaxedOneHotCategorical extends Distribution {
  readonly temperature: TensorLike;
  readonly categorical: Categorical;

  constructor(
    temperature: TensorLike,
    probs: Tensor | CategoryOptions,
    options: DistributionOptions = {},
  ) {
    const categorical = new Categorical(probs, options);
    super(categorical.batchShape, [categorical.numEvents], withProbs(probs, options));
    this.categorical = categorical;
    this.temperature = temperature;
  }

  /** Probabilities of the categories at temperature 0. */
  get probs(): Tensor {
    return this.categorical.probs;
  }

  /** Logarithms of `probs`. */
  get logits(): Tensor {
    return this.categorical.logits;
  }

  override get support(): Constraint {
    return simplex;
  }

  override get mean(): Tensor {
    return this.unsupported("mean");
  }

  override get variance(): Tensor {
    return this.unsupported("variance");
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): RelaxedOneHotCategorical {
    const logits = this.logits.expand([...batchShape, this.categorical.numEvents]);
    return new RelaxedOneHotCategorical(this.temperature, {
      logits,
      validateArgs: this.validateArgs,
    });
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const units = openUnits(this.extendedShape(shape), this.logits, options);
    const noise = units.log().neg().log().neg();
    return this.logits.add(noise).div(this.temperature).softmax(-1);
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.logits).log();
    const [temperature] = broadcastParameters(this.temperature, this.logits.select(-1, 0));
    const count = this.categorical.numEvents;
    const wide = temperature.unsqueeze(-1);
    const scores = this.logits.sub(x.mul(wide));
    const norm = temperature
      .log()
      .mul(count - 1)
      .add(Math.log(factorialBefore(count)));
    const inner = scores.sum({ dim: -1 }).sub(scores.logsumexp(-1).mul(count));
    return inner.add(norm).sub(x.sum({ dim: -1 }));
  }
}

/** (n − 1)!. */
function factorialBefore(n: number): number {
  let product = 1;
  for (let k = 2; k < n; k++) product *= k;
  return product;
}
