import { autocast, grad, jit, tensor } from "athanor";
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import { GradScaler, SGD, clipGradNorm } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();

/** A weight of one element and a step whose gradient is its argument. */
function setUp(scaler: GradScaler) {
  const weight = tensor([1]);
  weight.requiresGrad = true;
  const optimizer = new SGD([weight], { lr: 1, momentum: 0.5 });
  const step = jit((slope: Tensor) => {
    const loss = weight.mul(slope).sum();
    scaler.step(optimizer, grad(scaler.scale(loss), optimizer.parameters));
    scaler.update();
    return loss;
  });
  return { weight, optimizer, step };
}

describe("GradScaler", () => {
  it("steps as without it, and its scale follows torch's rule", async () => {
    const scaler = new GradScaler({ initScale: 8, growthInterval: 3 });
    const { weight, optimizer, step } = setUp(scaler);
    const seen: number[] = [];
    // torch 2.13: the same gradients through torch.amp.GradScaler("cpu", 8, growth_interval=3)
    for (const slope of [0.25, 0.5, Infinity, 0.25, 0.125, 0.5, NaN, NaN, 1]) {
      step(tensor([slope]));
      seen.push(await scaler.getScale());
    }
    expect(seen).toEqual([8, 8, 4, 4, 4, 8, 4, 2, 2]);
    expect(await scaler.skippedSteps()).toBe(3);
    const plain = new SGD([tensor([1])], { lr: 1, momentum: 0.5 });
    for (const slope of [0.25, 0.5, 0.25, 0.125, 0.5, 1]) plain.step([tensor([slope])]);
    expect(await weight.data()).toEqual(await plain.parameters[0].data());
    expect(optimizer.stateDict()).toMatchObject(
      Object.fromEntries(
        Object.entries(plain.stateDict()).filter(([, value]) => typeof value === "number"),
      ),
    );
  });

  it("does not grow beyond what f32 holds", async () => {
    const scaler = new GradScaler({ initScale: 2 ** 127, growthInterval: 1 });
    scaler.update();
    expect(await scaler.getScale()).toBe(2 ** 127);
    scaler.update(tensor([4], { dtype: "f64" }).sum());
    expect(await scaler.getScale()).toBe(4);
    scaler.update(16);
    expect(await scaler.getScale()).toBe(16);
  });

  it("keeps gradients of f16 that would vanish, and gives them unscaled to be clipped", async () => {
    const layer = new nn.Linear(4, 1, { bias: false });
    const optimizer = new SGD(layer.parameters(), { lr: 1 });
    const scaler = new GradScaler();
    const x = tensor([[1e-4, 2e-4, 3e-4, 4e-4]]);
    const slopes = (isScaled: boolean): Tensor => {
      // The factor makes gradients of about 1e-8 pass through f16.
      const loss = autocast({ dtype: "f16" }, () => layer.forward(x))
        .float()
        .mul(1e-5)
        .sum();
      if (!isScaled) return grad(loss, optimizer.parameters)[0];
      const grads = grad(scaler.scale(loss), optimizer.parameters);
      const { grads: clipped } = clipGradNorm(scaler.unscale(optimizer, grads), 1);
      scaler.step(optimizer, clipped);
      scaler.update();
      return clipped[0];
    };
    expect(Math.max(...(await slopes(false).data()))).toBe(0);
    const norm = await slopes(true).square().sum().sqrt().item();
    expect(norm).toBeGreaterThan(5.4e-9);
    expect(norm).toBeLessThan(5.6e-9);
  });

  it("is nothing when it is not enabled", async () => {
    const scaler = new GradScaler({ enabled: false });
    const { weight, step } = setUp(scaler);
    expect(await step(tensor([0.5])).item()).toBe(0.5);
    expect([await weight.item(), await scaler.getScale()]).toEqual([0.5, 1]);
  });

  it("saves and restores its state, torch's too", async () => {
    const scaler = new GradScaler({ initScale: 32, growthInterval: 5 });
    scaler.update();
    const other = new GradScaler();
    other.loadStateDict(scaler.stateDict());
    expect(await other.getScale()).toBe(32);
    for (let i = 0; i < 4; i++) other.update();
    expect(await other.getScale()).toBe(64);
    other.loadStateDict({
      scale: 128,
      growth_factor: 4,
      backoff_factor: 0.25,
      growth_interval: 2,
      _growth_tracker: 1,
    });
    other.update();
    expect(await other.getScale()).toBe(512);
    // @ts-expect-error what torch gives for a scaler that is not enabled
    expect(() => other.loadStateDict({})).toThrow(
      "scale and _growth_tracker are needed, got nothing",
    );
  });

  it("refuses options out of range and steps without an update between", () => {
    expect(() => new GradScaler({ growthFactor: 1 })).toThrow(
      "GradScaler: growthFactor must be a number > 1 and finite, got 1",
    );
    expect(() => new GradScaler({ backoffFactor: 1 })).toThrow("backoffFactor");
    expect(() => new GradScaler({ growthInterval: 0.5 })).toThrow("growthInterval");
    expect(() => new GradScaler({ initScale: 0 })).toThrow("initScale");
    const scaler = new GradScaler();
    const optimizer = new SGD([tensor([1])], { lr: 1 });
    const gradients = [tensor([1])];
    scaler.unscale(optimizer, gradients);
    expect(() => scaler.unscale(optimizer, gradients)).toThrow("a second call after unscale");
    scaler.step(optimizer, gradients);
    expect(() => scaler.step(optimizer, gradients)).toThrow("GradScaler.step: may be called once");
    scaler.update();
    scaler.step(optimizer, gradients);
  });
});
