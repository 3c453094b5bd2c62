import type { Tensor } from "athanor";
import { grad, jit, ones, tensor } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();

describe("forward hooks", () => {
  it("see arguments and result, in order, until they are removed", async () => {
    const layer = new nn.ReLU();
    const seen: string[] = [];
    const note = (text: string) => () => void seen.push(text);
    const first = layer.registerForwardHook((module, [x], y) => {
      seen.push(`${module === layer} ${x.shape.join()} ${y.shape.join()}`);
    });
    const second = layer.registerForwardHook(note("second"));
    layer.registerForwardHook(note("zeroth"), { prepend: true });
    layer.registerForwardPreHook(note("before"));
    layer.forward(ones([2, 3]));
    expect(seen).toEqual(["before", "zeroth", "true 2,3 2,3", "second"]);
    first.remove();
    second.remove();
    second.remove();
    layer.forward(ones([1]));
    expect(seen.slice(4)).toEqual(["before", "zeroth"]);
  });

  it("replace arguments and results", async () => {
    const layer = new nn.Identity();
    const before = layer.registerForwardPreHook((_, [x]) => [x.add(1)]);
    const after = layer.registerForwardHook((_module, _args, y) => y.mul(10));
    expect(await layer.forward(tensor([1, 2])).tolist()).toEqual([20, 30]);
    before.remove();
    expect(await layer.forward(tensor([1, 2])).tolist()).toEqual([10, 20]);
    after.remove();
    expect(await layer.forward(tensor([1, 2])).tolist()).toEqual([1, 2]);
    expect(Object.hasOwn(layer, "forward")).toBe(false);
  });

  it("work inside containers and jitted functions, and leave the state alone", async () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU());
    const keys = Object.keys(model.stateDict());
    const kept: Tensor[] = [];
    model.at(0)?.registerForwardHook((_module, _args, y) => y.neg());
    model.registerForwardHook((_module, _args, y) => void kept.push(y));
    const x = ones([1, 2]);
    const plain = await model.forward(x).tolist();
    expect(await jit((input: Tensor) => model.forward(input))(x).tolist()).toEqual(plain);
    expect(kept.length).toBe(2);
    expect(Object.keys(model.stateDict())).toEqual(keys);
    expect(model.modules().length).toBe(3);
  });

  it("refuse modules without forward", () => {
    expect(() => new nn.ModuleList().registerForwardHook(() => undefined)).toThrow(
      "ModuleList: a module without forward takes no hooks",
    );
  });
});

describe("full backward hooks", () => {
  it("see both gradients and may replace the input's", async () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    layer.weight.assign(tensor([[2, 3]]));
    const seen: Tensor[] = [];
    const handle = layer.registerFullBackwardHook((_module, [gradInput], [gradOutput]) => {
      seen.push(gradOutput.clone());
      return [gradInput.mul(100)];
    });
    const x = ones([1, 2]);
    const loss = (): Tensor => layer.forward(x).mul(5).sum();
    expect(await grad(loss(), [x])[0].tolist()).toEqual([[1000, 1500]]);
    expect(await seen[0].tolist()).toEqual([[5]]);
    expect(await grad(loss(), [layer.weight])[0].tolist()).toEqual([[5, 5]]);
    handle.remove();
    expect(await grad(loss(), [x])[0].tolist()).toEqual([[10, 15]]);
  });

  it("run before the gradient enters the module when registered as such", async () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    layer.weight.assign(tensor([[2, 3]]));
    layer.registerFullBackwardPreHook((_module, [gradOutput]) => [gradOutput.mul(2)]);
    const x = ones([1, 2]);
    const gradients = jit((input: Tensor) => grad(layer.forward(input).sum(), [input]))(x);
    expect(await gradients[0].tolist()).toEqual([[4, 6]]);
  });
});
