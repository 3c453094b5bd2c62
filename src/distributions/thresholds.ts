import * as random from "../tensor/random.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { positive, real } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { Gamma } from "./gamma.ts";
import { broadcastParameters } from "./shapes.ts";

/** What lies beyond a threshold: survival (1 + k z)^(−1/k) for z = (x − loc) / scale, e^(−z) at k = 0. */
export class GeneralizedPareto extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;
  readonly concentration: Tensor;

  constructor(
    loc: TensorLike,
    scale: TensorLike,
    concentration: TensorLike,
    options: DistributionOptions = {},
  ) {
    const checked = [
      { name: "loc", value: loc, constraint: real },
      { name: "scale", value: scale, constraint: positive },
      { name: "concentration", value: concentration, constraint: real },
    ];
    checkParameters("GeneralizedPareto", checked, options);
    const [start, width, form] = broadcastParameters(loc, scale, concentration);
    super(start.shape, [], options);
    this.loc = start;
    this.scale = width;
    this.concentration = form;
  }

  override get support(): Constraint {
    const { loc, scale, concentration: k } = this;
    return {
      name: "from loc to the end",
      eventDim: 0,
      check: (x) => x.ge(loc).logicalAnd(k.mul(x.sub(loc)).div(scale).ge(-1)),
    };
  }

  /** Where k counts as 0, and k elsewhere. */
  #form(): { readonly isFlat: Tensor; readonly k: Tensor } {
    const isFlat = this.concentration.abs().lt(1e-8);
    return { isFlat, k: where(isFlat, 1, this.concentration) };
  }

  /** NaN for k ≥ 1, as torch. */
  override get mean(): Tensor {
    const { loc, scale, concentration: k } = this;
    const ends = k.lt(1);
    return where(ends, scale.div(where(ends, k.neg().add(1), 1)).add(loc), NaN);
  }

  override get mode(): Tensor {
    return this.loc;
  }

  /** NaN for k ≥ ½, as torch. */
  override get variance(): Tensor {
    const { scale, concentration } = this;
    const ends = concentration.lt(0.5);
    const k = where(ends, concentration, 0);
    const below = k.neg().add(1).square().mul(k.mul(-2).add(1));
    return where(ends, scale.square().div(below), NaN);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): GeneralizedPareto {
    const [loc, scale, k] = [this.loc, this.scale, this.concentration].map((x) =>
      x.expand(batchShape),
    );
    return new GeneralizedPareto(loc, scale, k, this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.loc;
    const size = this.extendedShape(shape);
    return this.#after(random.exponential(size, { dtype, device, ...options }));
  }

  /** The value whose survival is e^(−steps). */
  #after(steps: Tensor): Tensor {
    const { isFlat, k } = this.#form();
    const z = where(isFlat, steps, k.mul(steps).expm1().div(k));
    return z.mul(this.scale).add(this.loc);
  }

  /** −ln of the survival. */
  #steps(x: Tensor): Tensor {
    const { isFlat, k } = this.#form();
    const z = x.sub(this.loc).div(this.scale);
    return where(isFlat, z, k.mul(z).log1p().div(k));
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.loc);
    const { concentration: k, scale } = this;
    const inside = this.support.check(x);
    const steps = this.#steps(where(inside, x, this.loc));
    return where(inside, steps.mul(k.add(1)).add(scale.log()).neg(), -Infinity);
  }

  override entropy(): Tensor {
    return this.scale.log().add(this.concentration).add(1);
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.loc);
    const inside = this.support.check(x);
    const below = this.#steps(where(inside, x, this.loc))
      .neg()
      .expm1()
      .neg();
    return where(inside, below, where(x.lt(this.loc), 0, 1));
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.loc);
    return this.#after(p.neg().log1p().neg());
  }
}

/** Ratio of two mean squares with `df1` and `df2` degrees of freedom: the F-distribution. */
export class FisherSnedecor extends Distribution {
  readonly df1: Tensor;
  readonly df2: Tensor;

  constructor(df1: TensorLike, df2: TensorLike, options: DistributionOptions = {}) {
    const checked = [
      { name: "df1", value: df1, constraint: positive },
      { name: "df2", value: df2, constraint: positive },
    ];
    checkParameters("FisherSnedecor", checked, options);
    const [above, below] = broadcastParameters(df1, df2);
    super(above.shape, [], options);
    this.df1 = above;
    this.df2 = below;
  }

  override get support(): Constraint {
    return positive;
  }

  override get mean(): Tensor {
    const exists = this.df2.gt(2);
    const safe = where(exists, this.df2, 3);
    return where(exists, safe.div(safe.sub(2)), NaN);
  }

  override get mode(): Tensor {
    const { df1, df2 } = this;
    const inner = df1.sub(2).div(df1).mul(df2).div(df2.add(2));
    return where(df1.gt(2), inner, NaN);
  }

  override get variance(): Tensor {
    const { df1 } = this;
    const exists = this.df2.gt(4);
    const df2 = where(exists, this.df2, 5);
    const above = df2.square().mul(2).mul(df1.add(df2).sub(2));
    const below = df1.mul(df2.sub(2).square()).mul(df2.sub(4));
    return where(exists, above.div(below), NaN);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): FisherSnedecor {
    return new FisherSnedecor(this.df1.expand(batchShape), this.df2.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor {
    const meanSquare = (df: Tensor): Tensor => {
      const base = new Gamma(df.mul(0.5), df.mul(0.5));
      return isDifferentiable ? base.rsample(shape, options) : base.sample(shape, options);
    };
    return meanSquare(this.df1).div(meanSquare(this.df2));
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.df1);
    const [a, b] = [this.df1.mul(0.5), this.df2.mul(0.5)];
    const ratio = this.df1.div(this.df2);
    const norm = a.add(b).lgamma().sub(a.lgamma()).sub(b.lgamma());
    const main = a.mul(ratio.log()).add(a.sub(1).mul(x.log()));
    return norm.add(main).sub(a.add(b).mul(ratio.mul(x).log1p()));
  }
}
