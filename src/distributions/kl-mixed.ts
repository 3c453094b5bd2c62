import { where } from "../tensor/functions.ts";
import { xlogy } from "../tensor/special.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Bernoulli, Poisson } from "./bernoulli.ts";
import type { Distribution } from "./distribution.ts";
import type { Beta, Gamma } from "./gamma.ts";
import { Pareto } from "./heavy-tails.ts";
import type { Exponential, Gumbel, Laplace, Uniform } from "./location-scale.ts";
import type { Normal } from "./normal.ts";
import { constantLike } from "./shapes.ts";

const twoPi = 2 * Math.PI;

/** ∞ where the first has outcomes that the second has not. */
export const infiniteOutside = (value: Tensor, outside: Tensor): Tensor =>
  where(outside, Infinity, value);

/** ∞: the first has outcomes that the second never has. */
export function never(p: Distribution, q: Distribution): Tensor {
  return constantLike(p.mean.add(q.mean), Infinity);
}

/** E[(x − loc)²] / 2 of a variable with this mean and variance. */
function halfSquare(mean: Tensor, variance: Tensor, loc: Tensor): Tensor {
  return variance.add(mean.sub(loc).square()).mul(0.5);
}

/** −E[ln q] of a normal q, for a variable with this mean and variance. */
function normalCost(mean: Tensor, variance: Tensor, q: Normal): Tensor {
  const spread = halfSquare(mean, variance, q.loc).div(q.scale.square());
  return spread.add(q.scale.log()).add(0.5 * Math.log(twoPi));
}

/** Any distribution with a mean, a variance and an entropy against a normal one. */
export function toNormal(
  p: Beta | Exponential | Gamma | Gumbel | Laplace | Uniform,
  q: Normal,
): Tensor {
  return normalCost(p.mean, p.variance, q).sub(p.entropy());
}

/** −E[ln q] of an exponential q is rate · E[x] − ln rate. */
export function betaToExponential(p: Beta, q: Exponential): Tensor {
  return q.rate.mul(p.mean).sub(q.rate.log()).sub(p.entropy());
}

/** Uniform against exponential; ∞ if the first goes below 0. */
export function uniformToExponential(p: Uniform, q: Exponential): Tensor {
  const value = q.rate.mul(p.mean).sub(q.rate.log()).sub(p.entropy());
  return infiniteOutside(value, p.low.lt(0));
}

/** Beta against gamma. */
export function betaToGamma(p: Beta, q: Gamma): Tensor {
  const total = p.concentration1.add(p.concentration0);
  const meanLog = p.concentration1.digamma().sub(total.digamma());
  const norm = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()));
  const rest = q.rate.mul(p.mean).sub(q.concentration.sub(1).mul(meanLog));
  return norm.add(rest).sub(p.entropy());
}

/** Beta against uniform; ∞ if the second leaves out a part of [0, 1]. */
export function betaToUniform(p: Beta, q: Uniform): Tensor {
  const value = q.high.sub(q.low).log().sub(p.entropy());
  return infiniteOutside(value, q.low.gt(0).logicalOr(q.high.lt(1)));
}

/** Bernoulli against Poisson. */
export function bernoulliToPoisson(p: Bernoulli, q: Poisson): Tensor {
  return q.rate.sub(p.probs.mul(q.rate.log())).sub(p.entropy());
}

/** −E[ln q] of a Gumbel q, by the mean and E[e^(−x / scale)] of the variable. */
function gumbelCost(mean: Tensor, falling: Tensor, q: Gumbel): Tensor {
  const moved = mean.sub(q.loc).div(q.scale);
  return q.scale.log().add(moved).add(q.loc.div(q.scale).exp().mul(falling));
}

/** Exponential against Gumbel. */
export function exponentialToGumbel(p: Exponential, q: Gumbel): Tensor {
  const product = p.rate.mul(q.scale);
  return gumbelCost(p.mean, product.div(product.add(1)), q).sub(p.entropy());
}

/** Gamma against Gumbel. */
export function gammaToGumbel(p: Gamma, q: Gumbel): Tensor {
  const steps = p.rate.mul(q.scale).reciprocal().log1p();
  const falling = p.concentration.mul(steps).neg().exp();
  return gumbelCost(p.mean, falling, q).sub(p.entropy());
}

