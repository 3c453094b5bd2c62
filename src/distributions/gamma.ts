import { logStandardGamma } from "../tensor/random-rejection.ts";
import * as random from "../tensor/random.ts";
import * as special from "../tensor/special.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { nonnegative, positive, real, simplex, unitInterval, independent } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastParameters } from "./shapes.ts";

/**
 * Gamma distribution: density rateᵃ xᵃ⁻¹ e^(−rate · x) / Γ(a).
 * Gradients of samples reach both parameters (implicit reparametrisation, first order).
 */
export class Gamma extends Distribution {
  readonly concentration: Tensor;
  readonly rate: Tensor;

  constructor(concentration: TensorLike, rate: TensorLike, options: DistributionOptions = {}) {
    checkParameters(
      "Gamma",
      [
        { name: "concentration", value: concentration, constraint: positive },
        { name: "rate", value: rate, constraint: positive },
      ],
      options,
    );
    const [a, b] = broadcastParameters(concentration, rate);
    super(a.shape, [], options);
    this.concentration = a;
    this.rate = b;
  }

  override get support(): Constraint {
    return nonnegative;
  }

  override get mean(): Tensor {
    return this.concentration.div(this.rate);
  }

  override get mode(): Tensor {
    return this.concentration.sub(1).div(this.rate).clampMin(0);
  }

  override get variance(): Tensor {
    return this.concentration.div(this.rate.square());
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Gamma {
    return new Gamma(this.concentration.expand(batchShape), this.rate.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor {
    const drawn = logStandardGamma(this.concentration, this.extendedShape(shape), {
      ...options,
      isDifferentiable,
    }).exp();
    return drawn.div(this.rate).clampMin(drawn.dtype === "f64" ? 2 ** -1022 : 2 ** -126);
  }

  override logProb(value: TensorLike): Tensor {
    const { concentration: a, rate: b } = this;
    const x = this.outcome("logProb", value, a);
    return special
      .xlogy(a, b)
      .add(special.xlogy(a.sub(1), x))
      .sub(b.mul(x))
      .sub(a.lgamma());
  }

  override entropy(): Tensor {
    const { concentration: a, rate: b } = this;
    return a.sub(b.log()).add(a.lgamma()).add(a.neg().add(1).mul(a.digamma()));
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.rate);
    return special.gammainc(this.concentration, this.rate.mul(x));
  }
}

/** Sum of `df` squared standard normal variables. */
export class Chi2 extends Gamma {
  constructor(df: TensorLike, options: DistributionOptions = {}) {
    super(typeof df === "number" ? df / 2 : df.mul(0.5), 0.5, options);
  }

  /** Degrees of freedom. */
  get df(): Tensor {
    return this.concentration.mul(2);
  }

  override expand(batchShape: Shape): Chi2 {
    return new Chi2(this.df.expand(batchShape), this);
  }
}

/** Dirichlet distribution over vectors with the sum 1: density ∝ Π xᵢ^(aᵢ − 1). */
export class Dirichlet extends Distribution {
  readonly concentration: Tensor;

  /** @param concentration - [..., K], > 0. */
  constructor(concentration: Tensor, options: DistributionOptions = {}) {
    const constraint = independent(positive, 1);
    checkParameters(
      "Dirichlet",
      [{ name: "concentration", value: concentration, constraint }],
      options,
    );
    super(concentration.shape.slice(0, -1), concentration.shape.slice(-1), options);
    this.concentration = concentration;
  }

  override get support(): Constraint {
    return simplex;
  }

  get #total(): Tensor {
    return this.concentration.sum({ dim: -1, keepdim: true });
  }

  override get mean(): Tensor {
    return this.concentration.div(this.#total);
  }

  override get mode(): Tensor {
    const excess = this.concentration.sub(1).clampMin(0);
    const share = excess.div(excess.sum({ dim: -1, keepdim: true }));
    const isFlat = this.concentration.lt(1).all({ dim: -1, keepdim: true });
    const largest = share.nanToNum().argmax({ dim: -1, keepdim: true });
    const corner = share.mul(0).nanToNum().scatter(-1, largest, 1);
    return where(isFlat, corner, share);
  }

  override get variance(): Tensor {
    const total = this.#total;
    const { concentration } = this;
    return concentration.mul(total.sub(concentration)).div(total.square().mul(total.add(1)));
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Dirichlet {
    return new Dirichlet(this.concentration.expand([...batchShape, ...this.eventShape]), this);
  }

  protected override draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor {
    // Normalised in logarithms: gamma variables of small concentrations vanish together.
    return logStandardGamma(this.concentration, this.extendedShape(shape), {
      ...options,
      isDifferentiable,
    }).softmax(-1);
  }

  override logProb(value: TensorLike): Tensor {
    const { concentration: a } = this;
    const x = this.outcome("logProb", value, a);
    const norm = a
      .sum({ dim: -1 })
      .lgamma()
      .sub(a.lgamma().sum({ dim: -1 }));
    return special.xlogy(a.sub(1), x).sum({ dim: -1 }).add(norm);
  }

  override entropy(): Tensor {
    const { concentration: a } = this;
    const total = a.sum({ dim: -1 });
    const count = this.eventShape[0];
    return a
      .lgamma()
      .sum({ dim: -1 })
      .sub(total.lgamma())
      .sub(total.digamma().mul(total.neg().add(count)))
      .sub(a.sub(1).mul(a.digamma()).sum({ dim: -1 }));
  }
}

/** Beta distribution on [0, 1]: density ∝ x^(a − 1) (1 − x)^(b − 1). */
export class Beta extends Distribution {
  readonly concentration1: Tensor;
  readonly concentration0: Tensor;

  /**
   * @param concentration1 - a, often called alpha.
   * @param concentration0 - b, often called beta.
   */
  constructor(
    concentration1: TensorLike,
    concentration0: TensorLike,
    options: DistributionOptions = {},
  ) {
    checkParameters(
      "Beta",
      [
        { name: "concentration1", value: concentration1, constraint: positive },
        { name: "concentration0", value: concentration0, constraint: positive },
      ],
      options,
    );
    const [a, b] = broadcastParameters(concentration1, concentration0);
    super(a.shape, [], options);
    this.concentration1 = a;
    this.concentration0 = b;
  }

  override get support(): Constraint {
    return unitInterval;
  }

  override get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0));
  }

