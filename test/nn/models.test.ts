import { grad, jit } from "athanor";
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import { AdamW } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { fromFixture, relativeError, useTestDevice } from "../device.ts";
import type { ModelCase } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";
import type { GptConfig } from "./gpt.ts";
import { Gpt } from "./gpt.ts";

useTestDevice();
const fixture = loadFixture("model");

const builders = {
  mlp: () =>
    new nn.Sequential(
      new nn.Linear(7, 16),
      new nn.ReLU(),
      new nn.Linear(16, 17),
      new nn.Tanh(),
      new nn.Linear(17, 5),
    ),
  cnn: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 8, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(8, 12, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(12),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(108, 5),
    ),
  gpt: ({ config }: ModelCase) => new Gpt(config as unknown as GptConfig),
};

function load(names: Readonly<Record<string, string>>): Record<string, Tensor> {
  const entries = Object.entries(names);
  return Object.fromEntries(entries.map(([key, name]) => [key, fromFixture(fixture.tensor(name))]));
}

async function expectTensors(
  actual: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, string>>,
  tolerance: number,
) {
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [key, name] of Object.entries(expected)) {
    const error = relativeError(await actual[key].data(), fixture.tensor(name).data);
    expect(error, key).toBeLessThan(tolerance);
  }
}

function setUp(one: ModelCase) {
  const model = builders[one.name](one);
  model.loadStateDict(load(one.state));
  const optimizer = new AdamW(model.parameters(), one.optimizer.args);
  const [input, target] = [one.batch.input, one.batch.target].map((name) =>
    fromFixture(fixture.tensor(name)),
  );
  const step = (x: Tensor, labels: Tensor) => {
    const loss = nn.functional.crossEntropy(model.forward(x), labels);
    const grads = grad(loss, optimizer.parameters);
    optimizer.step(grads);
    return { loss, grads };
  };
  return { model, step, input, target };
}

describe("whole models train as in PyTorch", () => {
  it.each(fixture.cases)("$name: three jitted steps", async (one) => {
    const { model, step, input, target } = setUp(one);
    const names = model.namedParameters().map(([name]) => name);
    const jitted = jit(step);
    for (const [t, expected] of one.losses.entries()) {
      const { loss, grads } = jitted(input, target);
      expect(relativeError([await loss.item()], [expected])).toBeLessThan(2e-6);
      if (t > 0) continue;
      const named = Object.fromEntries(names.map((name, i) => [name, grads[i]]));
      await expectTensors(named, one.grads, 2e-6);
      const buffers = Object.fromEntries(model.namedBuffers());
      await expectTensors(buffers, one.buffersAfterOne, 2e-6);
    }
    // A gradient near 0 is scaled up by AdamW, and its rounding error with it.
    await expectTensors(model.stateDict(), one.after, 1e-5);
    const output = model.eval().forward(input);
    expect(relativeError(await output.data(), fixture.tensor(one.evalOutput).data)).toBeLessThan(
      1e-5,
    );
  });

  it("trains un-jitted when the loss is read before its gradient is taken", async () => {
    const [one] = fixture.cases;
    const { model, input, target } = setUp(one);
    const optimizer = new AdamW(model.parameters(), one.optimizer.args);
    for (const expected of one.losses) {
      const loss = nn.functional.crossEntropy(model.forward(input), target);
      expect(relativeError([await loss.item()], [expected])).toBeLessThan(2e-6);
      optimizer.step(grad(loss, optimizer.parameters));
    }
  });

  it.each(fixture.cases)("$name: jitted and un-jitted agree", async (one) => {
    const [eager, jitted] = [setUp(one), setUp(one)];
    const compiled = jit(jitted.step);
    for (let t = 0; t < 3; t++) {
      const loss = await eager.step(eager.input, eager.target).loss.item();
      const other = await compiled(jitted.input, jitted.target).loss.item();
      expect(relativeError([other], [loss])).toBeLessThan(1e-6);
    }
  });
});
