import * as random from "../tensor/random.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { interval, nonnegative, positive, real } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastParameters, constantLike } from "./shapes.ts";

const eulerGamma = 0.5772156649015329;

/** A family that is a fixed variable stretched by `scale` and moved by `loc`. */
abstract class LocationScale extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;

  constructor(name: string, loc: TensorLike, scale: TensorLike, options: DistributionOptions) {
    checkParameters(
      name,
      [
        { name: "loc", value: loc, constraint: real },
        { name: "scale", value: scale, constraint: positive },
      ],
      options,
    );
    const [center, width] = broadcastParameters(loc, scale);
    super(center.shape, [], options);
    this.loc = center;
    this.scale = width;
  }

  override get support(): Constraint {
    return real;
  }

  override get hasRsample(): boolean {
    return true;
  }

  /** (x − loc) / scale. */
  protected standardized(op: string, value: TensorLike): Tensor {
    return this.outcome(op, value, this.loc).sub(this.loc).div(this.scale);
  }

  /** loc + scale · z. */
  protected placed(z: Tensor): Tensor {
    return z.mul(this.scale).add(this.loc);
  }

  /** A probability as a tensor. */
  protected probability(p: TensorLike): Tensor {
    return broadcastParameters(p, this.loc)[0];
  }

  /** Uniform values in the open interval (0, 1). */
  protected units(shape: Shape, { generator }: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    const step = dtype === "f64" ? 2 ** -54 : 2 ** -25;
    return random.uniform(this.extendedShape(shape), { dtype, device, generator }).add(step);
  }
}

/** Laplace distribution: density e^(−|x − loc| / scale) / (2 scale). */
export class Laplace extends LocationScale {
  constructor(loc: TensorLike, scale: TensorLike, options: DistributionOptions = {}) {
    super("Laplace", loc, scale, options);
  }

  override get mean(): Tensor {
    return this.loc;
  }

  override get mode(): Tensor {
    return this.loc;
  }

  override get variance(): Tensor {
    return this.scale.square().mul(2);
  }

  override expand(batchShape: Shape): Laplace {
    return new Laplace(this.loc.expand(batchShape), this.scale.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    const size = this.extendedShape(shape);
    const signs = random
      .uniform(size, { dtype, device, ...options })
      .sub(0.5)
      .ge(0);
    const length = random.exponential(size, { dtype, device, ...options });
    return this.placed(length.where(signs, length.neg()));
  }

  override logProb(value: TensorLike): Tensor {
    return this.standardized("logProb", value).abs().neg().sub(this.scale.mul(2).log());
  }

  override entropy(): Tensor {
    return this.scale.log().add(1 + Math.LN2);
  }

  override cdf(value: TensorLike): Tensor {
    const z = this.standardized("cdf", value);
    return z.sign().mul(z.abs().neg().expm1()).mul(-0.5).add(0.5);
  }

  override icdf(probability: TensorLike): Tensor {
    const term = this.probability(probability).sub(0.5);
    return this.placed(term.sign().mul(term.abs().mul(-2).log1p()).neg());
  }
}

/** Cauchy distribution: no mean, infinite variance. */
export class Cauchy extends LocationScale {
  constructor(loc: TensorLike, scale: TensorLike, options: DistributionOptions = {}) {
    super("Cauchy", loc, scale, options);
  }

  override get mean(): Tensor {
    return constantLike(this.loc, NaN);
  }

  override get mode(): Tensor {
    return this.loc;
  }

  override get variance(): Tensor {
    return constantLike(this.loc, Infinity);
  }

  override expand(batchShape: Shape): Cauchy {
    return new Cauchy(this.loc.expand(batchShape), this.scale.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    return this.placed(random.cauchy(this.extendedShape(shape), { dtype, device, ...options }));
  }

  override logProb(value: TensorLike): Tensor {
    const z = this.standardized("logProb", value);
    return z.square().log1p().neg().sub(this.scale.log()).sub(Math.log(Math.PI));
  }

  override entropy(): Tensor {
    return this.scale.log().add(Math.log(4 * Math.PI));
  }

  override cdf(value: TensorLike): Tensor {
    return this.standardized("cdf", value).atan().div(Math.PI).add(0.5);
  }

  override icdf(probability: TensorLike): Tensor {
    return this.placed(this.probability(probability).sub(0.5).mul(Math.PI).tan());
  }
}

/** Gumbel distribution, of the largest of many: loc − scale · ln(−ln u). */
export class Gumbel extends LocationScale {
  constructor(loc: TensorLike, scale: TensorLike, options: DistributionOptions = {}) {
    super("Gumbel", loc, scale, options);
  }

