import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import { UnsupportedOpError } from "../base/errors.ts";
import { tensor } from "../tensor/factories.ts";
import { where } from "../tensor/functions.ts";
import type { Constraint } from "./constraint.ts";
import { independent, positive, real } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution } from "./distribution.ts";
import { Normal } from "./normal.ts";
import { constantLike, sumRightmost } from "./shapes.ts";
import type { Transform } from "./transforms.ts";
import { ExpTransform } from "./transforms.ts";

/**
 * The distribution of f(x) for x of a base distribution and invertible maps f. A value that
 * `sample` or `rsample` returned is traced back exactly, also where the map has lost its digits.
 * @example new TransformedDistribution(new Normal(0, 1), [new TanhTransform()])
 */
export class TransformedDistribution extends Distribution {
  readonly base: Distribution;
  readonly transforms: readonly Transform[];

  constructor(
    base: Distribution,
    transforms: Transform | readonly Transform[],
    options: DistributionOptions = {},
  ) {
    const list = "forward" in transforms ? [transforms] : transforms;
    const full = [...base.batchShape, ...base.eventShape];
    const dims = Math.max(base.eventShape.length, ...list.map((part) => part.eventDim));
    const cut = full.length - dims;
    super(full.slice(0, cut), full.slice(cut), options);
    this.base = base;
    this.transforms = list;
  }

  override get support(): Constraint {
    return independent(real, this.eventShape.length);
  }

  override get mean(): Tensor {
    return this.unsupported("mean");
  }

  override get variance(): Tensor {
    return this.unsupported("variance");
  }

  override get hasRsample(): boolean {
    return this.base.hasRsample;
  }

  override expand(batchShape: Shape): TransformedDistribution {
    const extra = this.eventShape.length - this.base.eventShape.length;
    const inner = this.eventShape.slice(0, extra);
    const base = this.base.expand([...batchShape, ...inner]);
    return new TransformedDistribution(base, this.transforms, this);
  }

  #outcomeOf(op: string, value: TensorLike): Tensor {
    const y = typeof value === "number" ? tensor(value) : value;
    return this.outcome(op, y, y);
  }

  #forward(x: Tensor): Tensor {
    return this.transforms.reduce((value, part) => part.forward(value), x);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    return this.#forward(this.base.rsample(shape, options));
  }

  override sample(shape: Shape = [], options: SampleOptions = {}): Tensor {
    return this.#forward(this.base.sample(shape, options));
  }

  override logProb(value: TensorLike): Tensor {
    let y = this.#outcomeOf("logProb", value);
    const dims = this.eventShape.length;
    let total: Tensor | undefined;
    for (const part of this.transforms.toReversed()) {
      const x = part.inverse(y);
      const slope = sumRightmost(part.logAbsDetJacobian(x, y), dims - part.eventDim);
      total = total === undefined ? slope : total.add(slope);
      y = x;
    }
    const base = sumRightmost(this.base.logProb(y), dims - this.base.eventShape.length);
    return total === undefined ? base : base.sub(total);
  }

  /** Probability of outcomes ≤ value, for maps that rise or fall throughout. */
  override cdf(value: TensorLike): Tensor {
    let y = this.#outcomeOf("cdf", value);
    for (const part of this.transforms.toReversed()) y = part.inverse(y);
    const p = this.base.cdf(y);
    return this.#turned(p);
  }

  override icdf(probability: TensorLike): Tensor {
    const p = typeof probability === "number" ? tensor(probability) : probability;
    return this.#forward(this.base.icdf(this.#turned(p)));
  }

  /** p, or 1 − p where the maps together fall. */
  #turned(p: Tensor): Tensor {
    let sign: TensorLike = 1;
    for (const part of this.transforms) {
      if (part.sign === undefined) {
        throw new UnsupportedOpError("TransformedDistribution: cdf needs maps that rise or fall");
      }
      if (typeof sign === "number" && typeof part.sign === "number") sign *= part.sign;
      else sign = constantLike(p, 1).mul(sign).mul(part.sign);
    }
    const fallen = p.neg().add(1);
    if (typeof sign === "number") return sign > 0 ? p : fallen;
    return where(sign.gt(0), p, fallen);
  }
}

/** eˣ of a normal variable x. */
export class LogNormal extends TransformedDistribution {
  readonly normal: Normal;

  /** @param scale - standard deviation of the logarithm, > 0. */
  constructor(loc: TensorLike, scale: TensorLike, options: DistributionOptions = {}) {
    const normal = new Normal(loc, scale, options);
    super(normal, [new ExpTransform()], options);
    this.normal = normal;
  }

  /** Mean of the logarithm. */
  get loc(): Tensor {
    return this.normal.loc;
  }

  /** Standard deviation of the logarithm. */
  get scale(): Tensor {
    return this.normal.scale;
  }

  override get support(): Constraint {
    return positive;
  }

  override get mean(): Tensor {
    return this.scale.square().mul(0.5).add(this.loc).exp();
  }

  override get mode(): Tensor {
    return this.loc.sub(this.scale.square()).exp();
  }

  override get variance(): Tensor {
    const squared = this.scale.square();
    return squared.expm1().mul(this.loc.mul(2).add(squared).exp());
  }

  override expand(batchShape: Shape): LogNormal {
    return new LogNormal(this.loc.expand(batchShape), this.scale.expand(batchShape), this);
  }

  override entropy(): Tensor {
    return this.normal.entropy().add(this.loc);
  }
}
