import { ConfigError } from "../base/errors.ts";
import { arange } from "../tensor/factories.ts";
import { where } from "../tensor/functions.ts";
import { binomial, poisson } from "../tensor/random-rejection.ts";
import * as random from "../tensor/random.ts";
import * as special from "../tensor/special.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import {
  boolean,
  integersUpTo,
  nonnegative,
  nonnegativeInteger,
  real,
  unitInterval,
} from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastParameters, clampProbabilities } from "./shapes.ts";

/** A chance, as a probability or as its logit ln(p / (1 − p)): exactly one of the two. */
export interface ChanceOptions extends DistributionOptions {
  readonly probs?: TensorLike | undefined;
  readonly logits?: TensorLike | undefined;
}

/** Options of a call in torch's short form, with the probabilities as an argument of their own. */
export function withProbs<Options extends DistributionOptions>(
  given: TensorLike | Options,
  options: DistributionOptions,
): Options | (DistributionOptions & { readonly probs: TensorLike }) {
  const isShort = typeof given === "number" || given instanceof Tensor;
  return isShort ? { ...options, probs: given } : given;
}

/** The one parameter that was given, and which it is. */
export function oneOf(
  name: string,
  {
    probs,
    logits,
  }: { readonly probs?: TensorLike | undefined; readonly logits?: TensorLike | undefined },
): { readonly value: TensorLike; readonly isLogits: boolean } {
  if (probs !== undefined && logits === undefined) return { value: probs, isLogits: false };
  if (logits !== undefined && probs === undefined) return { value: logits, isLogits: true };
  throw new ConfigError(
    `${name}: needs exactly one of probs and logits, got ${probs === undefined ? "neither" : "both"}`,
  );
}

/** ln(1 + eˣ). */
const softplus = (x: Tensor): Tensor => x.logaddexp(0);

/** A distribution with one chance per batch element. */
export abstract class ChanceDistribution extends Distribution {
  readonly #probs: Tensor | undefined;
  readonly #logits: Tensor | undefined;

  constructor(name: string, options: ChanceOptions, value?: Tensor) {
    const given = oneOf(name, options);
    const constraint = given.isLogits ? real : unitInterval;
    const parameter = given.isLogits ? "logits" : "probs";
    checkParameters(name, [{ name: parameter, value: given.value, constraint }], options);
    const [chance] = broadcastParameters(value ?? given.value);
    super(chance.shape, [], options);
    this.#probs = given.isLogits ? undefined : chance;
    this.#logits = given.isLogits ? chance : undefined;
  }

  /** Probability of success. */
  get probs(): Tensor {
    return this.#probs ?? this.logits.sigmoid();
  }

  /** ln(p / (1 − p)). */
  get logits(): Tensor {
    return this.#logits ?? clampProbabilities(this.probs).logit();
  }

  /** The parameter that was given, expanded. */
  protected expanded(batchShape: Shape): ChanceOptions {
    const { validateArgs } = this;
    return this.#probs === undefined
      ? { logits: this.logits.expand(batchShape), validateArgs }
      : { probs: this.#probs.expand(batchShape), validateArgs };
  }

  /** x · logits − ln(1 + e^logits), also where one of them is infinite. */
  protected logChance(x: Tensor): Tensor {
    const { logits } = this;
    return x.mul(logits).sub(softplus(logits));
  }
}

/** 1 with probability p, otherwise 0. */
export class Bernoulli extends ChanceDistribution {
  /** @param options - `probs` or `logits`. */
  constructor(probs: TensorLike | ChanceOptions, options: DistributionOptions = {}) {
    super("Bernoulli", withProbs(probs, options));
  }

  override get support(): Constraint {
    return boolean;
  }

  override get mean(): Tensor {
    return this.probs;
  }

  override get mode(): Tensor {
    const { probs } = this;
    return where(probs.eq(0.5), NaN, probs.gt(0.5).to(probs.dtype));
  }

  override get variance(): Tensor {
    return this.probs.mul(this.probs.neg().add(1));
  }

  override expand(batchShape: Shape): Bernoulli {
    return new Bernoulli(this.expanded(batchShape));
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { probs } = this;
    const { dtype, device } = probs;
    return random
      .uniform(this.extendedShape(shape), { dtype, device, ...options })
      .lt(probs)
      .to(dtype);
  }

  override logProb(value: TensorLike): Tensor {
    return this.logChance(this.outcome("logProb", value, this.probs));
  }

  override entropy(): Tensor {
    return softplus(this.logits).sub(this.logits.mul(this.probs));
  }

  override enumerateSupport({ expand = true }: { readonly expand?: boolean } = {}): Tensor {
    return enumerated(2, this.probs, this.batchShape, expand);
  }
}

/** 0, 1, … along a new first dim, repeated over the batch. */
function enumerated(count: number, like: Tensor, batch: Shape, expand: boolean): Tensor {
  const values = arange(count, { dtype: like.dtype, device: like.device });
  const line = values.reshape([count, ...batch.map(() => 1)]);
  return expand ? line.expand([count, ...batch]) : line;
}

/** How many failures come before the first success: 0, 1, 2, …. */
export class Geometric extends ChanceDistribution {
  /** @param options - `probs` or `logits`. */
  constructor(probs: TensorLike | ChanceOptions, options: DistributionOptions = {}) {
    super("Geometric", withProbs(probs, options));
  }

