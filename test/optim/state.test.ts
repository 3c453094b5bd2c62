import { tensor } from "athanor";
import type { Tensor } from "athanor";
import { Adam, AdamW, SGD } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();
type Optimizer = SGD | Adam | AdamW;

const kinds: [string, (p: Tensor[]) => Optimizer][] = [
  ["SGD", (p) => new SGD(p)],
  ["SGD with momentum", (p) => new SGD(p, { momentum: 0.9 })],
  ["SGD with dampening", (p) => new SGD(p, { momentum: 0.9, dampening: 0.5 })],
  ["Adam", (p) => new Adam(p)],
  ["AdamW with amsgrad", (p) => new AdamW(p, { amsgrad: true })],
];

const start = (): Tensor[] => [tensor([0.1, -0.2, 0.3]), tensor([[1], [2]])];
const gradients = (t: number): Tensor[] => [tensor([t, 0.5, -t]), tensor([[0.25 * t], [-1]])];

async function run(optimizer: Optimizer, from: number, to: number): Promise<number[]> {
  for (let t = from; t < to; t++) optimizer.step(gradients(t));
  const values = await Promise.all(optimizer.parameters.map((parameter) => parameter.data()));
  return values.flatMap((data) => [...data]);
}

describe("optimizer state", () => {
  it.each(kinds)("of %s continues bit for bit", async (_name, make) => {
    const first = make(start());
    await run(first, 0, 5);
    first.paramGroups[0].lr = 0.02;
    const second = make(first.parameters.map((parameter) => parameter.clone()));
    second.loadStateDict(first.stateDict());
    expect(second.paramGroups[0].lr).toBe(0.02);
    expect(await run(second, 5, 9)).toEqual(await run(first, 5, 9));
  });

  it("has PyTorch's names", () => {
    const optimizer = new AdamW(start(), { amsgrad: true });
    const { state, paramGroups } = optimizer.stateDict();
    expect(Object.keys(state)).toEqual(["0", "1"]);
    expect(Object.keys(state[0])).toEqual(["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]);
    expect(paramGroups).toMatchInlineSnapshot(`
      [
        {
          "amsgrad": true,
          "betas": [
            0.9,
            0.999,
          ],
          "decoupledWeightDecay": true,
          "eps": 1e-8,
          "initialLr": 0.001,
          "lr": 0.001,
          "lrScaledDecay": true,
          "maximize": false,
          "params": [
            0,
            1,
          ],
          "weightDecay": 0.01,
        },
      ]
    `);
  });

  it("is refused with everything that does not fit, and nothing changes", async () => {
    const target = new AdamW(start(), { amsgrad: true });
    const before = await run(target, 0, 2);
    const other = new AdamW([tensor([1, 2]), tensor([[1], [2]])]);
    await run(new AdamW(start()), 0, 1);
    expect(() => target.loadStateDict(other.stateDict())).toThrowErrorMatchingInlineSnapshot(`
      [CheckpointError: loadStateDict: the state must fit the optimizer, got
        parameter 0: exp_avg has shape [2] for [3]
        parameter 0: exp_avg_sq has shape [2] for [3]
        parameter 0: max_exp_avg_sq is missing
        parameter 1: max_exp_avg_sq is missing
      build the optimizer over the same parameters, in the same order]
    `);
    const kept = await Promise.all(target.parameters.map((parameter) => parameter.data()));
    expect(kept.flatMap((data) => [...data])).toEqual(before);
  });

  it("takes a converted PyTorch state whose momentum has no step", async () => {
    const options = { momentum: 0.5, dampening: 0.5, lr: 1 };
    const parameter = tensor([0]);
    const optimizer = new SGD([parameter], options);
    optimizer.loadStateDict({
      state: { 0: { momentum_buffer: tensor([4]) } },
      paramGroups: [{ lr: 1, params: [0] }],
    });
    optimizer.step([tensor([2])]);
    // 0.5 · 4 + (1 - 0.5) · 2: not the first step, which would take the whole gradient.
    expect(await parameter.item()).toBe(-3);
  });
});
