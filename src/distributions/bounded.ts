import { ConfigError } from "../base/errors.ts";
import { where } from "../tensor/functions.ts";
import { whileLoop } from "../tensor/loops.ts";
import * as random from "../tensor/random.ts";
import * as special from "../tensor/special.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { ChanceOptions } from "./bernoulli.ts";
import type { Constraint } from "./constraint.ts";
import { positive, real, unitInterval } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastParameters, clampProbabilities, constantLike } from "./shapes.ts";

const eulerGamma = 0.5772156649015329;

/** Distribution on [0, 1] with the cdf 1 − (1 − xᵃ)ᵇ, close to Beta(a, b). */
export class Kumaraswamy extends Distribution {
  readonly concentration1: Tensor;
  readonly concentration0: Tensor;

  constructor(a: TensorLike, b: TensorLike, options: DistributionOptions = {}) {
    const checked = [
      { name: "concentration1", value: a, constraint: positive },
      { name: "concentration0", value: b, constraint: positive },
    ];
    checkParameters("Kumaraswamy", checked, options);
    const [one, zero] = broadcastParameters(a, b);
    super(one.shape, [], options);
    this.concentration1 = one;
    this.concentration0 = zero;
  }

  override get support(): Constraint {
    return unitInterval;
  }

  /** E xᵏ = b · B(1 + k / a, b). */
  #moment(k: number): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const first = a.reciprocal().mul(k).add(1);
    return b.log().add(first.lgamma()).add(b.lgamma()).sub(first.add(b).lgamma()).exp();
  }

  override get mean(): Tensor {
    return this.#moment(1);
  }

  override get variance(): Tensor {
    return this.#moment(2).sub(this.#moment(1).square());
  }

  /** NaN where the density has no peak inside. */
  override get mode(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const hasPeak = a.ge(1).logicalAnd(b.ge(1)).logicalAnd(a.mul(b).gt(1));
    const ratio = a.sub(1).div(where(hasPeak, a.mul(b).sub(1), 1));
    return where(hasPeak, where(hasPeak, ratio, 1).pow(a.reciprocal()), NaN);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): Kumaraswamy {
    const { concentration1: a, concentration0: b } = this;
    return new Kumaraswamy(a.expand(batchShape), b.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.concentration1;
    const steps = random.exponential(this.extendedShape(shape), { dtype, device, ...options });
    // (1 − u^(1 / b))^(1 / a) with u = e^(−steps).
    const below = steps.div(this.concentration0).neg().expm1().neg();
    return below.pow(this.concentration1.reciprocal());
  }

  override logProb(value: TensorLike): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const x = this.outcome("logProb", value, a);
    const upper = special.xlog1py(b.sub(1), x.pow(a).neg());
    return a
      .mul(b)
      .log()
      .add(special.xlogy(a.sub(1), x))
      .add(upper);
  }

  override entropy(): Tensor {
    const { concentration1: a, concentration0: b } = this;
    const harmonic = b.add(1).digamma().add(eulerGamma);
    const rest = a.reciprocal().neg().add(1).mul(harmonic).sub(a.mul(b).log());
    return b.reciprocal().neg().add(1).add(rest);
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.concentration1);
    const inner = x.pow(this.concentration1).neg().log1p().mul(this.concentration0);
    return inner.expm1().neg();
  }

  override icdf(probability: TensorLike): Tensor {
    const [p] = broadcastParameters(probability, this.concentration1);
    const below = p.neg().log1p().div(this.concentration0).expm1().neg();
    return below.pow(this.concentration1.reciprocal());
  }
}

/** Distribution of angles in [−π, π) around `loc`; its `variance` is the circular one, 1 − I₁/I₀. */
export class VonMises extends Distribution {
  readonly loc: Tensor;
  readonly concentration: Tensor;

  constructor(loc: TensorLike, concentration: TensorLike, options: DistributionOptions = {}) {
    const checked = [
      { name: "loc", value: loc, constraint: real },
      { name: "concentration", value: concentration, constraint: positive },
    ];
    checkParameters("VonMises", checked, options);
    const [center, width] = broadcastParameters(loc, concentration);
    super(center.shape, [], options);
    this.loc = center;
    this.concentration = width;
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

  override get variance(): Tensor {
    const { concentration: k } = this;
    return special.i1e(k).div(special.i0e(k)).neg().add(1);
  }

  override expand(batchShape: Shape): VonMises {
    return new VonMises(this.loc.expand(batchShape), this.concentration.expand(batchShape), this);
  }

  /**
   * Proposals from a wrapped Cauchy distribution until all are accepted.
   * @see Best and Fisher 1979, "Efficient simulation of the von Mises distribution"
   */
  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const size = this.extendedShape(shape);
    const k = this.concentration.to("f64").expand(size);
    const tau = k.square().mul(4).add(1).sqrt().add(1);
    const isFlat = k.lt(1e-5);
    const safe = where(isFlat, 1, k);
    const rho = tau.sub(tau.mul(2).sqrt()).div(safe.mul(2));
    const peaked = rho
      .square()
      .add(1)
      .div(where(isFlat, 1, rho).mul(2));
    const r = where(isFlat, k.reciprocal().add(k), peaked);
    const uniform = (): Tensor =>
      random.rand(size, { dtype: "f32", device: k.device, ...options }).to("f64");
    const { angle } = whileLoop(
      ({ done }) => done.logicalNot().any(),
      ({ angle: before, done }) => {
        const z = uniform().mul(Math.PI).cos();
        const f = r.mul(z).add(1).div(r.add(z));
        const c = k.mul(r.sub(f));
        const u = uniform().neg().add(1);
        const quick = c.mul(c.neg().add(2)).gt(u);
        const slow = c.div(u).log().add(1).ge(c);
        const side = where(uniform().lt(0.5), -1, 1);
        const drawn = f.clamp({ min: -1, max: 1 }).acos().mul(side);
        return { angle: where(done, before, drawn), done: done.logicalOr(quick).logicalOr(slow) };
      },
      { angle: constantLike(k, 0), done: k.ne(k) },
    );
    const turned = angle
      .add(this.loc)
      .add(Math.PI)
      .remainder(2 * Math.PI);
    return turned.sub(Math.PI).to(this.loc.dtype);
  }

