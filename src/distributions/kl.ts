import { UnsupportedOpError } from "../base/errors.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Bernoulli, Binomial, Geometric, Poisson } from "./bernoulli.ts";
import { Categorical, OneHotCategorical } from "./categorical.ts";
import type { Distribution } from "./distribution.ts";
import { Beta, Dirichlet, Gamma } from "./gamma.ts";
import { HalfCauchy, InverseGamma, Pareto } from "./heavy-tails.ts";
import { Independent } from "./independent.ts";
import * as mixed from "./kl-mixed.ts";
import { infiniteOutside } from "./kl-mixed.ts";
import { Cauchy, Exponential, Gumbel, Laplace, Uniform } from "./location-scale.ts";
import { MultivariateNormal, halfLogDet, solveLower } from "./multivariate-normal.ts";
import { HalfNormal, Normal } from "./normal.ts";
import { sumRightmost } from "./shapes.ts";
import { LogNormal, TransformedDistribution } from "./transformed.ts";

const eulerGamma = 0.5772156649015329;

/** A class of distributions. */
export type DistributionClass<D extends Distribution> = abstract new (...args: never) => D;

interface Rule {
  readonly left: DistributionClass<Distribution>;
  readonly right: DistributionClass<Distribution>;
  readonly formula: (p: Distribution, q: Distribution) => Tensor;
}

function rule<P extends Distribution, Q extends Distribution>(
  left: DistributionClass<P>,
  right: DistributionClass<Q>,
  formula: (p: P, q: Q) => Tensor,
): Rule {
  return { left, right, formula: (p, q) => formula(p as P, q as Q) };
}

function normals(p: Normal, q: Normal): Tensor {
  const ratio = p.scale.div(q.scale).square();
  const distance = p.loc.sub(q.loc).div(q.scale).square();
  return ratio.add(distance).sub(1).sub(ratio.log()).mul(0.5);
}

function multivariateNormals(p: MultivariateNormal, q: MultivariateNormal): Tensor {
  const dets = halfLogDet(q.scaleTril).sub(halfLogDet(p.scaleTril));
  const spread = solveLower(q.scaleTril, p.scaleTril)
    .square()
    .sum({ dim: [-2, -1] });
  const moved = solveLower(q.scaleTril, q.loc.sub(p.loc).unsqueeze(-1));
  const distance = moved.square().sum({ dim: [-2, -1] });
  return spread.add(distance).sub(p.eventShape[0]).mul(0.5).add(dets);
}

function laplaces(p: Laplace, q: Laplace): Tensor {
  const ratio = p.scale.div(q.scale);
  const distance = p.loc.sub(q.loc).abs();
  const inner = ratio.mul(distance.div(p.scale).neg().exp());
  return ratio.log().neg().add(distance.div(q.scale)).add(inner).sub(1);
}

function gumbels(p: Gumbel, q: Gumbel): Tensor {
  const ratio = p.scale.div(q.scale);
  const [a, b] = [q.loc.div(q.scale), p.loc.div(q.scale)];
  const first = ratio.log().neg().sub(a).add(b);
  const second = ratio.mul(eulerGamma);
  const third = a.add(ratio.add(1).lgamma()).sub(b).exp();
  return first
    .add(second)
    .add(third)
    .sub(1 + eulerGamma);
}

function cauchys(p: Cauchy, q: Cauchy): Tensor {
  const sum = p.scale.add(q.scale).square().add(p.loc.sub(q.loc).square()).log();
  return sum.sub(p.scale.mul(q.scale).mul(4).log());
}

function uniforms(p: Uniform, q: Uniform): Tensor {
  const value = q.high.sub(q.low).div(p.high.sub(p.low)).log();
  return infiniteOutside(value, q.low.gt(p.low).logicalOr(q.high.lt(p.high)));
}

function exponentials(p: Exponential, q: Exponential): Tensor {
  const ratio = q.rate.div(p.rate);
  return ratio.log().neg().add(ratio).sub(1);
}

function gammas(p: Gamma, q: Gamma): Tensor {
  const first = q.concentration.mul(p.rate.div(q.rate).log());
  const second = q.concentration.lgamma().sub(p.concentration.lgamma());
  const third = p.concentration.sub(q.concentration).mul(p.concentration.digamma());
  const fourth = q.rate.sub(p.rate).mul(p.concentration.div(p.rate));
  return first.add(second).add(third).add(fourth);
}

