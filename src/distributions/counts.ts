import { ConfigError } from "../base/errors.ts";
import { arange } from "../tensor/factories.ts";
import { logStandardGamma, poisson } from "../tensor/random-rejection.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { ChanceOptions } from "./bernoulli.ts";
import { ChanceDistribution, oneOf, withProbs } from "./bernoulli.ts";
import { Categorical } from "./categorical.ts";
import type { CategoryOptions } from "./categorical.ts";
import type { Constraint } from "./constraint.ts";
import { independent, nonnegative, nonnegativeInteger } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastParameters } from "./shapes.ts";

/** How many successes come before `totalCount` failures. */
export class NegativeBinomial extends ChanceDistribution {
  readonly totalCount: Tensor;

  /** @param probs - of success, as a value, or `probs` or `logits` as an option. */
  constructor(
    totalCount: TensorLike,
    probs: TensorLike | ChanceOptions,
    rest: DistributionOptions = {},
  ) {
    const options = withProbs(probs, rest);
    const { value } = oneOf("NegativeBinomial", options);
    checkParameters(
      "NegativeBinomial",
      [{ name: "totalCount", value: totalCount, constraint: nonnegative }],
      options,
    );
    const [chance, count] = broadcastParameters(value, totalCount);
    super("NegativeBinomial", options, chance);
    this.totalCount = count.to(chance.dtype);
  }

  override get support(): Constraint {
    return nonnegativeInteger;
  }

  override get mean(): Tensor {
    return this.totalCount.mul(this.logits.exp());
  }

  override get mode(): Tensor {
    return this.totalCount.sub(1).mul(this.logits.exp()).floor().clampMin(0);
  }

  override get variance(): Tensor {
    return this.mean.div(this.logits.neg().sigmoid());
  }

  override expand(batchShape: Shape): NegativeBinomial {
    return new NegativeBinomial(this.totalCount.expand(batchShape), this.expanded(batchShape));
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const size = this.extendedShape(shape);
    const log = logStandardGamma(this.totalCount, size, { ...options, isDifferentiable: false });
    return poisson(log.add(this.logits).exp(), { ...options, shape: size });
  }

  override logProb(value: TensorLike): Tensor {
    const { totalCount: n, logits } = this;
    const x = this.outcome("logProb", value, logits);
    const failed = n.mul(logits.logaddexp(0)).neg();
    const succeeded = x.mul(logits.neg().logaddexp(0)).neg();
    const ways = n.add(x).lgamma().sub(x.add(1).lgamma()).sub(n.lgamma());
    return failed.add(succeeded).add(ways.where(n.add(x).ne(0), 0));
  }
}

/** How often each of K categories came up in `totalCount` draws, as a vector. */
export class Multinomial extends Distribution {
  readonly totalCount: number;
  readonly categorical: Categorical;

  /** @param options - `probs` or `logits`, [..., K]. */
  constructor(
    totalCount: number,
    probs: Tensor | CategoryOptions,
    options: DistributionOptions = {},
  ) {
    if (!Number.isInteger(totalCount) || totalCount < 0) {
      throw new ConfigError(`Multinomial: totalCount must be an integer ≥ 0, got ${totalCount}`);
    }
    const categorical = new Categorical(probs, options);
    super(categorical.batchShape, [categorical.numEvents], withProbs(probs, options));
    this.totalCount = totalCount;
    this.categorical = categorical;
  }

  /** Probabilities, with the sum 1. */
  get probs(): Tensor {
    return this.categorical.probs;
  }

  /** Logarithms of the probabilities. */
  get logits(): Tensor {
    return this.categorical.logits;
  }

  override get support(): Constraint {
    const { totalCount } = this;
    const counts = independent(nonnegativeInteger, 1);
    const check = (x: Tensor): Tensor =>
      counts.check(x).logicalAnd(x.sum({ dim: -1 }).eq(totalCount));
    return { name: "counts", eventDim: 1, check };
  }

  override get mean(): Tensor {
    return this.probs.mul(this.totalCount);
  }

  override get variance(): Tensor {
    return this.mean.mul(this.probs.neg().add(1));
  }

  override expand(batchShape: Shape): Multinomial {
    const { logits, validateArgs } = this;
    const shape = [...batchShape, this.categorical.numEvents];
    return new Multinomial(this.totalCount, { logits: logits.expand(shape), validateArgs });
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.probs;
    const drawn = this.categorical.sample([this.totalCount, ...shape], options);
    const names = arange(this.categorical.numEvents, { device });
    return drawn.unsqueeze(-1).eq(names).to(dtype).sum({ dim: 0 });
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.probs);
    const ways = x
      .sum({ dim: -1 })
      .add(1)
      .lgamma()
      .sub(x.add(1).lgamma().sum({ dim: -1 }));
    const chances = this.logits.nanToNum({ neginf: -3.4e38 }).mul(x);
    return ways.add(chances.sum({ dim: -1 }));
  }
}