  override logProb(value: TensorLike): Tensor {
    const { loc, concentration: k } = this;
    const x = this.outcome("logProb", value, loc);
    const norm = special
      .i0e(k)
      .log()
      .add(Math.log(2 * Math.PI));
    return k.mul(x.sub(loc).cos().sub(1)).sub(norm);
  }
}

/** Where the formulas in λ lose their digits, and their series around ½ count. */
const nearHalf = 1e-3;

/** Distribution on [0, 1] with a density ∝ λˣ (1 − λ)^(1 − x). */
export class ContinuousBernoulli extends Distribution {
  readonly probs: Tensor;
  readonly logits: Tensor;
  readonly #isLogits: boolean;

  constructor({ probs, logits, ...options }: ChanceOptions) {
    const value = probs ?? logits;
    if (value === undefined || (probs !== undefined && logits !== undefined)) {
      throw new ConfigError("ContinuousBernoulli: needs exactly one of probs and logits");
    }
    const constraint = probs === undefined ? real : unitInterval;
    const name = probs === undefined ? "logits" : "probs";
    checkParameters("ContinuousBernoulli", [{ name, value, constraint }], options);
    const [given] = broadcastParameters(value);
    super(given.shape, [], options);
    this.probs = clampProbabilities(probs === undefined ? given.sigmoid() : given);
    this.#isLogits = probs === undefined;
    this.logits = probs === undefined ? given : this.probs.logit();
  }

  override get support(): Constraint {
    return unitInterval;
  }

  /** λ in f64: the formulas subtract numbers that are almost equal. */
  #exact(): Tensor {
    return this.#isLogits ? this.logits.to("f64").sigmoid() : this.probs.to("f64");
  }

  /** λ moved away from ½, its log-odds, and a choice between a formula and the series. */
  #apart(): {
    readonly p: Tensor;
    readonly odds: Tensor;
    readonly choose: (formula: Tensor, series: Tensor) => Tensor;
  } {
    const exact = this.#exact();
    const isNear = exact.sub(0.5).abs().lt(nearHalf);
    const p = where(isNear, 0.25, exact);
    const odds = p.log().sub(p.neg().log1p());
    const { dtype } = this.probs;
    return { p, odds, choose: (formula, series) => where(isNear, series, formula).to(dtype) };
  }

  /** ln of what makes the density's integral 1. */
  #logNorm(): Tensor {
    const { p, odds, choose } = this.#apart();
    const formula = odds.div(p.mul(2).sub(1)).log();
    const x = this.#exact().sub(0.5).square();
    const series = x
      .mul(104 / 45)
      .add(4 / 3)
      .mul(x)
      .add(Math.LN2);
    return choose(formula, series);
  }

  override get mean(): Tensor {
    const { p, odds, choose } = this.#apart();
    const x = this.#exact().sub(0.5);
    const series = x
      .square()
      .mul(16 / 45)
      .add(1 / 3)
      .mul(x)
      .add(0.5);
    return choose(p.div(p.mul(2).sub(1)).sub(odds.reciprocal()), series);
  }

  override get variance(): Tensor {
    const { p, odds, choose } = this.#apart();
    const formula = p.mul(p.sub(1)).div(p.mul(2).sub(1).square()).add(odds.square().reciprocal());
    const x = this.#exact().sub(0.5).square();
    const series = x
      .mul(128 / 945)
      .sub(1 / 15)
      .mul(x)
      .add(1 / 12);
    return choose(formula, series);
  }

  override get hasRsample(): boolean {
    return true;
  }

  override expand(batchShape: Shape): ContinuousBernoulli {
    return new ContinuousBernoulli({
      logits: this.logits.expand(batchShape),
      validateArgs: this.validateArgs,
    });
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { dtype, device } = this.probs;
    const size = this.extendedShape(shape);
    return this.icdf(random.rand(size, { dtype, device, ...options }));
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.probs);
    const { logits } = this;
    const density = logits.mul(x).sub(logits.logaddexp(0));
    return density.add(this.#logNorm());
  }

  override entropy(): Tensor {
    const low = this.probs.neg().log1p();
    const odds = this.probs.log().sub(low);
    return this.mean.mul(odds).add(this.#logNorm()).add(low).neg();
  }

  override cdf(value: TensorLike): Tensor {
    const x = this.outcome("cdf", value, this.probs);
    const { p, odds, choose } = this.#apart();
    const rise = x.to("f64").mul(odds).expm1();
    const formula = rise.mul(p.neg().add(1)).div(p.mul(2).sub(1));
    const inside = choose(formula, x.to("f64"));
    return where(x.le(0), 0, where(x.ge(1), 1, inside));
  }

  override icdf(probability: TensorLike): Tensor {
    const [u] = broadcastParameters(probability, this.probs);
    const { p, odds, choose } = this.#apart();
    const moved = u.to("f64").mul(p.mul(2).sub(1)).sub(p).log1p().sub(p.neg().log1p());
    return choose(moved.div(odds), u.to("f64"));
  }
}
