// Distributions: a case builds one of its first operands and calls one method.
import type { Tensor } from "athanor";
import * as distributions from "athanor/distributions";
import type { Binding, Operands } from "../bindings.ts";
import type { Argument } from "../fixture.ts";

type Build = (variant: string, ...parameters: readonly Tensor[]) => distributions.Distribution;

const {
  AffineTransform,
  Categorical,
  ExpTransform,
  Independent,
  MixtureSameFamily,
  Normal,
  PowerTransform,
  SigmoidTransform,
  SoftplusTransform,
  TanhTransform,
  TransformedDistribution,
} = distributions;

const chances = (
  variant: string,
  value: Tensor,
): distributions.ChanceOptions & { probs?: Tensor } => ({ [variant]: value });

const text = (value: Argument | undefined): string => value as string;

const temperature = 0.7;

function transformed(variant: string, a: Tensor, b: Tensor): distributions.Distribution {
  switch (variant) {
    case "tanh":
      return new TransformedDistribution(new Normal(a, b), new TanhTransform());
    case "sigmoid":
      return new TransformedDistribution(new Normal(a, b), [new SigmoidTransform()]);
    case "affine exp":
      return new TransformedDistribution(new distributions.Laplace(a, b), [
        new AffineTransform(0.5, -2),
        new ExpTransform(),
      ]);
    case "independent tanh":
      return new TransformedDistribution(new Independent(new Normal(a, b), 1), [
        new TanhTransform(),
      ]);
    case "affine event":
      return new TransformedDistribution(new Normal(a, b), [
        new AffineTransform(1, 3, { eventDim: 1 }),
      ]);
    case "softplus":
      return new TransformedDistribution(new Normal(a, b), [new SoftplusTransform()]);
    default:
      return new TransformedDistribution(new distributions.Exponential(b), [new PowerTransform(2)]);
  }
}

/** How many operands are parameters, and how a family is built of them. */
const families: Readonly<Record<string, readonly [count: number, build: Build]>> = {
  Normal: [2, (_, a, b) => new Normal(a, b)],
  LogNormal: [2, (_, a, b) => new distributions.LogNormal(a, b)],
  HalfNormal: [1, (_, a) => new distributions.HalfNormal(a)],
  Laplace: [2, (_, a, b) => new distributions.Laplace(a, b)],
  Cauchy: [2, (_, a, b) => new distributions.Cauchy(a, b)],
  Gumbel: [2, (_, a, b) => new distributions.Gumbel(a, b)],
  Uniform: [2, (variant, a, b) => new distributions.Uniform(a, variant === "ends" ? b : a.add(b))],
  Exponential: [1, (_, a) => new distributions.Exponential(a)],
  Gamma: [2, (_, a, b) => new distributions.Gamma(a, b)],
  Chi2: [1, (_, a) => new distributions.Chi2(a)],
  Beta: [2, (_, a, b) => new distributions.Beta(a, b)],
  Dirichlet: [1, (_, a) => new distributions.Dirichlet(a)],
  StudentT: [3, (_, a, b, c) => new distributions.StudentT(a, b, c)],
  Bernoulli: [1, (variant, p) => new distributions.Bernoulli(chances(variant, p))],
  Geometric: [1, (variant, p) => new distributions.Geometric(chances(variant, p))],
  Binomial: [1, (variant, p) => new distributions.Binomial(6, chances(variant, p))],
  HalfCauchy: [1, (_, a) => new distributions.HalfCauchy(a)],
  Pareto: [2, (_, a, b) => new distributions.Pareto(a, b)],
  Weibull: [2, (_, a, b) => new distributions.Weibull(a, b)],
  InverseGamma: [2, (_, a, b) => new distributions.InverseGamma(a, b)],
  NegativeBinomial: [1, (variant, p) => new distributions.NegativeBinomial(4, chances(variant, p))],
  Multinomial: [1, (variant, p) => new distributions.Multinomial(6, chances(variant, p) as object)],
  Poisson: [1, (_, a) => new distributions.Poisson(a)],
  Categorical: [1, (variant, p) => new Categorical(chances(variant, p) as object)],
  OneHotCategorical: [
    1,
    (variant, p) => new distributions.OneHotCategorical(chances(variant, p) as object),
  ],
  MultivariateNormal: [
    2,
    (variant, a, b) => new distributions.MultivariateNormal(a, { [variant]: b }),
  ],
  Independent: [2, (variant, a, b) => new Independent(new Normal(a, b), Number(variant))],
  TransformedDistribution: [2, transformed],
  MixtureSameFamily: [
    3,
    (variant, w, a, b) =>
      variant === "vectors"
        ? new MixtureSameFamily(
            new Categorical({ logits: w }),
            new Independent(new Normal(a, b), 1),
          )
        : new MixtureSameFamily(new Categorical({ probs: w }), new Normal(a, b)),
  ],
  RelaxedBernoulli: [
    1,
    (variant, p) => new distributions.RelaxedBernoulli(temperature, chances(variant, p)),
  ],
  RelaxedOneHotCategorical: [
    1,
    (variant, p) =>
      new distributions.RelaxedOneHotCategorical(temperature, chances(variant, p) as object),
  ],
};

const tensors = (operands: Operands): Tensor[] => operands.filter((x) => x !== null);

function family(name: string): Binding {
  const [count, build] = families[name];
  return (operands, { method, variant }) => {
    const all = tensors(operands);
    const made = build(text(variant), ...all.slice(0, count));
    const values = all.slice(count);
    const member = Reflect.get(made, text(method)) as unknown;
    if (typeof member !== "function") return member as Tensor;
    return (member as (...values: readonly Tensor[]) => Tensor).call(made, ...values);
  };
}

/** Ops of the area `distribution`: the classes, and the divergence between two of them. */
export const distributionBindings: Readonly<Record<string, Binding>> = {
  ...Object.fromEntries(Object.keys(families).map((name) => [name, family(name)])),
  klDivergence: (operands, { left, right, variant }) => {
    const [count, build] = families[text(left)];
    const all = tensors(operands);
    const p = build(text(variant), ...all.slice(0, count));
    const q = families[text(right)][1](text(variant), ...all.slice(count));
    return distributions.klDivergence(p, q);
  },
};
