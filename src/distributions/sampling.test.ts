// Draws against the distributions' own moments and distribution functions, with fixed seeds.
import { grad, init, jit, random, scope, tensor, zeros } from "athanor";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as distributions from "./index.ts";

const {
  Bernoulli,
  Beta,
  Binomial,
  Categorical,
  Cauchy,
  Chi2,
  Dirichlet,
  Exponential,
  Gamma,
  Geometric,
  Gumbel,
  HalfNormal,
  Independent,
  Laplace,
  LogNormal,
  MixtureSameFamily,
  MultivariateNormal,
  Normal,
  OneHotCategorical,
  Poisson,
  RelaxedBernoulli,
  RelaxedOneHotCategorical,
  StudentT,
  TanhTransform,
  TransformedDistribution,
  Uniform,
} = distributions;

const count = 20_000;

beforeAll(async () => {
  await init();
});

beforeEach(() => {
  random.manualSeed(20);
});

const mixture = (): distributions.Distribution =>
  new MixtureSameFamily(
    new Categorical({ probs: tensor([0.2, 0.8]) }),
    new Normal(tensor([-1, 3]), tensor([1, 0.5])),
  );

/** Distributions with a mean and a variance. */
const cases: Readonly<Record<string, () => distributions.Distribution>> = {
  Normal: () => new Normal(1, tensor([2, 0.1])),
  LogNormal: () => new LogNormal(0.1, 0.4),
  HalfNormal: () => new HalfNormal(2),
  Laplace: () => new Laplace(1, 2),
  Gumbel: () => new Gumbel(1, 2),
  Uniform: () => new Uniform(-1, 3),
  Exponential: () => new Exponential(3),
  Gamma: () => new Gamma(tensor([0.3, 1, 5, 150]), 2),
  Chi2: () => new Chi2(3),
  Beta: () => new Beta(tensor([0.5, 3]), 2),
  StudentT: () => new StudentT(9, 1, 2),
  Bernoulli: () => new Bernoulli({ probs: 0.3 }),
  Geometric: () => new Geometric({ probs: 0.3 }),
  Binomial: () =>
    new Binomial(tensor([5, 100, 1000, 40]), { probs: tensor([0.3, 0.7, 0.02, 0.5]) }),
  Pareto: () => new distributions.Pareto(2, 9),
  Weibull: () => new distributions.Weibull(2, 1.7),
  InverseGamma: () => new distributions.InverseGamma(9, 2),
  NegativeBinomial: () => new distributions.NegativeBinomial(4, { probs: 0.4 }),
  Multinomial: () => new distributions.Multinomial(6, { probs: tensor([0.2, 0.5, 0.3]) }),
  Poisson: () => new Poisson(tensor([0.5, 9, 11, 200])),
  Dirichlet: () => new Dirichlet(tensor([0.2, 1, 3])),
  OneHotCategorical: () => new OneHotCategorical({ probs: tensor([0.2, 0.5, 0.3]) }),
  MultivariateNormal: () =>
    new MultivariateNormal(tensor([1, 2]), {
      covarianceMatrix: tensor([
        [2, 0.5],
        [0.5, 1],
      ]),
    }),
  MixtureSameFamily: mixture,
  Independent: () => new Independent(new Normal(tensor([1, 2]), 2), 1),
};

