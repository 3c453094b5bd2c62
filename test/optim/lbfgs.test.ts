import type { Tensor } from "athanor";
import { grad, jit, nn, tensor } from "athanor";
import { LBFGS } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { fromFixture, relativeError, useTestDevice } from "../device.ts";
import type { LbfgsCase } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("lbfgs");

const load = (name: string, dtype: "f32" | "f64"): Tensor =>
  fromFixture(fixture.tensor(name)).to(dtype).clone();

function rosenbrock(x: Tensor): Tensor {
  const [head, tail] = [x.narrow(0, 0, x.numel - 1), x.narrow(0, 1, x.numel - 1)];
  return tail.sub(head.square()).square().mul(100).add(head.sub(1).square()).sum();
}

function setUp({ op, args, parameters: names }: LbfgsCase, dtype: "f32" | "f64") {
  const parameters = names.map((name) => load(name, dtype));
  const [inputs, labels] = [load("inputs", dtype), fromFixture(fixture.tensor("labels"))];
  const lossOf = (): Tensor => {
    if (op === "rosenbrock") return rosenbrock(parameters[0]);
    const [weight, bias] = parameters;
    const fit = nn.functional.crossEntropy(nn.functional.linear(inputs, weight, bias), labels);
    return fit.add(weight.square().sum().add(bias.square().sum()).mul(0.01));
  };
  const evaluate = jit(() => {
    const loss = lossOf();
    return { loss, grads: grad(loss, parameters) };
  });
  return { parameters, optimizer: new LBFGS(parameters, args), evaluate };
}

describe("LBFGS", () => {
  it.each(fixture.cases)("$name as PyTorch in f64", async (one) => {
    const { parameters, optimizer, evaluate } = setUp(one, "f64");
    for (const [t, names] of one.after.entries()) {
      const loss = await optimizer.step(evaluate);
      expect(Math.abs(loss - one.losses[t])).toBeLessThan(1e-8 * Math.max(1, one.losses[t]));
      expect(optimizer.funcEvals).toBe(one.evaluations[t]);
      for (const [i, name] of names.entries()) {
        expect(relativeError(await parameters[i].data(), fixture.tensor(name).data)).toBeLessThan(
          1e-7,
        );
      }
    }
  });

  it.each(fixture.cases)("$name falls in f32", async (one) => {
    const { optimizer, evaluate } = setUp(one, "f32");
    const first = await optimizer.step(evaluate);
    await optimizer.step(evaluate);
    expect(await evaluate().loss.item()).toBeLessThan(first);
  });

  it("goes on from its state", async () => {
    const [one] = fixture.cases;
    const [first, second] = [setUp(one, "f64"), setUp(one, "f64")];
    await first.optimizer.step(first.evaluate);
    for (const [i, parameter] of second.parameters.entries()) parameter.assign(first.parameters[i]);
    second.optimizer.loadStateDict(first.optimizer.stateDict());
    await first.optimizer.step(first.evaluate);
    await second.optimizer.step(second.evaluate);
    expect(await second.parameters[0].tolist()).toEqual(await first.parameters[0].tolist());
    first.optimizer.dispose();
  });

  it("takes an asynchronous closure and parameters without a gradient", async () => {
    const parameters = [tensor([3, -2]), tensor([1])];
    const optimizer = new LBFGS(parameters, { lineSearchFn: "strong_wolfe" });
    await optimizer.step(async () => {
      const loss = parameters[0].square().sum();
      await loss.realize();
      return { loss, grads: [parameters[0].mul(2), null] };
    });
    expect(relativeError(await parameters[0].data(), [0, 0])).toBeLessThan(1e-6);
    expect(await parameters[1].item()).toBe(1);
  });

  it("refuses bad options", () => {
    const p = [tensor([1])];
    expect(() => new LBFGS(p, { maxIter: 0 })).toThrow(
      "LBFGS: maxIter must be an integer ≥ 1, got 0",
    );
    expect(() => new LBFGS(p, { lineSearchFn: "wolfe" as "strong_wolfe" })).toThrow(
      "LBFGS: lineSearchFn must be one of strong_wolfe, got wolfe",
    );
    expect(() => new LBFGS([])).toThrow("a parameter group must not be empty");
  });
});