function betas(p: Beta, q: Beta): Tensor {
  const sum = p.concentration1.add(p.concentration0);
  const other = q.concentration1.add(q.concentration0);
  const first = q.concentration1.lgamma().add(q.concentration0.lgamma()).add(sum.lgamma());
  const second = p.concentration1.lgamma().add(p.concentration0.lgamma()).add(other.lgamma());
  const third = p.concentration1.sub(q.concentration1).mul(p.concentration1.digamma());
  const fourth = p.concentration0.sub(q.concentration0).mul(p.concentration0.digamma());
  return first.sub(second).add(third).add(fourth).add(other.sub(sum).mul(sum.digamma()));
}

function dirichlets(p: Dirichlet, q: Dirichlet): Tensor {
  const sum = p.concentration.sum({ dim: -1 });
  const other = q.concentration.sum({ dim: -1 });
  const first = sum.lgamma().sub(other.lgamma());
  const second = p.concentration.lgamma().sub(q.concentration.lgamma()).sum({ dim: -1 });
  const slope = p.concentration.digamma().sub(sum.digamma().unsqueeze(-1));
  const third = p.concentration.sub(q.concentration).mul(slope).sum({ dim: -1 });
  return first.sub(second).add(third);
}

/** a · ln(a / b), 0 where a is 0 and ∞ where only b is. */
function relative(a: Tensor, b: Tensor): Tensor {
  const none = a.eq(0);
  const impossible = b.eq(0);
  const plain = none.logicalOr(impossible);
  const value = a.mul(
    where(plain, 1, a)
      .div(where(plain, 1, b))
      .log(),
  );
  return where(none, 0, infiniteOutside(value, impossible));
}

function bernoullis(p: Bernoulli, q: Bernoulli): Tensor {
  const complement = (x: Tensor): Tensor => x.neg().add(1);
  return relative(p.probs, q.probs).add(relative(complement(p.probs), complement(q.probs)));
}

function categoricals(p: Categorical, q: Categorical): Tensor {
  const terms = p.probs.mul(p.logits.sub(q.logits));
  const open = infiniteOutside(terms, q.probs.eq(0));
  return where(p.probs.eq(0).broadcastTo(open.shape), 0, open).sum({ dim: -1 });
}

function binomials(p: Binomial, q: Binomial): Tensor {
  const gap = p.logits.sub(q.logits).mul(p.probs);
  const rest = p.probs.neg().log1p().sub(q.probs.neg().log1p());
  const value = p.totalCount.mul(gap.add(rest));
  return infiniteOutside(value, p.totalCount.gt(q.totalCount));
}

function poissons(p: Poisson, q: Poisson): Tensor {
  return p.rate.mul(p.rate.log().sub(q.rate.log())).sub(p.rate.sub(q.rate));
}

function geometrics(p: Geometric, q: Geometric): Tensor {
  return p.entropy().neg().sub(q.probs.neg().log1p().div(p.probs)).sub(q.logits);
}

function independents(p: Independent, q: Independent): Tensor {
  if (p.reinterpretedBatchNdims !== q.reinterpretedBatchNdims) return refuse(p, q);
  return sumRightmost(klDivergence(p.base, q.base), p.reinterpretedBatchNdims);
}

function transformed(p: TransformedDistribution, q: TransformedDistribution): Tensor {
  const same =
    p.transforms.length === q.transforms.length &&
    p.transforms.every((part, i) => part === q.transforms[i]);
  if (!same) return refuse(p, q);
  const extra = p.eventShape.length - p.base.eventShape.length;
  return sumRightmost(klDivergence(p.base, q.base), extra);
}

function laplaceFromNormal(p: Normal, q: Laplace): Tensor {
  const gap = p.loc.sub(q.loc);
  const spread = p.scale.mul(Math.sqrt(2 / Math.PI));
  const bend = gap.div(p.scale).square().mul(-0.5).exp();
  const folded = gap.mul(gap.div(p.scale).mul(Math.SQRT1_2).erf());
  const distance = spread.mul(bend).add(folded).div(q.scale);
  return distance.add(q.scale.mul(2).log()).sub(p.entropy());
}

