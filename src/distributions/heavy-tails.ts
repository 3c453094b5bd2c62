import * as random from "../tensor/random.ts";
import * as special from "../tensor/special.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { nonnegative, positive } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { Gamma } from "./gamma.ts";
import { broadcastParameters, constantLike } from "./shapes.ts";

const eulerGamma = 0.5772156649015329;

/** |X| of a Cauchy variable X around 0. */
export class HalfCauchy extends Distribution {
  readonly scale: Tensor;

  constructor(scale: TensorLike, options: DistributionOptions = {}) {
    checkParameters("HalfCauchy", [{ name: "scale", value: scale, constraint: positive }], options);
    const [width] = broadcastParameters(scale);
    super(width.shape, [], options);
    this.scale = width;
  }

  override get support(): Constraint {
    return nonnegative;
  }

  override get mean(): Tensor {
    return constantLike(this.scale, Infinity);
  }

  override get mode(): Tensor {
    return constantLike(this.scale, 0);
  }

  override get variance(): Tensor {
    return constantLike(this.scale, Infinity);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): HalfCauchy {
    return new HalfCauchy(this.scale.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.scale;
    const size = this.extendedShape(shape);
    return random
      .cauchy(size, { dtype, device, ...options })
      .abs()
      .mul(this.scale);
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.scale);
    const density = x.div(this.scale).square().log1p().add(this.scale.log()).neg();
    return density.add(Math.log(2 / Math.PI)).where(x.ge(0), -Infinity);
  }

  override entropy(): Tensor {
    return this.scale.log().add(Math.log(2 * Math.PI));
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.scale);
    return x
      .div(this.scale)
      .atan()
      .mul(2 / Math.PI);
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.scale);
    return p
      .mul(Math.PI / 2)
      .tan()
      .mul(this.scale);
  }
}

/** Pareto distribution: density alpha · scaleᵃ / x^(alpha + 1) from `scale` on. */
export class Pareto extends Distribution {
  readonly scale: Tensor;
  readonly alpha: Tensor;

  constructor(scale: TensorLike, alpha: TensorLike, options: DistributionOptions = {}) {
    checkParameters(
      "Pareto",
      [
        { name: "scale", value: scale, constraint: positive },
        { name: "alpha", value: alpha, constraint: positive },
      ],
      options,
    );
    const [start, decay] = broadcastParameters(scale, alpha);
    super(start.shape, [], options);
    this.scale = start;
    this.alpha = decay;
  }

  override get support(): Constraint {
    const { scale } = this;
    return { name: "from scale on", eventDim: 0, check: (x) => x.ge(scale) };
  }

  override get mean(): Tensor {
    const a = this.alpha.clampMin(1);
    return a.mul(this.scale).div(a.sub(1));
  }

  override get mode(): Tensor {
    return this.scale;
  }

  override get variance(): Tensor {
    const a = this.alpha.clampMin(2);
    return this.scale
      .square()
      .mul(a)
      .div(a.sub(1).square().mul(a.sub(2)));
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Pareto {
    return new Pareto(this.scale.expand(batchShape), this.alpha.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.scale;
    const size = this.extendedShape(shape);
    const steps = random.exponential(size, { dtype, device, ...options });
    return steps.div(this.alpha).exp().mul(this.scale);
  }

  override logProb(value: TensorLike): Tensor {
    const { scale, alpha } = this;
    const x = this.outcome("logProb", value, scale);
    return alpha.log().add(alpha.mul(scale.log())).sub(alpha.add(1).mul(x.log()));
  }

  override entropy(): Tensor {
    return this.scale.div(this.alpha).log().add(this.alpha.reciprocal()).add(1);
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.scale);
    return this.scale.div(x).log().mul(this.alpha).expm1().neg();
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.scale);
    return p.neg().log1p().div(this.alpha).neg().exp().mul(this.scale);
  }
}