/** Normal against Gumbel. */
export function normalToGumbel(p: Normal, q: Gumbel): Tensor {
  const spread = p.scale.div(q.scale).square().mul(0.5);
  const falling = spread.sub(p.loc.div(q.scale)).exp();
  return gumbelCost(p.mean, falling, q).sub(p.entropy());
}

/** Uniform against Gumbel. */
export function uniformToGumbel(p: Uniform, q: Gumbel): Tensor {
  const ends = [p.low, p.high].map((end) => end.div(q.scale).neg().exp());
  const falling = ends[0].sub(ends[1]).mul(q.scale).div(p.high.sub(p.low));
  return gumbelCost(p.mean, falling, q).sub(p.entropy());
}

/** E[ln x] of a uniform variable between two non-negative ends. */
function meanLogBetween(low: Tensor, high: Tensor): Tensor {
  return xlogy(high, high).sub(xlogy(low, low)).div(high.sub(low)).sub(1);
}

/** −E[ln q] of a gamma q, for a variable with this mean and mean logarithm. */
function gammaCost(mean: Tensor, meanLog: Tensor, q: Gamma): Tensor {
  const norm = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()));
  return norm.add(q.rate.mul(mean)).sub(q.concentration.sub(1).mul(meanLog));
}

/** Uniform against gamma; ∞ if the first goes below 0. */
export function uniformToGamma(p: Uniform, q: Gamma): Tensor {
  const meanLog = meanLogBetween(p.low, p.high);
  return infiniteOutside(gammaCost(p.mean, meanLog, q).sub(p.entropy()), p.low.lt(0));
}

/** Uniform against beta; ∞ if the first leaves 0 … 1. */
export function uniformToBeta(p: Uniform, q: Beta): Tensor {
  const { concentration1: a, concentration0: b } = q;
  const below = a.sub(1).mul(meanLogBetween(p.low, p.high));
  const above = b.sub(1).mul(meanLogBetween(p.high.neg().add(1), p.low.neg().add(1)));
  const norm = a.lgamma().add(b.lgamma()).sub(a.add(b).lgamma());
  const value = norm.sub(below).sub(above).sub(p.entropy());
  return infiniteOutside(value, p.low.lt(0).logicalOr(p.high.gt(1)));
}

/** Uniform against Pareto; ∞ if the first starts below the second. */
export function uniformToPareto(p: Uniform, q: Pareto): Tensor {
  const meanLog = meanLogBetween(p.low, p.high);
  const cost = q.alpha.add(1).mul(meanLog).sub(q.alpha.log()).sub(xlogy(q.alpha, q.scale));
  return infiniteOutside(cost.sub(p.entropy()), p.low.lt(q.scale));
}

/**
 * A cost of Pareto p whose moments exist above a limit of alpha only; ∞ at or below it, where p is
 * replaced before the cost is taken so that gradients there are 0, not NaN.
 */
function paretoCost(p: Pareto, limit: number, cost: (p: Pareto) => Tensor): Tensor {
  const isHeavy = p.alpha.le(limit);
  const light = new Pareto(p.scale, where(isHeavy, limit + 1, p.alpha));
  return infiniteOutside(cost(light).sub(light.entropy()), isHeavy);
}

/** Pareto against gamma; ∞ where the first has no mean. */
export function paretoToGamma(p: Pareto, q: Gamma): Tensor {
  return paretoCost(p, 1, ({ mean, scale, alpha }) =>
    gammaCost(mean, scale.log().add(alpha.reciprocal()), q),
  );
}

/** Pareto against exponential; ∞ where the first has no mean. */
export function paretoToExponential(p: Pareto, q: Exponential): Tensor {
  return paretoCost(p, 1, ({ mean }) => q.rate.mul(mean).sub(q.rate.log()));
}

/** Pareto against normal; ∞ where the first has no variance. */
export function paretoToNormal(p: Pareto, q: Normal): Tensor {
  return paretoCost(p, 2, ({ mean, variance }) => normalCost(mean, variance, q));
}

/** Pareto against Pareto; ∞ if the first starts below the second. */
export function paretos(p: Pareto, q: Pareto): Tensor {
  const ratio = q.alpha.div(p.alpha);
  const value = q.alpha.mul(p.scale.div(q.scale).log()).sub(ratio.log()).add(ratio).sub(1);
  return infiniteOutside(value, p.scale.lt(q.scale));
}
