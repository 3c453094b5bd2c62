import { Tensor, full, jit, tensor } from "athanor";
import { Adam, AdamW, SGD, clipGradNorm, clipGradValue } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { fromFixture, isJitOn, relativeError, useTestDevice } from "../device.ts";
import type { OptimizerCase } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("optimizer");
const classes = { SGD, Adam, AdamW };

type Optimizer = SGD | Adam | AdamW;

function build({ op, args, groups }: OptimizerCase, parameters: Tensor[]): Optimizer {
  const list = groups?.map(({ parameters: indices, ...options }) => ({
    ...options,
    params: indices.map((i) => parameters[i]),
  }));
  return new classes[op](list ?? parameters, args);
}

/** Row `step` of a tensor [steps, ...]. */
function row(name: string, step: number, dtype: "f32" | "f64"): Tensor {
  const { data, shape } = fixture.tensor(name);
  const size = data.length / shape[0];
  const values = Float64Array.from(data.subarray(step * size, (step + 1) * size));
  return Tensor.from(values, shape.slice(1), { dtype });
}

function clipped(grads: Tensor[], clip: OptimizerCase["clip"]): Tensor[] {
  if (clip?.maxNorm !== undefined) return clipGradNorm(grads, clip.maxNorm).grads;
  return clip?.clipValue === undefined ? grads : clipGradValue(grads, clip.clipValue);
}