  override get mode(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const inner = a.sub(1).div(a.add(b).sub(2));
    const isFlat = a.lt(1).logicalAnd(b.lt(1));
    const corner = a.ge(b).to(a.dtype);
    return where(isFlat, corner, inner.clamp({ min: 0, max: 1 }));
  }

  override get variance(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const total = a.add(b);
    return a.mul(b).div(total.square().mul(total.add(1)));
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Beta {
    const { concentration1: a, concentration0: b } = this;
    return new Beta(a.expand(batchShape), b.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor {
    const size = this.extendedShape(shape);
    const first = logStandardGamma(this.concentration1, size, { ...options, isDifferentiable });
    return first
      .sub(logStandardGamma(this.concentration0, size, { ...options, isDifferentiable }))
      .sigmoid();
  }

  override logProb(value: TensorLike): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const x = this.outcome("logProb", value, a);
    const inner = special.xlogy(a.sub(1), x).add(special.xlog1py(b.sub(1), x.neg()));
    return inner.add(a.add(b).lgamma()).sub(a.lgamma()).sub(b.lgamma());
  }

  override entropy(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const total = a.add(b);
    return a
      .lgamma()
      .add(b.lgamma())
      .sub(total.lgamma())
      .sub(a.sub(1).mul(a.digamma()))
      .sub(b.sub(1).mul(b.digamma()))
      .add(total.sub(2).mul(total.digamma()));
  }
}

/** Student's t distribution with `df` degrees of freedom. */
export class StudentT extends Distribution {
  readonly df: Tensor;
  readonly loc: Tensor;
  readonly scale: Tensor;

  constructor(
    df: TensorLike,
    loc: TensorLike = 0,
    scale: TensorLike = 1,
    options: DistributionOptions = {},
  ) {
    checkParameters(
      "StudentT",
      [
        { name: "df", value: df, constraint: positive },
        { name: "loc", value: loc, constraint: real },
        { name: "scale", value: scale, constraint: positive },
      ],
      options,
    );
    const [freedom, center, width] = broadcastParameters(df, loc, scale);
    super(freedom.shape, [], options);
    this.df = freedom;
    this.loc = center;
    this.scale = width;
  }

  override get support(): Constraint {
    return real;
  }

  override get mean(): Tensor {
    return where(this.df.gt(1), this.loc, NaN);
  }

  override get mode(): Tensor {
    return this.loc;
  }

  override get variance(): Tensor {
    const { df } = this;
    const hasVariance = df.gt(2);
    const safe = where(hasVariance, df, 3);
    const value = this.scale.square().mul(safe).div(safe.sub(2));
    return where(hasVariance, value, where(df.gt(1), Infinity, NaN));
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): StudentT {
    const [df, loc, scale] = [this.df, this.loc, this.scale].map((x) => x.expand(batchShape));
    return new StudentT(df, loc, scale, this);
  }

  protected override draw(
    shape: Shape,
    { generator }: SampleOptions,
    isDifferentiable: boolean,
  ): Tensor {
    const size = this.extendedShape(shape);
    const { dtype, device } = this.loc;
    const noise = random.normal(size, { dtype, device, generator });
    const log = logStandardGamma(this.df.mul(0.5), size, { generator, isDifferentiable }).add(
      Math.LN2,
    );
    const shrink = log.sub(this.df.log()).mul(-0.5).exp();
    return noise.mul(shrink).mul(this.scale).add(this.loc);
  }

  override logProb(value: TensorLike): Tensor {
    const { df, scale } = this;
    const z = this.outcome("logProb", value, this.loc).sub(this.loc).div(scale);
    const half = df.mul(0.5);
    const norm = scale
      .log()
      .add(df.log().mul(0.5))
      .add(0.5 * Math.log(Math.PI))
      .add(half.lgamma())
      .sub(half.add(0.5).lgamma());
    return half.add(0.5).mul(z.square().div(df).log1p()).neg().sub(norm);
  }

  override entropy(): Tensor {
    const half = this.df.mul(0.5);
    const upper = half.add(0.5);
    const logBeta = half
      .lgamma()
      .add(Math.log(Math.sqrt(Math.PI)))
      .sub(upper.lgamma());
    return this.scale
      .log()
      .add(upper.mul(upper.digamma().sub(half.digamma())))
      .add(this.df.log().mul(0.5))
      .add(logBeta);
  }
}
