import type { Tensor } from "athanor";
import { full, jit, nn, tensor } from "athanor";
import { AveragedModel, getEmaAvgFn, updateBN } from "athanor/optim";
import type { AveragedModelOptions } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { fromFixture, relativeError, useTestDevice } from "../device.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("averaging");

const options: Readonly<Record<string, AveragedModelOptions>> = {
  swa: {},
  ema: { avgFn: getEmaAvgFn(0.75) },
  "ema of buffers": { avgFn: getEmaAvgFn(0.75), useBuffers: true },
};

function makeNet(): nn.Sequential {
  const net = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 2));
  const state = net.stateDict();
  const names = Object.keys(state).filter((name) => !name.includes("num_batches"));
  const stored = names.map((name) => [name, fromFixture(fixture.tensor(`start/${name}`))] as const);
  net.loadStateDict({ ...state, ...Object.fromEntries(stored) });
  return net;
}

const batches = (): Tensor[] => fromFixture(fixture.tensor("batches")).unbind();

async function expectTensors(
  actual: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, string>>,
) {
  for (const [name, stored] of Object.entries(expected)) {
    const { data } = fixture.tensor(stored);
    expect(relativeError(await actual[name].data(), data), name).toBeLessThan(1e-6);
  }
}

describe("AveragedModel", () => {
  it.each(fixture.cases.flatMap((one) => [true, false].map((isJitted) => ({ ...one, isJitted }))))(
    "$name is PyTorch's, jitted: $isJitted",
    async ({ name, after, refreshed, isJitted }) => {
      const net = makeNet();
      const averaged = new AveragedModel(net, options[name]);
      const update = (batch: Tensor): Tensor => {
        const y = net.forward(batch);
        for (const parameter of net.parameters()) parameter.assign(parameter.mul(0.9).add(0.1));
        averaged.update(net);
        return y;
      };
      const step = isJitted ? jit(update) : update;
      for (const batch of batches()) step(batch);
      await expectTensors(averaged.stateDict(), after);
      expect(await averaged.nAveraged()).toBe(5);

      const second = makeNet();
      second.loadStateDict(averaged.stateDict());
      second.eval();
      const forward = isJitted
        ? jit((x: Tensor) => second.forward(x))
        : (x: Tensor) => second.forward(x);
      await updateBN(second, batches(), forward);
      await expectTensors(second.stateDict(), refreshed);
      expect(second.training).toBe(false);
    },
  );

  it("averages bf16 weights in f32, where bf16 would stand still", async () => {
    const weight = full([1], 1, { dtype: "bf16" });
    const averaged = new AveragedModel({ weight }, { avgFn: getEmaAvgFn(0.999) });
    averaged.update({ weight });
    weight.assign(full([1], 2, { dtype: "bf16" }));
    for (let t = 0; t < 100; t++) averaged.update({ weight });
    const { "module.weight": exact } = averaged.state();
    expect(await exact.item()).toBeCloseTo(2 - 0.999 ** 100, 5);
    expect(averaged.stateDict().weight.dtype).toBe("bf16");
  });

  it("exchanges weights with the model and back", async () => {
    const weight = tensor([1, 2]);
    const averaged = new AveragedModel({ weight });
    averaged.update({ weight });
    weight.assign(tensor([5, 6]));
    averaged.swap({ weight });
    expect(await weight.tolist()).toEqual([1, 2]);
    averaged.swap({ weight });
    expect(await weight.tolist()).toEqual([5, 6]);
  });

  it("goes on from its state", async () => {
    const weight = tensor([1, 2]);
    const [first, second] = [new AveragedModel({ weight }), new AveragedModel({ weight })];
    for (const averaged of [first, first, first]) averaged.update({ weight: weight.mul(3) });
    second.loadState(first.state());
    for (const averaged of [first, second]) averaged.update({ weight });
    expect(await second.stateDict().weight.tolist()).toEqual(
      await first.stateDict().weight.tolist(),
    );
    expect(await second.nAveraged()).toBe(4);
  });

  it("names what does not fit", async () => {
    const averaged = new AveragedModel({ weight: tensor([1]) });
    expect(() => averaged.update({ other: tensor([1]) })).toThrow(
      "AveragedModel: the model must have the tensors it was made with",
    );
    expect(() => averaged.loadState({ n_averaged: tensor(1) })).toThrow("module.weight");
    expect(() => new AveragedModel({})).toThrow("at least one tensor is needed");
    expect(() => getEmaAvgFn(1.5)).toThrow("decay must be a number ≥ 0 and ≤ 1, got 1.5");
    const net = new nn.BatchNorm1d(2);
    await expect(updateBN(net, [], (x: Tensor) => net.forward(x))).rejects.toThrow(
      "at least one batch",
    );
  });
});