/** Trajectory of every parameter, and the final state. */
async function follow(one: OptimizerCase, dtype: "f32" | "f64", isJitted: boolean) {
  const parameters = one.parameters.map((name) => fromFixture(fixture.tensor(name)).to(dtype));
  const optimizer = build(one, parameters);
  const update = (...grads: Tensor[]): void => {
    const order = optimizer.parameters.map((parameter) => parameters.indexOf(parameter));
    const ready = clipped(grads, one.clip);
    optimizer.step(order.map((i) => ready[i]));
  };
  const step = isJitted ? jit(update) : update;
  const history: number[][] = parameters.map(() => []);
  for (let t = 0; t < one.steps; t++) {
    for (const group of optimizer.paramGroups) if (one.lrPerStep) group.lr = one.lrPerStep[t];
    step(...(one.gradients ?? []).map((name) => row(name, t, dtype)));
    for (const [i, parameter] of parameters.entries()) {
      history[i].push(...(await parameter.data()));
    }
  }
  return { history, parameters, optimizer };
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

async function expectState(one: OptimizerCase, optimizer: Optimizer, parameters: Tensor[]) {
  const { state } = optimizer.stateDict();
  for (const [i, parameter] of parameters.entries()) {
    const own = state[optimizer.parameters.indexOf(parameter)] ?? {};
    for (const [name, expected] of Object.entries(one.stateF64?.[i] ?? {})) {
      const actual = await own[snake(name)].data();
      const values = typeof expected === "number" ? [expected] : fixture.tensor(expected).data;
      expect(relativeError(actual, values), name).toBeLessThan(1e-6);
    }
  }
}

const short = fixture.cases.filter((one) => one.gradients !== undefined);
const long = fixture.cases.filter((one) => one.gradientFormula !== undefined);

describe("optimizers follow PyTorch for twelve steps", () => {
  it.each(short)("$name", async (one) => {
    const { history, parameters, optimizer } = await follow(one, "f32", true);
    history.forEach((values, i) => {
      const name = one.after?.[i] ?? "";
      expect(relativeError(values, fixture.tensor(name).data)).toBeLessThan(1e-6);
    });
    await expectState(one, optimizer, parameters);
  });

  it.each(short)("$name in f64, un-jitted", async (one) => {
    const { history } = await follow(one, "f64", false);
    history.forEach((values, i) => {
      const name = one.afterF64?.[i] ?? "";
      expect(relativeError(values, fixture.tensor(name).data)).toBeLessThan(1e-13);
    });
  });

  it("gives the same numbers jitted and un-jitted", async () => {
    for (const one of short) {
      const [jitted, eager] = [await follow(one, "f32", true), await follow(one, "f32", false)];
      expect(jitted.history, one.name).toEqual(eager.history);
    }
  });
});

describe("optimizers stay with the exact trajectory for a thousand steps", () => {
  async function run(one: OptimizerCase, dtype: "f32" | "f64") {
    const parameter = fromFixture(fixture.tensor(one.parameters[0])).to(dtype);
    const optimizer = build(one, [parameter]);
    const step = jit((gradient: Tensor) => optimizer.step([gradient]));
    for (let t = 1; t <= one.steps; t++) {
      const values = Float32Array.from({ length: parameter.numel }, (_, i) =>
        Math.sin(0.37 * t + i),
      );
      using gradient = Tensor.from(Float64Array.from(values), parameter.shape, { dtype });
      step(gradient);
    }
    return parameter.data();
  }

  it.each(long)("$name in f64", async (one) => {
    const exact = fixture.tensor(one.finalF64?.[0] ?? "").data;
    expect(relativeError(await run(one, "f64"), exact)).toBeLessThan(1e-12);
  });

  it.each(long)("$name", async (one) => {
    const exact = fixture.tensor(one.finalF64?.[0] ?? "").data;
    const single = fixture.tensor(one.final?.[0] ?? "").data;
    const error = relativeError(await run(one, "f32"), exact);
    // Never further from the exact result than PyTorch in single precision, and close to it.
    expect(error).toBeLessThanOrEqual(Math.max(relativeError(single, exact), 1e-6));
  });
});

describe("AdamW", () => {
  // Computed in double precision from the papers' formulas, θ = 1, lr = 0.1, λ = 0.1.
  const gradients = [0.5, -0.25, 1, 0.1, -2];
  const goldens: [string, (p: Tensor[]) => Optimizer, number[]][] = [
    [
      "Adam without decay",
      (p) => new Adam(p, { lr: 0.1 }),
      [0.900000002, 0.873366299, 0.80755514, 0.748794258, 0.771362522],
    ],
    [
      "Adam with the decay in the gradient",
      (p) => new Adam(p, { lr: 0.1, weightDecay: 0.1 }),
      [0.900000002, 0.854441367, 0.7815044, 0.714154916, 0.728641321],
    ],
    [
      "AdamW as PyTorch scales it",
      (p) => new AdamW(p, { lr: 0.1, weightDecay: 0.1 }),
      [0.890000002, 0.854466299, 0.780110477, 0.71354849, 0.728981269],
    ],
    [
      "AdamW as the paper has it",
      (p) => new AdamW(p, { lr: 0.1, weightDecay: 0.1, lrScaledDecay: false }),
      [0.800000002, 0.693366299, 0.55821851, 0.443635777, 0.421840463],
    ],
  ];

  it.each(goldens)("%s", async (_name, make, expected) => {
    const parameter = full([], 1, { dtype: "f64" });
    const optimizer = make([parameter]);
    const seen: number[] = [];
    for (const gradient of gradients) {
      optimizer.step([full([], gradient, { dtype: "f64" })]);
      seen.push(await parameter.item());
    }
    expect(relativeError(seen, expected)).toBeLessThan(1e-9);
  });

  it("decays by exactly 1 - lr λ per step where gradients are zero", async () => {
    const parameter = full([], 1, { dtype: "f64" });
    const optimizer = new AdamW([parameter], { lr: 0.1, weightDecay: 0.1 });
    for (let t = 0; t < 100; t++) optimizer.step([full([], 0, { dtype: "f64" })]);
    expect(await parameter.item()).toBeCloseTo(0.99 ** 100, 12);
  });
});

describe("step", () => {
  it("leaves parameters without a gradient alone, with their step count", async () => {
    const parameters = [tensor([1, 2]), tensor([3])];
    const optimizer = new Adam(parameters, { lr: 0.1 });
    optimizer.step([tensor([1, 1]), null]);
    optimizer.step([tensor([1, 1]), tensor([1])]);
    const fresh = tensor([3]);
    new Adam([fresh], { lr: 0.1 }).step([tensor([1])]);
    expect(await parameters[1].item()).toBe(await fresh.item());
    const { state } = optimizer.stateDict();
    expect([await state[0].step.item(), await state[1].step.item()]).toEqual([2, 1]);
  });

  it.runIf(isJitOn)("takes a new learning rate without tracing again", async () => {
    const parameter = tensor([1]);
    const optimizer = new SGD([parameter], { lr: 0.5 });
    let traces = 0;
    const step = jit((gradient: Tensor) => {
      traces++;
      optimizer.step([gradient]);
    });
    step(tensor([1]));
    optimizer.paramGroups[0].lr = 0.25;
    step(tensor([1]));
    expect(await parameter.item()).toBe(0.25);
    expect(optimizer.paramGroups[0].lr).toBe(0.25);
    expect(traces).toBe(1);
  });

  it("follows other options when it is jitted", async () => {
    const parameter = tensor([1]);
    const optimizer = new SGD([parameter], { lr: 0.5 });
    const [group] = optimizer.paramGroups;
    const step = jit((gradient: Tensor) => optimizer.step([gradient]));
    step(tensor([0]));
    group.options = { ...group.options, weightDecay: 1 };
    step(tensor([0]));
    expect(await parameter.item()).toBe(0.5);
  });

  it("updates bf16 parameters from state in f32", async () => {
    const parameter = full([4], 1, { dtype: "bf16" });
    const optimizer = new AdamW([parameter], { lr: 0.25, weightDecay: 0 });
    optimizer.step([full([4], 1, { dtype: "bf16" })]);
    expect(parameter.dtype).toBe("bf16");
    expect([...(await parameter.data())]).toEqual([0.75, 0.75, 0.75, 0.75]);
    expect(optimizer.stateDict().state[0].exp_avg.dtype).toBe("f32");
  });
});

describe("optimizer errors", () => {
  const p = () => tensor([1, 2]);
  it.each([
    ["no parameters", () => new SGD([])],
    ["a parameter twice", () => ((x) => new SGD([x, x]))(p())],
    ["a negative lr", () => new SGD([p()], { lr: -1 })],
    ["lr that is no number", () => new SGD([p()], { lr: Number.NaN })],
    ["beta of 1", () => new Adam([p()], { betas: [0.9, 1] })],
    ["negative decay", () => new AdamW([p()], { weightDecay: -0.1 })],
    ["nesterov without momentum", () => new SGD([p()], { nesterov: true })],
    ["integer parameters", () => new SGD([tensor([1], { dtype: "i32" })])],
    ["too few gradients", () => new SGD([p(), p()]).step([p()])],
    ["a gradient of another shape", () => new SGD([p()]).step([tensor([1])])],
    ["groups among tensors", () => new SGD([p(), { params: [p()] }] as Iterable<Tensor>)],
  ])("names %s", (_name, run) => {
    expect(run).toThrowErrorMatchingSnapshot();
  });

  it.runIf(isJitOn)("names a learning rate set while tracing", () => {
    const optimizer = new SGD([p()]);
    const run = jit(() => void (optimizer.paramGroups[0].lr = 2));
    expect(run).toThrow(
      "optimizer: lr cannot be set inside a jitted function, where it would be set only while " +
        "tracing; step the schedule outside",
    );
  });
});