  override get support(): Constraint {
    return nonnegativeInteger;
  }

  override get mean(): Tensor {
    return this.probs.reciprocal().sub(1);
  }

  override get mode(): Tensor {
    return this.probs.mul(0);
  }

  override get variance(): Tensor {
    return this.probs.reciprocal().sub(1).div(this.probs);
  }

  override expand(batchShape: Shape): Geometric {
    return new Geometric(this.expanded(batchShape));
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    const { probs } = this;
    const { dtype, device } = probs;
    const log = random
      .uniform(this.extendedShape(shape), { dtype, device, ...options })
      .neg()
      .log1p();
    return log.div(probs.neg().log1p()).floor();
  }

  override logProb(value: TensorLike): Tensor {
    const { probs } = this;
    const x = this.outcome("logProb", value, probs);
    return special.xlog1py(x, probs.neg()).add(probs.log());
  }

  override entropy(): Tensor {
    const { logits, probs } = this;
    // The entropy of one trial, once for each expected trial.
    return softplus(logits).sub(logits.mul(probs)).div(probs);
  }
}

/** How many of `totalCount` trials succeed. */
export class Binomial extends ChanceDistribution {
  readonly totalCount: Tensor;
  /** The one count, known without reading if a number was given. */
  readonly #count: number | undefined;

  /** @param probs - as a value, or `probs` or `logits` as an option. */
  constructor(
    totalCount: TensorLike,
    probs: TensorLike | ChanceOptions,
    rest: DistributionOptions = {},
  ) {
    const options = withProbs(probs, rest);
    const { value } = oneOf("Binomial", options);
    checkParameters(
      "Binomial",
      [{ name: "totalCount", value: totalCount, constraint: nonnegativeInteger }],
      options,
    );
    const [chance, count] = broadcastParameters(value, totalCount);
    super("Binomial", options, chance);
    this.#count = typeof totalCount === "number" ? totalCount : undefined;
    this.totalCount = count.to(chance.dtype);
  }

  override get support(): Constraint {
    return integersUpTo(this.totalCount);
  }

  override get mean(): Tensor {
    return this.totalCount.mul(this.probs);
  }

  override get mode(): Tensor {
    return this.totalCount.add(1).mul(this.probs).floor().minimum(this.totalCount);
  }

  override get variance(): Tensor {
    return this.mean.mul(this.probs.neg().add(1));
  }

  override expand(batchShape: Shape): Binomial {
    const count = this.#count ?? this.totalCount.expand(batchShape);
    return new Binomial(count, this.expanded(batchShape));
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    return binomial(this.totalCount, this.probs, { ...options, shape: this.extendedShape(shape) });
  }

  override logProb(value: TensorLike): Tensor {
    const { totalCount: n, logits } = this;
    const x = this.outcome("logProb", value, this.probs);
    const ways = n.add(1).lgamma().sub(x.add(1).lgamma()).sub(n.sub(x).add(1).lgamma());
    return ways.add(x.mul(logits)).sub(n.mul(softplus(logits)));
  }

  /** Summed over all outcomes; a tensor of trial counts is read for it and must hold one number. */
  override entropy(): Tensor {
    const outcomes = this.enumerateSupport();
    const log = this.logProb(outcomes);
    return log.exp().mul(log).sum({ dim: 0 }).neg();
  }

  override enumerateSupport({ expand = true }: { readonly expand?: boolean } = {}): Tensor {
    const count = this.#count ?? this.#readCount();
    return enumerated(count + 1, this.probs, this.batchShape, expand);
  }

  #readCount(): number {
    const [count = 0, ...others] = Array.from(this.totalCount.dataSync());
    if (others.some((other) => other !== count)) {
      throw new ConfigError("Binomial: enumerateSupport needs one totalCount for the whole batch");
    }
    return count;
  }
}

/** Number of events at a constant rate: rateˣ e^(−rate) / x!. */
export class Poisson extends Distribution {
  readonly rate: Tensor;

  constructor(rate: TensorLike, options: DistributionOptions = {}) {
    checkParameters("Poisson", [{ name: "rate", value: rate, constraint: nonnegative }], options);
    const [mean] = broadcastParameters(rate);
    super(mean.shape, [], options);
    this.rate = mean;
  }

  override get support(): Constraint {
    return nonnegativeInteger;
  }

  override get mean(): Tensor {
    return this.rate;
  }

  override get mode(): Tensor {
    return this.rate.floor();
  }

  override get variance(): Tensor {
    return this.rate;
  }

  override expand(batchShape: Shape): Poisson {
    return new Poisson(this.rate.expand(batchShape), this);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    return poisson(this.rate, { ...options, shape: this.extendedShape(shape) });
  }

  override logProb(value: TensorLike): Tensor {
    const x = this.outcome("logProb", value, this.rate);
    return special.xlogy(x, this.rate).sub(this.rate).sub(x.add(1).lgamma());
  }
}