describe("samples", () => {
  for (const [name, make] of Object.entries(cases)) {
    it(`of ${name} have its mean and variance`, async () => {
      await scope(async () => {
        const d = make();
        const draws = d.sample([count]);
        expect(draws.shape).toEqual([count, ...d.batchShape, ...d.eventShape]);
        const off = draws
          .mean({ dim: 0 })
          .sub(d.mean)
          .abs()
          .div(d.stddev.div(Math.sqrt(count)));
        expect(await off.max().item()).toBeLessThan(5);
        const ratio = draws.var({ dim: 0 }).div(d.variance).sub(1).abs();
        expect(await ratio.max().item()).toBeLessThan(0.1);
      });
    });
  }

  const continuous: typeof cases = {
    Normal: () => new Normal(1, 2),
    LogNormal: () => new LogNormal(0.1, 0.4),
    HalfNormal: () => new HalfNormal(2),
    Laplace: () => new Laplace(1, 2),
    Cauchy: () => new Cauchy(1, 2),
    HalfCauchy: () => new distributions.HalfCauchy(2),
    Weibull: () => new distributions.Weibull(2, 1.7),
    Pareto: () => new distributions.Pareto(2, 3),
    Gumbel: () => new Gumbel(1, 2),
    Uniform: () => new Uniform(-1, 3),
    Exponential: () => new Exponential(3),
    Gamma: () => new Gamma(0.7, 2),
    "tanh of Normal": () => new TransformedDistribution(new Normal(0.3, 0.8), new TanhTransform()),
    MixtureSameFamily: mixture,
  };
  for (const [name, make] of Object.entries(continuous)) {
    it(`of ${name} have its distribution function`, async () => {
      const d = make();
      const ranks = await d
        .cdf(d.sample([4000]).clone())
        .msort()
        .data();
      const distances = Array.from(ranks, (rank, i) => Math.abs(rank - (i + 0.5) / 4000));
      // Kolmogorov-Smirnov: 1.95 / √n is exceeded once in a thousand times.
      expect(Math.max(...distances)).toBeLessThan(1.95 / Math.sqrt(4000));
    });
  }

  it("of Categorical have its chances", async () => {
    const draws = new Categorical({ logits: tensor([0, 1, 2]) }).sample([count]);
    expect(draws.dtype).toBe("i32");
    const shares = (await draws.bincount())
      .div(count)
      .sub(tensor([0, 1, 2]).softmax(0))
      .abs();
    expect(await shares.max().item()).toBeLessThan(0.02);
  });

  it("of relaxed distributions stay inside and lean to the likely side", async () => {
    const bits = new RelaxedBernoulli(0.5, { probs: 0.8 }).rsample([count]);
    expect(await bits.ge(0).logicalAnd(bits.le(1)).all().item()).toBe(1);
    expect(await bits.gt(0.5).to("f32").mean().item()).toBeCloseTo(0.8, 1);
    const rows = new RelaxedOneHotCategorical(0.5, { probs: tensor([0.1, 0.9]) }).rsample([count]);
    expect(await rows.argmax({ dim: -1 }).to("f32").mean().item()).toBeCloseTo(0.9, 1);
    expect(await rows.sum({ dim: -1 }).sub(1).abs().max().item()).toBeLessThan(1e-5);
  });

  it("repeat with a seed, differ from call to call, also inside jit", async () => {
    const d = new Gamma(2, 1);
    const draw = jit(() => d.sample([3]));
    const first = await draw().tolist();
    expect(await draw().tolist()).not.toEqual(first);
    random.manualSeed(20);
    expect(await draw().tolist()).toEqual(first);
  });
});

describe("gradients of samples", () => {
  it("move the mean as the parameters do", async () => {
    const loc = tensor([0.5]);
    const scale = tensor([2]);
    const families = [Normal, Laplace, Gumbel].map((Family) => new Family(loc, scale));
    for (const d of families) {
      const slope = grad(d.rsample([count]).mean(), [loc])[0];
      expect(await slope.item()).toBeCloseTo(1, 4);
    }
    const [spread] = grad(new Normal(loc, scale).rsample([count]).square().mean(), [scale]);
    expect(await spread.item()).toBeCloseTo(4, 0);
  });

  it("of Gamma are those of the implicit reparametrisation", async () => {
    for (const a of [0.05, 0.5, 2, 20, 150]) {
      const concentration = tensor([a]);
      const drawn = new Gamma(concentration, 1).rsample([8000]);
      const [slope] = grad(drawn.mean(), [concentration]);
      // d E[z] / da = 1; the samples' slopes spread widely for small shapes.
      expect(Math.abs((await slope.item()) - 1)).toBeLessThan(0.1);
    }
  });

  it("of Beta, Dirichlet and StudentT follow their means and variances", async () => {
    const a = tensor([1.5]);
    const [beta] = grad(new Beta(a, 2).rsample([8000]).mean(), [a]);
    expect(await beta.item()).toBeCloseTo(2 / 3.5 ** 2, 2);
    const c = tensor([0.5, 1, 2]);
    const [dirichlet] = grad(new Dirichlet(c).rsample([8000]).mean({ dim: 0 }).select(0, 0), [c]);
    const expected = [3 / 3.5 ** 2, -0.5 / 3.5 ** 2, -0.5 / 3.5 ** 2];
    const off = dirichlet.sub(tensor(expected)).abs().max();
    expect(await off.item()).toBeLessThan(0.02);
    const df = tensor([9]);
    const [student] = grad(new StudentT(df).rsample([8000]).square().mean(), [df]);
    expect(await student.item()).toBeCloseTo(-2 / 49, 1);
  });

  it("do not flow through sample", async () => {
    const loc = tensor([0.5]);
    const [slope] = grad(new Normal(loc, 1).sample([2]).sum(), [loc], { allowUnused: true });
    expect(await slope.item()).toBe(0);
  });

  it("reach a squashed policy's parameters where tanh has no digits left", async () => {
    const loc = tensor([12]);
    const d = new TransformedDistribution(new Normal(loc, 0.1), new TanhTransform());
    const action = d.rsample([4]);
    const log = d.logProb(action);
    expect(await log.isfinite().all().item()).toBe(1);
    const [slope] = grad(log.mean(), [loc]);
    expect(await slope.item()).toBeCloseTo(2, 3);
  });
});

