import * as random from "../tensor/random.ts";
import * as special from "../tensor/special.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { nonnegative, positive, real } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastParameters, constantLike } from "./shapes.ts";

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * Normal distribution. Density e^(−((x − loc) / scale)² / 2) / (scale √2π).
 * @example new Normal(0, 1).logProb(0) // −0.9189
 */
export class Normal extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;

  /** @param scale - standard deviation, > 0. */
  constructor(loc: TensorLike, scale: TensorLike, options: DistributionOptions = {}) {
    checkParameters(
      "Normal",
      [
        { name: "loc", value: loc, constraint: real },
        { name: "scale", value: scale, constraint: positive },
      ],
      options,
    );
    const [mean, width] = broadcastParameters(loc, scale);
    super(mean.shape, [], options);
    this.loc = mean;
    this.scale = width;
  }

  override get support(): Constraint {
    return real;
  }

  override get mean(): Tensor {
    return this.loc;
  }

  override get mode(): Tensor {
    return this.loc;
  }

  override get stddev(): Tensor {
    return this.scale;
  }

  override get variance(): Tensor {
    return this.scale.square();
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Normal {
    return new Normal(this.loc.expand(batchShape), this.scale.expand(batchShape), this);
  }

  protected override draw(shape: Shape, { generator }: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    const noise = random.normal(this.extendedShape(shape), { dtype, device, generator });
    return this.loc.add(noise.mul(this.scale));
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.loc);
    const distance = x.sub(this.loc).div(this.scale);
    return distance.square().mul(-0.5).sub(this.scale.log()).sub(halfLogTwoPi);
  }

  override entropy(): Tensor {
    return this.scale.log().add(0.5 + halfLogTwoPi);
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.loc);
    return special.ndtr(x.sub(this.loc).div(this.scale));
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.loc);
    return special.ndtri(p).mul(this.scale).add(this.loc);
  }
}

/** |X| of a normal variable X around 0. */
export class HalfNormal extends Distribution {
  readonly scale: Tensor;

  constructor(scale: TensorLike, options: DistributionOptions = {}) {
    checkParameters("HalfNormal", [{ name: "scale", value: scale, constraint: positive }], options);
    const [width] = broadcastParameters(scale);
    super(width.shape, [], options);
    this.scale = width;
  }

  override get support(): Constraint {
    return nonnegative;
  }

  override get mean(): Tensor {
    return this.scale.mul(Math.sqrt(2 / Math.PI));
  }

  override get mode(): Tensor {
    return constantLike(this.scale, 0);
  }

  override get variance(): Tensor {
    return this.scale.square().mul(1 - 2 / Math.PI);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): HalfNormal {
    return new HalfNormal(this.scale.expand(batchShape), this);
  }

  protected override draw(shape: Shape, { generator }: SampleOptions): Tensor {
    const { dtype, device } = this.scale;
    const noise = random.normal(this.extendedShape(shape), { dtype, device, generator });
    return noise.abs().mul(this.scale);
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.scale);
    const inner = x.div(this.scale).square().mul(-0.5).sub(this.scale.log());
    const density = inner.add(Math.LN2 - halfLogTwoPi);
    return density.where(x.ge(0), -Infinity);
  }

  override entropy(): Tensor {
    return this.scale.log().add(0.5 + halfLogTwoPi - Math.LN2);
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.scale);
    return x.div(this.scale).mul(Math.SQRT1_2).erf().clampMin(0);
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.scale);
    return p.erfinv().mul(this.scale).mul(Math.SQRT2);
  }
}
