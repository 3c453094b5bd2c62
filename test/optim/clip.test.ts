import { jit, tensor } from "athanor";
import type { Tensor } from "athanor";
import { clipGradNorm, clipGradUnits, clipGradValue, getTotalNorm } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { fromFixture, relativeError, useTestDevice } from "../device.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("clipping");

describe("gradient clipping", () => {
  it.each(fixture.cases)("$name as PyTorch", async ({ op, inputs, outputs, args }) => {
    const grads = inputs.map((name) => fromFixture(fixture.tensor(name ?? "")));
    const { maxNorm, normType = 2, clipValue } = args as Record<string, number>;
    const results = [];
    if (op === "clipGradNorm") {
      const { grads: clipped, totalNorm } = clipGradNorm(grads, maxNorm, { normType });
      results.push(totalNorm, ...clipped);
    } else if (op === "clipGradValue") results.push(...clipGradValue(grads, clipValue));
    else {
      const count = grads.length / 2;
      results.push(...clipGradUnits(grads.slice(0, count), grads.slice(count), args));
    }
    for (const [i, result] of results.entries()) {
      const expected = fixture.tensor(outputs[i]);
      expect(result.shape).toEqual(expected.shape);
      expect(relativeError(await result.data(), expected.data)).toBeLessThan(1e-6);
    }
  });

  it("takes other norms", async () => {
    const { totalNorm } = clipGradNorm([tensor([3, 0]), tensor([4])], 1, { normType: 3 });
    expect(await totalNorm.item()).toBeCloseTo((27 + 64) ** (1 / 3), 5);
  });

  it("leaves parameters without a gradient out", async () => {
    const { grads, totalNorm } = clipGradNorm([null, tensor([3, 4]), null], 1);
    expect([grads[0], grads[2]]).toEqual([null, null]);
    expect(await totalNorm.item()).toBe(5);
    expect(await grads[1]?.norm().item()).toBeCloseTo(1, 6);
    expect(clipGradValue([null], 1)).toEqual([null]);
    expect(clipGradUnits([null], [tensor([1])])).toEqual([null]);
  });

  it("clips inside jit as outside", async () => {
    const clip = (a: Tensor, b: Tensor) => [
      ...clipGradNorm([a, b], 0.5).grads,
      ...clipGradUnits([a, b], [b, a], { clipFactor: 0.3 }),
    ];
    const [a, b] = [tensor([[1, -2]]), tensor([[0.1, 3]])];
    const [inside, outside] = [jit(clip)(a, b), clip(a, b)];
    for (const [i, one] of outside.entries()) {
      expect(relativeError(await inside[i].data(), await one.data())).toBeLessThan(1e-6);
    }
  });

  it("reports a norm that is not finite where that is asked for", async () => {
    const bad = [tensor([1, Number.NaN])];
    expect(await clipGradNorm(bad, 1).totalNorm.item()).toBeNaN();
    expect(() => clipGradNorm(bad, 1, { errorIfNonfinite: true })).toThrow(
      "clipGradNorm: the norm of order 2 must be finite, got NaN",
    );
  });

  it("needs a gradient", () => {
    expect(() => getTotalNorm([null])).toThrow("at least one gradient is needed, got none");
    expect(() => clipGradUnits([tensor([1])], [tensor([1, 2])])).toThrow(
      "clipGradUnits: gradients must have the shapes of their parameters",
    );
  });

  it("refuses a negative limit", () => {
    expect(() => clipGradNorm([tensor([1])], -1)).toThrow(
      "clipGradNorm: maxNorm must be a number ≥ 0, got -1",
    );
  });
});