  override get mean(): Tensor {
    return this.scale.mul(eulerGamma).add(this.loc);
  }

  override get mode(): Tensor {
    return this.loc;
  }

  override get variance(): Tensor {
    return this.scale.square().mul(Math.PI ** 2 / 6);
  }

  override expand(batchShape: Shape): Gumbel {
    return new Gumbel(this.loc.expand(batchShape), this.scale.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    return this.placed(this.units(shape, options).log().neg().log().neg());
  }

  override logProb(value: TensorLike): Tensor {
    const y = this.standardized("logProb", value).neg();
    return y.sub(y.exp()).sub(this.scale.log());
  }

  override entropy(): Tensor {
    return this.scale.log().add(1 + eulerGamma);
  }

  override cdf(value: TensorLike): Tensor {
    return this.standardized("cdf", value).neg().exp().neg().exp();
  }

  override icdf(probability: TensorLike): Tensor {
    return this.placed(this.probability(probability).log().neg().log().neg());
  }
}

/** Uniform distribution over [low, high). */
export class Uniform extends Distribution {
  readonly low: Tensor;
  readonly high: Tensor;

  constructor(low: TensorLike, high: TensorLike, options: DistributionOptions = {}) {
    const width = typeof low === "number" && typeof high === "number" ? high - low : 1;
    checkParameters(
      "Uniform",
      [{ name: "high - low", value: width, constraint: positive }],
      options,
    );
    const [start, end] = broadcastParameters(low, high);
    super(start.shape, [], options);
    this.low = start;
    this.high = end;
  }

  override get support(): Constraint {
    return interval(this.low, this.high);
  }

  override get mean(): Tensor {
    return this.low.add(this.high).mul(0.5);
  }

  override get variance(): Tensor {
    return this.high.sub(this.low).square().div(12);
  }

  override get stddev(): Tensor {
    return this.high.sub(this.low).div(Math.sqrt(12));
  }

  override get mode(): Tensor {
    return constantLike(this.low, NaN);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Uniform {
    return new Uniform(this.low.expand(batchShape), this.high.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.low;
    const unit = random.uniform(this.extendedShape(shape), { dtype, device, ...options });
    return unit.mul(this.high.sub(this.low)).add(this.low);
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.low);
    const inside = x.ge(this.low).logicalAnd(x.lt(this.high));
    // As torch's, the gradient of the density's height passes outside, too.
    return inside.to(this.low.dtype).log().sub(this.entropy());
  }

  override entropy(): Tensor {
    return this.high.sub(this.low).log();
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.low);
    return x.sub(this.low).div(this.high.sub(this.low)).clamp({ min: 0, max: 1 });
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.low);
    return p.mul(this.high.sub(this.low)).add(this.low);
  }
}

/** Exponential distribution: density rate · e^(−rate · x). */
export class Exponential extends Distribution {
  readonly rate: Tensor;

  constructor(rate: TensorLike, options: DistributionOptions = {}) {
    checkParameters("Exponential", [{ name: "rate", value: rate, constraint: positive }], options);
    const [speed] = broadcastParameters(rate);
    super(speed.shape, [], options);
    this.rate = speed;
  }

  override get support(): Constraint {
    return nonnegative;
  }

  override get mean(): Tensor {
    return this.rate.reciprocal();
  }

  override get mode(): Tensor {
    return constantLike(this.rate, 0);
  }

  override get variance(): Tensor {
    return this.rate.square().reciprocal();
  }

  override get stddev(): Tensor {
    return this.rate.reciprocal();
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Exponential {
    return new Exponential(this.rate.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.rate;
    const size = this.extendedShape(shape);
    return random.exponential(size, { dtype, device, ...options }).div(this.rate);
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.rate);
    return this.rate.log().sub(this.rate.mul(x));
  }

  override entropy(): Tensor {
    return this.rate.log().neg().add(1);
  }

  override cdf(value: TensorLike): Tensor {
    return this.rate
      .mul(this.outcome("cdf", value, this.rate))
      .neg()
      .expm1()
      .neg();
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.rate);
    return p.neg().log1p().div(this.rate).neg();
  }
}