/** Formulas by the classes of both sides; the first that fits counts, subclasses stand before. */
const rules: Rule[] = [
  rule(LogNormal, LogNormal, (p, q) => normals(p.normal, q.normal)),
  rule(Normal, Normal, normals),
  rule(HalfNormal, HalfNormal, (p, q) => {
    const ratio = p.scale.div(q.scale).square();
    return ratio.sub(1).sub(ratio.log()).mul(0.5);
  }),
  rule(MultivariateNormal, MultivariateNormal, multivariateNormals),
  rule(Laplace, Laplace, laplaces),
  rule(Gumbel, Gumbel, gumbels),
  rule(Cauchy, Cauchy, cauchys),
  rule(HalfCauchy, HalfCauchy, (p, q) => cauchys(new Cauchy(0, p.scale), new Cauchy(0, q.scale))),
  rule(Uniform, Uniform, uniforms),
  rule(Exponential, Exponential, exponentials),
  rule(Gamma, Gamma, gammas),
  // The reciprocals are Gamma.
  rule(InverseGamma, InverseGamma, (p, q) =>
    gammas(new Gamma(p.concentration, p.rate), new Gamma(q.concentration, q.rate)),
  ),
  rule(Beta, Beta, betas),
  rule(Dirichlet, Dirichlet, dirichlets),
  rule(Bernoulli, Bernoulli, bernoullis),
  rule(Categorical, Categorical, categoricals),
  rule(OneHotCategorical, OneHotCategorical, (p, q) => categoricals(p.categorical, q.categorical)),
  rule(Binomial, Binomial, binomials),
  rule(Poisson, Poisson, poissons),
  rule(Geometric, Geometric, geometrics),
  rule(Independent, Independent, independents),
  rule(TransformedDistribution, TransformedDistribution, transformed),
  rule(Normal, Laplace, laplaceFromNormal),
  rule(Exponential, Gamma, (p, q) => gammas(new Gamma(1, p.rate), q)),
  rule(Gamma, Exponential, (p, q) => gammas(p, new Gamma(1, q.rate))),
  ...[Beta, Exponential, Gamma, Gumbel, Laplace, Uniform].map((left) =>
    rule<Beta | Exponential | Gamma | Gumbel | Laplace | Uniform, Normal>(
      left,
      Normal,
      mixed.toNormal,
    ),
  ),
  rule(Beta, Exponential, mixed.betaToExponential),
  rule(Beta, Gamma, mixed.betaToGamma),
  rule(Beta, Uniform, mixed.betaToUniform),
  rule(Bernoulli, Poisson, mixed.bernoulliToPoisson),
  rule(Exponential, Gumbel, mixed.exponentialToGumbel),
  rule(Gamma, Gumbel, mixed.gammaToGumbel),
  rule(Normal, Gumbel, mixed.normalToGumbel),
  rule(Uniform, Gumbel, mixed.uniformToGumbel),
  rule(Uniform, Exponential, mixed.uniformToExponential),
  rule(Uniform, Gamma, mixed.uniformToGamma),
  rule(Uniform, Beta, mixed.uniformToBeta),
  rule(Uniform, Pareto, mixed.uniformToPareto),
  rule(Pareto, Pareto, mixed.paretos),
  rule(Pareto, Gamma, mixed.paretoToGamma),
  rule(Pareto, Exponential, mixed.paretoToExponential),
  rule(Pareto, Normal, mixed.paretoToNormal),
  // Families on the whole line or a half of it against those on less.
  ...[Gumbel, Laplace, Normal].flatMap((left) =>
    [Beta, Exponential, Gamma, Pareto, Uniform].map((right) => rule(left, right, mixed.never)),
  ),
  ...[Exponential, Gamma, Pareto].flatMap((left) =>
    [Beta, Uniform].map((right) => rule(left, right, mixed.never)),
  ),
  ...[Beta, Exponential, Gamma].map((left) =>
    rule<Beta | Exponential | Gamma, Pareto>(left, Pareto, mixed.never),
  ),
  ...[Bernoulli, Binomial].map((right) =>
    rule<Poisson, Bernoulli | Binomial>(Poisson, right, mixed.never),
  ),
];

function refuse(p: Distribution, q: Distribution): never {
  throw new UnsupportedOpError(
    `klDivergence: no formula for ${p.constructor.name} and ${q.constructor.name}; ` +
      "add one with registerKl, or estimate it from samples",
  );
}

/**
 * Σ or ∫ p ln(p / q), of shape batch, in nats.
 * @throws {UnsupportedOpError} if there is no formula for the two classes.
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  const found = rules.find(({ left, right }) => p instanceof left && q instanceof right);
  return found === undefined ? refuse(p, q) : found.formula(p, q);
}

/** Adds a formula for two classes (and their subclasses); it counts before those known. */
export function registerKl<P extends Distribution, Q extends Distribution>(
  left: DistributionClass<P>,
  right: DistributionClass<Q>,
  formula: (p: P, q: Q) => Tensor,
): void {
  rules.unshift(rule(left, right, formula));
}
