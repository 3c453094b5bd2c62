import { describe, expect, it } from "vitest";
import { AthanorError } from "../base/errors.ts";
import { accuracy, argmaxRows, assertFinite, ConfusionMatrix, RunningMean } from "./metrics.ts";

describe("metrics", () => {
  it("weights a running mean by counts", () => {
    const mean = new RunningMean();
    expect(mean.mean).toBeNaN();
    mean.add(1, 3);
    mean.add(5);
    expect([mean.mean, mean.count]).toEqual([2, 4]);
    mean.reset();
    expect(mean.count).toBe(0);
  });

  it("finds the largest entry of each row", () => {
    expect([...argmaxRows([1, 3, 2, 9, 9, 0, -1, -2, -3], 3)]).toEqual([1, 0, 0]);
    expect(accuracy([1, 0, 0, 2], [1, 0, 1, 2])).toBe(0.75);
  });

  it("counts confusions", () => {
    const matrix = new ConfusionMatrix(3);
    matrix.add([0, 0, 1, 2, 2], [0, 1, 1, 2, 0]);
    expect([matrix.count(0, 1), matrix.count(1, 0)]).toEqual([1, 0]);
    expect([matrix.total, matrix.correct, matrix.accuracy]).toEqual([5, 3, 0.6]);
    expect([matrix.recall(0), matrix.precision(1)]).toEqual([0.5, 0.5]);
    expect(() => matrix.add([3], [0])).toThrow("classes must be 0 … 2, got 3");
  });
});

describe("assertFinite", () => {
  it("names the step, the rate and the way back", () => {
    assertFinite(1, { step: 1, lr: 1 });
    const stop = (): void => assertFinite(NaN, { step: 7, lr: 0.30000001, checkpoint: "a/b" });
    expect(stop).toThrow(AthanorError);
    expect(stop).toThrow(
      "train: the loss must stay finite, got NaN at step 7 with learning rate 0.3; lower the " +
        "learning rate, clip gradients or check the inputs (the last checkpoint before it is a/b)",
    );
    expect(() => assertFinite(Infinity, { step: 1, lr: 1 })).toThrow("no checkpoint was saved yet");
  });
});