/** Weibull distribution: cdf 1 − e^(−(x / scale)^concentration). */
export class Weibull extends Distribution {
  readonly scale: Tensor;
  readonly concentration: Tensor;

  constructor(scale: TensorLike, concentration: TensorLike, options: DistributionOptions = {}) {
    checkParameters(
      "Weibull",
      [
        { name: "scale", value: scale, constraint: positive },
        { name: "concentration", value: concentration, constraint: positive },
      ],
      options,
    );
    const [width, form] = broadcastParameters(scale, concentration);
    super(width.shape, [], options);
    this.scale = width;
    this.concentration = form;
  }

  override get support(): Constraint {
    return positive;
  }

  /** Γ(1 + k / concentration). */
  #moment(k: number): Tensor {
    return this.concentration.reciprocal().mul(k).add(1).lgamma().exp();
  }

  override get mean(): Tensor {
    return this.scale.mul(this.#moment(1));
  }

  override get mode(): Tensor {
    const { concentration: k } = this;
    const safe = where(k.gt(1), k, 2);
    return where(k.gt(1), safe.sub(1).div(safe).pow(safe.reciprocal()), 0).mul(this.scale);
  }

  override get variance(): Tensor {
    return this.scale.square().mul(this.#moment(2).sub(this.#moment(1).square()));
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Weibull {
    return new Weibull(this.scale.expand(batchShape), this.concentration.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.scale;
    const size = this.extendedShape(shape);
    const steps = random.exponential(size, { dtype, device, ...options });
    return steps.pow(this.concentration.reciprocal()).mul(this.scale);
  }

  override logProb(value: TensorLike): Tensor {
    const { scale, concentration: k } = this;
    const ratio = this.outcome("logProb", value, scale).div(scale);
    return k.div(scale).log().add(k.sub(1).mul(ratio.log())).sub(ratio.pow(k));
  }

  override entropy(): Tensor {
    const inverse = this.concentration.reciprocal();
    const spread = this.scale.mul(inverse).log();
    return inverse.neg().add(1).mul(eulerGamma).add(spread).add(1);
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.scale);
    return x.div(this.scale).pow(this.concentration).neg().expm1().neg();
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.scale);
    return p.neg().log1p().neg().pow(this.concentration.reciprocal()).mul(this.scale);
  }
}

/** 1 / X of a gamma variable X. */
export class InverseGamma extends Distribution {
  readonly concentration: Tensor;
  readonly rate: Tensor;

  constructor(concentration: TensorLike, rate: TensorLike, options: DistributionOptions = {}) {
    checkParameters(
      "InverseGamma",
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
    return positive;
  }

  override get mean(): Tensor {
    const { concentration: a, rate } = this;
    return where(a.gt(1), rate.div(where(a.gt(1), a.sub(1), 1)), Infinity);
  }

  override get mode(): Tensor {
    return this.rate.div(this.concentration.add(1));
  }

  override get variance(): Tensor {
    const { concentration: a, rate } = this;
    const safe = where(a.gt(2), a, 3);
    const value = rate.square().div(safe.sub(1).square().mul(safe.sub(2)));
    return where(a.gt(2), value, Infinity);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): InverseGamma {
    const { concentration, rate } = this;
    return new InverseGamma(concentration.expand(batchShape), rate.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor {
    const base = new Gamma(this.concentration, this.rate);
    const drawn = isDifferentiable ? base.rsample(shape, options) : base.sample(shape, options);
    return drawn.reciprocal();
  }

  override logProb(value: TensorLike): Tensor {
    const { concentration: a, rate } = this;
    const x = this.outcome("logProb", value, rate);
    const norm = special.xlogy(a, rate).sub(a.lgamma());
    return norm.sub(a.add(1).mul(x.log())).sub(rate.div(x));
  }

  override entropy(): Tensor {
    const { concentration: a, rate } = this;
    return a.add(rate.log()).add(a.lgamma()).sub(a.add(1).mul(a.digamma()));
  }
}
