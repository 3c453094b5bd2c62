import { describe, expect, it } from "vitest";
import { grad } from "../../tensor/grad.ts";
import { Generator } from "../../tensor/generator.ts";
import { normal } from "../../tensor/random.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { valueOf } from "./actor-critic-nets.ts";
import { Mlp } from "./mlp.ts";
import type { MlpOptions } from "./mlp.ts";
import { squashedSample } from "./squashed-gaussian.ts";

function makeMlp(options: Partial<MlpOptions> = {}): Mlp {
  return new Mlp({
    inputs: 3,
    outputs: 2,
    hidden: [5, 4],
    activation: "relu",
    layerNorm: false,
    lastLayerInit: null,
    generator: new Generator(7),
    device: "wasm",
    ...options,
  });
}

/** Largest distance of a gradient from its central difference, over a few elements of each parameter. */
async function gradientError(net: Mlp, lossOf: () => Tensor): Promise<number> {
  let worst = 0;
  const eps = 1e-6;
  const parameters = net.parameters();
  const gradients = grad(lossOf(), parameters);
  for (const [i, parameter] of parameters.entries()) {
    const analytic = await gradients[i].data();
    const values = Float64Array.from(await parameter.data());
    const lossAt = async (at: number, value: number): Promise<number> => {
      const moved = values.slice();
      moved[at] = value;
      parameter.assign(Tensor.from(moved, parameter.shape, { dtype: "f64" }));
      return lossOf().item();
    };
    for (const at of new Set([0, values.length >> 1, values.length - 1])) {
      const above = await lossAt(at, values[at] + eps);
      const below = await lossAt(at, values[at] - eps);
      worst = Math.max(worst, Math.abs(analytic[at] - (above - below) / (2 * eps)));
    }
    parameter.assign(Tensor.from(values, parameter.shape, { dtype: "f64" }));
  }
  return worst;
}

describe("Mlp", () => {
  it("starts within PyTorch's bounds, the last layer within its own", async () => {
    const net = makeMlp({ hidden: [50, 60], outputs: 40, lastLayerInit: 3e-3 });
    const bounds = [3, 50].map((fanIn) => 1 / Math.sqrt(fanIn)).concat(3e-3);
    for (const [i, { weight, bias }] of net.layers.entries()) {
      for (const parameter of [weight, bias as Tensor]) {
        const largest = await parameter.abs().amax().item();
        expect(largest).toBeLessThanOrEqual(bounds[i]);
        expect(largest).toBeGreaterThan(0.8 * bounds[i]);
      }
    }
    net.dispose();
  });

  it("draws the same weights from the same generator only", async () => {
    const nets = [7, 7, 8].map((seed) => makeMlp({ generator: new Generator(seed) }));
    const [a, b, c] = await Promise.all(nets.map((net) => net.layers[1].weight.tolist()));
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
    for (const net of nets) net.dispose();
  });

  it("takes the second input in at the layer that is asked for", () => {
    for (const layer of [1, 2, 3]) {
      const net = makeMlp({ side: { inputs: 6, layer } });
      expect(net.layers.map(({ inFeatures }) => inFeatures)).toEqual(
        [3, 5, 4].map((width, i) => width + (i === layer - 1 ? 6 : 0)),
      );
      expect(net.forward(normal([2, 3]), normal([2, 6])).shape).toEqual([2, 2]);
      net.dispose();
    }
  });

  it.each(["relu", "tanh", "elu", "silu", "gelu"] as const)(
    "gradients of actor and critic agree with finite differences: %s",
    async (activation) => {
      const generator = new Generator(3);
      const common = { activation, generator, layerNorm: activation === "tanh" };
      const actor = makeMlp(common).double();
      const side = { inputs: 2, layer: activation === "elu" ? 2 : 1 };
      const critic = makeMlp({ ...common, outputs: 1, side }).double();
      const observations = normal([6, 3], { generator, dtype: "f64" });
      const actions = normal([6, 2], { generator, dtype: "f64" });
      const goal = normal([6], { generator, dtype: "f64" });
      const actorError = await gradientError(actor, () =>
        valueOf(critic, observations, actor.forward(observations).tanh()).mean().neg(),
      );
      expect(actorError).toBeLessThan(1e-7);
      const criticError = await gradientError(critic, () =>
        valueOf(critic, observations, actions).sub(goal).square().mean(),
      );
      expect(criticError).toBeLessThan(1e-7);
      for (const net of [actor, critic]) net.dispose();
    },
  );

  it("gradients of a stochastic policy agree with finite differences", async () => {
    const generator = new Generator(5);
    const actor = makeMlp({ outputs: 4, generator, activation: "tanh" }).double();
    const critic = makeMlp({
      outputs: 1,
      generator,
      activation: "tanh",
      side: { inputs: 2, layer: 1 },
    }).double();
    const observations = normal([6, 3], { generator, dtype: "f64" });
    const noise = normal([6, 2], { generator, dtype: "f64" });
    const error = await gradientError(actor, () => {
      const { actions, logProbs } = squashedSample(actor.forward(observations), noise);
      return logProbs
        .mul(0.2)
        .sub(valueOf(critic, observations, actions))
        .mean();
    });
    expect(error).toBeLessThan(1e-7);
    for (const net of [actor, critic]) net.dispose();
  });
});

describe("squashedSample", () => {
  it("has a density that adds up to 1", async () => {
    // a = tanh(u): the integral over a is the mean of density · (1 - a²) over evenly spaced u.
    const count = 4001;
    const u = Float64Array.from({ length: count }, (_, i) => -8 + (16 * i) / (count - 1));
    const [mean, logStd] = [0.3, -0.4];
    const noise = u.map((value) => (value - mean) / Math.exp(logStd));
    const outputs = Tensor.from(
      Float64Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? mean : logStd)),
      [count, 2],
    );
    const { actions, logProbs } = squashedSample(outputs, Tensor.from(noise, [count, 1]));
    const slope = actions.square().neg().add(1).squeeze({ dim: 1 });
    const total = await logProbs
      .exp()
      .mul(slope)
      .sum()
      .mul(16 / (count - 1))
      .item();
    expect(total).toBeCloseTo(1, 6);
  });

  it("stays finite where tanh rounds to 1", async () => {
    const outputs = Tensor.from(new Float32Array([40, 0, -40, 0]), [2, 2]);
    const { actions, logProbs } = squashedSample(outputs, Tensor.from(new Float32Array(2), [2, 1]));
    expect(await actions.tolist()).toEqual([[1], [-1]]);
    const expected = -0.5 * Math.log(2 * Math.PI) - 2 * (Math.LN2 - 40);
    for (const value of await logProbs.data()) expect(value).toBeCloseTo(expected, 4);
  });
});
