import { tensor } from "athanor";
import type { Scheduler } from "athanor/optim";
import {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SGD,
  SequentialLR,
  StepLR,
  warmupCosine,
} from "athanor/optim";
import { describe, expect, it } from "vitest";
import { relativeError, useTestDevice } from "../device.ts";
import type { Arguments } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("schedule");
const makeSgd = (lr = 0.2): SGD => new SGD([tensor([1])], { lr });

const classes = {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  LinearLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  StepLR,
};

interface Part {
  readonly op: keyof typeof classes;
  readonly args: Arguments;
}

function build(optimizer: SGD, op: string, args: Arguments): Scheduler {
  if (op !== "SequentialLR") {
    const make = classes[op as Part["op"]] as new (o: SGD, options: unknown) => Scheduler;
    return new make(optimizer, args);
  }
  const { schedulers, milestones } = args as unknown as {
    schedulers: readonly Part[];
    milestones: number[];
  };
  const parts = schedulers.map((part) => build(optimizer, part.op, part.args));
  return new SequentialLR(optimizer, parts, { milestones });
}

describe("schedules", () => {
  it.each(fixture.cases)("$name has PyTorch's rates", ({ op, args, baseLr, lrs }) => {
    const optimizer = makeSgd(baseLr);
    const scheduler = build(optimizer, op, args);
    const seen = lrs.map((_, t) => {
      if (t > 0) scheduler.step();
      return optimizer.paramGroups[0].lr;
    });
    expect(relativeError(seen, lrs)).toBeLessThan(1e-12);
  });

  it("continue from their state", () => {
    const [first, second] = [makeSgd(), makeSgd()];
    const scheduler = new CosineAnnealingLR(first, { tMax: 10 });
    for (let t = 0; t < 4; t++) scheduler.step();
    const resumed = new CosineAnnealingLR(second, { tMax: 10 });
    resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
    expect(second.paramGroups[0].lr).toBe(first.paramGroups[0].lr);
    expect(resumed.lastEpoch).toBe(4);
  });

  it("scale each group's own rate", () => {
    const groups = [{ params: [tensor([1])] }, { params: [tensor([2])], lr: 1 }];
    const optimizer = new SGD(groups, { lr: 0.5 });
    new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }).step();
    expect(optimizer.paramGroups.map((group) => group.lr)).toEqual([0.25, 0.5]);
  });

  it("warm up and follow a cosine to the floor", () => {
    const optimizer = makeSgd(1);
    const scheduler = warmupCosine(optimizer, { warmupSteps: 4, totalSteps: 8, minFactor: 0.1 });
    const seen = [0, 1, 2, 3, 4, 6, 8, 100].map((t) => scheduler.lrAt(t, 0));
    expect(relativeError(seen, [0.25, 0.5, 0.75, 1, 1, 0.55, 0.1, 0.1])).toBeLessThan(1e-15);
  });

  it("take a function of the epoch", () => {
    const optimizer = makeSgd(1);
    const scheduler = new LambdaLR(optimizer, (epoch) => 1 / (1 + epoch));
    scheduler.step();
    expect(scheduler.getLastLr()).toEqual([0.5]);
  });

  it("lower the rate when a metric stops improving, and respect cooldown and floor", () => {
    const optimizer = makeSgd(1);
    const options = { patience: 1, cooldown: 2, factor: 0.5, minLr: 0.3 };
    const scheduler = new ReduceLROnPlateau(optimizer, options);
    const metrics = [5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
    const seen = metrics.map((metric) => {
      scheduler.step(metric);
      return optimizer.paramGroups[0].lr;
    });
    // As torch.optim.lr_scheduler.ReduceLROnPlateau does with the same numbers.
    expect(seen).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]);
  });

  it.each([
    ["StepLR", () => new StepLR(makeSgd(), { stepSize: 0 })],
    ["warmupCosine", () => warmupCosine(makeSgd(), { warmupSteps: 5, totalSteps: 5 })],
    ["SequentialLR", () => new SequentialLR(makeSgd(), [], { milestones: [3] })],
    ["OneCycleLR", () => new OneCycleLR(makeSgd(), { maxLr: 1 })],
    [
      "OneCycleLR at its end",
      () => new OneCycleLR(makeSgd(), { maxLr: 1, totalSteps: 3 }).stepTo(3),
    ],
  ])("refuse bad options: %s", (_name, run) => {
    expect(run).toThrowErrorMatchingSnapshot();
  });
});
