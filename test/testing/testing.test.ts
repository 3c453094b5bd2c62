import { arange, randn, random, tensor } from "athanor";
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import { allClose, assertClose, compareNumbers, gradcheck, gradgradcheck } from "athanor/testing";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();

describe("closeness", () => {
  it("reports how far numbers are apart", () => {
    const report = compareNumbers([1, 2, Number.NaN, Infinity], [1, 2.5, Number.NaN, Infinity]);
    expect(report).toMatchInlineSnapshot(`
      {
        "count": 4,
        "firstIndex": 1,
        "isClose": false,
        "largestError": 0.5,
        "largestRelativeError": NaN,
        "message": "1 of 4 elements differ, first at index 1: got 2, expected 2.5; largest error 0.5, relative NaN",
        "mismatches": 1,
      }
    `);
    expect(compareNumbers([1], [Infinity]).isClose).toBe(false);
    expect(compareNumbers([Number.NaN], [1]).largestError).toBeNaN();
    expect(compareNumbers([Number.NaN], [Number.NaN], { equalNan: false }).isClose).toBe(false);
    expect(compareNumbers([1], [1, 2]).message).toBe("lengths differ: got 1, expected 2");
  });

  it("compares tensors by shape and by their dtype's tolerance", async () => {
    expect((await allClose(tensor([1]), tensor([[1]]))).message).toBe(
      "shapes differ: got [1], expected [1, 1]",
    );
    const half = tensor([1], { dtype: "f16" });
    expect((await allClose(half, [1.0009])).isClose).toBe(true);
    expect((await allClose(tensor([1]), [1.0009])).isClose).toBe(false);
    await expect(assertClose(tensor([1]), [2], { rtol: 0.1 })).rejects.toThrow(
      "assertClose: 1 of 1 elements differ, first at index 0: got 1, expected 2",
    );
  });
});

describe("gradcheck", () => {
  it("accepts right gradients, first and second, whatever the dtype and device", async () => {
    random.manualSeed(1);
    const [x, w] = [randn([2, 3]), randn([4, 3])];
    const index = tensor([1, 0], { dtype: "i32" });
    const fn = (a: Tensor, b: Tensor, labels: Tensor) =>
      nn.functional.crossEntropy(nn.functional.linear(a.tanh(), b), labels);
    await expect(gradcheck(fn, [x, w, index])).resolves.toBeUndefined();
    await expect(gradgradcheck(fn, [x, w, index])).resolves.toBeUndefined();
    await expect(gradcheck((a) => [a.exp(), a.mul(arange(3))], [x])).resolves.toBeUndefined();
  });

  it("names the input whose gradient is wrong", async () => {
    const wrong = (a: Tensor, b: Tensor) => a.mul(b.detach());
    await expect(gradcheck(wrong, [tensor([1, 2]), tensor([3, 4])])).rejects.toThrow(
      /^gradcheck: gradients must agree with finite differences, got for input 1: 2 of 2 elements/,
    );
  });

  it("wants floats", async () => {
    await expect(gradcheck((a) => a, [tensor([1], { dtype: "i32" })])).rejects.toThrow(
      "gradcheck: at least one input must be a float, got none",
    );
  });
});
