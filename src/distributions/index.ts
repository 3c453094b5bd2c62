/**
 * Probability distributions with torch.distributions' names and meaning.
 *
 * @module
 */
export type { ChanceOptions } from "./bernoulli.ts";
export { Bernoulli, Binomial, Geometric, Poisson } from "./bernoulli.ts";
export { ContinuousBernoulli, Kumaraswamy, VonMises } from "./bounded.ts";
export type { CategoryOptions } from "./categorical.ts";
export { Categorical, OneHotCategorical, OneHotCategoricalStraightThrough } from "./categorical.ts";
export type { Constraint } from "./constraint.ts";
export * as constraints from "./constraint.ts";
export { Multinomial, NegativeBinomial } from "./counts.ts";
export type { DistributionOptions, SampleOptions } from "./distribution.ts";
export { Distribution } from "./distribution.ts";
export { Beta, Chi2, Dirichlet, Gamma, StudentT } from "./gamma.ts";
export { HalfCauchy, InverseGamma, Pareto, Weibull } from "./heavy-tails.ts";
export { Independent } from "./independent.ts";
export type { DistributionClass } from "./kl.ts";
export { klDivergence, registerKl } from "./kl.ts";
export { Cauchy, Exponential, Gumbel, Laplace, Uniform } from "./location-scale.ts";
export { LogisticNormal, StickBreakingTransform } from "./logistic-normal.ts";
export { LowRankMultivariateNormal } from "./low-rank-normal.ts";
export { MixtureSameFamily } from "./mixture.ts";
export type { MultivariateNormalOptions } from "./multivariate-normal.ts";
export { MultivariateNormal } from "./multivariate-normal.ts";
export { HalfNormal, Normal } from "./normal.ts";
export { RelaxedBernoulli, RelaxedOneHotCategorical } from "./relaxed.ts";
export { FisherSnedecor, GeneralizedPareto } from "./thresholds.ts";
export { LogNormal, TransformedDistribution } from "./transformed.ts";
export {
  AffineTransform,
  ComposeTransform,
  ExpTransform,
  PowerTransform,
  SigmoidTransform,
  SoftplusTransform,
  TanhTransform,
  Transform,
} from "./transforms.ts";