describe("distributions", () => {
  it("check numbers at once and tensors where asked", async () => {
    expect(() => new Normal(0, -1)).toThrow(
      "Normal: scale must satisfy the constraint positive, got -1",
    );
    expect(() => new Normal(0, tensor([1, 0]), { validateArgs: true })).toThrow(
      "Normal: scale must satisfy the constraint positive",
    );
    expect(() => new Poisson(2, { validateArgs: true }).logProb(tensor([0.5]))).toThrow(
      "Poisson.logProb: value must satisfy the constraint nonnegativeInteger",
    );
    expect(() => new Bernoulli({})).toThrow(
      "Bernoulli: needs exactly one of probs and logits, got neither",
    );
    expect(() => new Poisson(1).rsample()).toThrow("Poisson: rsample has no closed form here");
    expect(() => new Independent(new Normal(0, 1), 1)).toThrow("reinterpretedBatchNdims");
  });

  it("expand to other batches", async () => {
    for (const make of Object.values(cases)) {
      const d = make();
      const wide = d.expand([3, ...d.batchShape]);
      expect(wide.batchShape).toEqual([3, ...d.batchShape]);
      expect(wide.eventShape).toEqual(d.eventShape);
      expect(wide.sample([2]).shape).toEqual([2, 3, ...d.batchShape, ...d.eventShape]);
    }
  });

  it("list the outcomes of discrete families", async () => {
    const bits = new Bernoulli({ probs: zeros([2]) });
    expect(await bits.enumerateSupport().tolist()).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(new Categorical({ probs: tensor([[1, 2, 3]]) }).enumerateSupport().shape).toEqual([
      3, 1,
    ]);
    const outcomes = new Binomial(3, { probs: 0.4 });
    const total = outcomes.logProb(outcomes.enumerateSupport()).exp().sum();
    expect(await total.item()).toBeCloseTo(1, 5);
  });

  it("take probabilities as an argument, as torch", async () => {
    const probs = tensor([0.25, 0.75]);
    for (const [short, named] of [
      [new Bernoulli(probs), new Bernoulli({ probs })],
      [new Geometric(probs), new Geometric({ probs })],
      [new Binomial(3, probs), new Binomial(3, { probs })],
      [new Categorical(probs), new Categorical({ probs })],
      [new OneHotCategorical(probs), new OneHotCategorical({ probs })],
    ]) {
      expect(await short.variance.tolist()).toEqual(await named.variance.tolist());
    }
    expect(await new Bernoulli(0.25).mean.item()).toBe(0.25);
  });

  it("have divergences of half and inverse families", async () => {
    const { HalfCauchy, InverseGamma, klDivergence } = distributions;
    const half = klDivergence(new HalfCauchy(1), new HalfCauchy(3));
    expect(await half.item()).toBeCloseTo(Math.log(16 / 12), 6);
    const inverse = klDivergence(new InverseGamma(2, 1), new InverseGamma(2, 3));
    expect(await inverse.item()).toBeCloseTo(2 * Math.log(1 / 3) + 4, 5);
    // Against densities that are 1 resp. 2x between 0 and 1.
    const wide = klDivergence(new Uniform(0, 1), new distributions.Beta(2, 1));
    expect(await wide.item()).toBeCloseTo(1 - Math.log(2), 5);
    const tail = klDivergence(new distributions.Pareto(1, 2), new Exponential(1));
    expect(await tail.item()).toBeCloseTo(Math.log(2) - 1.5 + 2, 5);
  });

  it("take divergences that others register", async () => {
    class Ends extends Uniform {}
    distributions.registerKl(Ends, Normal, (p) => p.low.mul(0).add(7));
    const value = distributions.klDivergence(new Ends(0, 1), new Normal(0, 1));
    expect(await value.item()).toBe(7);
    expect(() => distributions.klDivergence(new Normal(0, 1), new StudentT(3))).toThrow(
      "klDivergence: no formula for Normal and StudentT",
    );
  });
});
