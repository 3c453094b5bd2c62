// Draws of further families against their own moments, with fixed seeds.
import { grad, init, jit, random, tensor } from "athanor";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as distributions from "./index.ts";

const count = 20_000;

beforeAll(async () => {
  await init();
});

beforeEach(() => {
  random.manualSeed(21);
});

const lowRank = (): distributions.Distribution =>
  new distributions.LowRankMultivariateNormal(
    tensor([1, -1]),
    tensor([[1], [2]]),
    tensor([0.5, 0.25]),
  );

const cases: Readonly<Record<string, () => distributions.Distribution>> = {
  Kumaraswamy: () => new distributions.Kumaraswamy(tensor([0.7, 3]), 2),
  ContinuousBernoulli: () =>
    new distributions.ContinuousBernoulli({ probs: tensor([0.1, 0.5, 0.8]) }),
  GeneralizedPareto: () => new distributions.GeneralizedPareto(1, 2, tensor([-0.5, 0, 0.1])),
  FisherSnedecor: () => new distributions.FisherSnedecor(5, 30),
  LowRankMultivariateNormal: lowRank,
};

describe("further distributions", () => {
  for (const [name, make] of Object.entries(cases)) {
    it(`${name}: draws have its mean and variance`, async () => {
      const x = make().sample([count]);
      const mean = await x.mean({ dim: 0 }).data();
      const variance = await x.var({ dim: 0 }).data();
      const wanted = [await make().mean.data(), await make().variance.data()];
      wanted[0].forEach((value, i) => {
        expect(Math.abs(mean[i] - value)).toBeLessThan(5 * Math.sqrt(wanted[1][i] / count));
        expect(variance[i] / wanted[1][i]).toBeGreaterThan(0.85);
        expect(variance[i] / wanted[1][i]).toBeLessThan(1.15);
      });
    });

    it(`${name}: repeats to other shapes`, async () => {
      const distribution = make();
      expect(distribution.hasRsample).toBe(true);
      const copy = distribution.expand([2, ...distribution.batchShape]);
      expect(copy.sample([3]).shape).toEqual([
        3,
        2,
        ...distribution.batchShape,
        ...distribution.eventShape,
      ]);
    });
  }

  it("Kumaraswamy: slopes of draws reach the parameters", async () => {
    const a = tensor([0.7, 3]);
    const [slope] = grad(new distributions.Kumaraswamy(a, 2).rsample([50]).mean(), [a]);
    expect(await slope.min().item()).toBeGreaterThan(0);
  });

  it("VonMises: draws have its mean direction and circular variance, in jit too", async () => {
    for (const k of [1e-6, 0.3, 4, 200]) {
      const draw = (): ReturnType<typeof tensor> =>
        new distributions.VonMises(3, k).sample([count]);
      for (const x of [draw(), jit(draw)()]) {
        expect(await x.min().item()).toBeGreaterThanOrEqual(-3.1416);
        expect(await x.max().item()).toBeLessThan(3.1416);
        const apart = x.sub(3);
        const length = 1 - (await new distributions.VonMises(3, k).variance.item());
        expect(Math.abs((await apart.cos().mean().item()) - length)).toBeLessThan(0.02);
        expect(Math.abs(await apart.sin().mean().item())).toBeLessThan(0.02);
      }
    }
  });

  it("LogisticNormal: draws are shares that the map traces back", async () => {
    const distribution = new distributions.LogisticNormal(tensor([0.3, -1, 2]), 0.5);
    const x = distribution.sample([100]);
    expect(x.shape).toEqual([100, 4]);
    expect(await x.sum({ dim: -1 }).sub(1).abs().max().item()).toBeLessThan(1e-6);
    const map = new distributions.StickBreakingTransform();
    const y = map.forward(tensor([0.3, -1, 2]));
    const again = map.inverse(y.mul(1));
    expect(
      await again
        .sub(tensor([0.3, -1, 2]))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-5);
    const first = distribution.logProb(x);
    const second = distribution.logProb(x.mul(1));
    expect(await first.sub(second).abs().max().item()).toBeLessThan(1e-3);
  });

  it("GeneralizedPareto: nothing lies outside its support", async () => {
    const distribution = new distributions.GeneralizedPareto(0, 1, tensor([-0.5, -0.5, 0.5]));
    const at = tensor([3, -1, -1]);
    expect(await distribution.logProb(at).tolist()).toEqual([-Infinity, -Infinity, -Infinity]);
    expect(await distribution.cdf(at).tolist()).toEqual([1, 0, 0]);
  });

  it("Kumaraswamy peaks at its mode", async () => {
    const distribution = new distributions.Kumaraswamy(3, 2);
    const mode = await distribution.mode.item();
    const at = await distribution.logProb(tensor([mode - 0.01, mode, mode + 0.01])).data();
    expect(at[1]).toBeGreaterThan(Math.max(at[0], at[2]));
    expect(await new distributions.Kumaraswamy(0.5, 2).mode.item()).toBeNaN();
  });
});
