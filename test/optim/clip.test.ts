import { tensor } from "athanor";
import { clipGradNorm, clipGradValue } from "athanor/optim";
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
    } else results.push(...clipGradValue(grads, clipValue));
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

  it("refuses a negative limit", () => {
    expect(() => clipGradNorm([tensor([1])], -1)).toThrow(
      "clipGradNorm: maxNorm must be a number ≥ 0, got -1",
    );
  });
});
