import type { Tensor } from "athanor";
import { engineStats, jit, tensor } from "athanor";
import type { Scheduler } from "athanor/optim";
import {
  Adam,
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiStepLR,
  MultiplicativeLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SGD,
  SWALR,
  SequentialLR,
  StepLR,
  warmupCosine,
} from "athanor/optim";
import { describe, expect, it } from "vitest";
import { isJitOn, relativeError, useTestDevice } from "../device.ts";
import type { Arguments } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("schedule");
const makeSgd = (lr = 0.2): SGD => new SGD([tensor([1])], { lr, momentum: 0.7 });

const makeAdam = (): Adam => new Adam([tensor([1, 2])], { lr: 0.1 });

const classes = {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LinearLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  StepLR,
  SWALR,
};

const factors: Readonly<Record<string, (t: number) => number>> = {
  "0.9 ** t": (t) => 0.9 ** t,
  "1 / (1 + t)": (t) => 1 / (1 + t),
  "0.9 + 0.01 * t": (t) => 0.9 + 0.01 * t,
};

interface Part {
  readonly op: string;
  readonly args: Arguments;
}

function build(optimizer: SGD, { op, args }: Part): Scheduler {
  if (op === "LambdaLR") return new LambdaLR(optimizer, factors[args.lrLambda as string]);
  if (op === "MultiplicativeLR") {
    return new MultiplicativeLR(optimizer, factors[args.lrLambda as string]);
  }
  if (op === "SequentialLR" || op === "ChainedScheduler") {
    const { schedulers, milestones } = args as unknown as {
      schedulers: readonly Part[];
      milestones: number[];
    };
    const parts = schedulers.map((part) => build(optimizer, part));
    if (op === "ChainedScheduler") return new ChainedScheduler(parts);
    return new SequentialLR(optimizer, parts, { milestones });
  }
  const make = classes[op as keyof typeof classes] as new (o: SGD, options: unknown) => Scheduler;
  const isCycle = op === "OneCycleLR" || op === "CyclicLR";
  return new make(optimizer, isCycle ? { cycleMomentum: false, ...args } : args);
}

const timed = fixture.cases.filter(({ metrics }) => metrics === undefined);
const plateaus = fixture.cases.filter(({ metrics }) => metrics !== undefined);

describe("schedules", () => {
  it.each(timed)("$name has PyTorch's rates", (one) => {
    const optimizer = makeSgd(one.baseLr);
    const scheduler = build(optimizer, one);
    const [group] = optimizer.paramGroups;
    const [seen, momenta]: [number[], number[]] = [[], []];
    for (let t = 0; t < one.lrs.length; t++) {
      if (t > 0) scheduler.step();
      seen.push(group.lr);
      momenta.push(group.momentum ?? Number.NaN);
    }
    expect(relativeError(seen, one.lrs)).toBeLessThan(1e-12);
    const expected = one.momenta ?? one.lrs.map(() => 0.7);
    expect(relativeError(momenta, expected)).toBeLessThan(1e-12);
  });

  it.each(timed)("$name goes on from its state", (one) => {
    const [first, second] = [makeSgd(one.baseLr), makeSgd(one.baseLr)];
    const scheduler = build(first, one);
    for (let t = 0; t < 11; t++) scheduler.step();
    const resumed = build(second, one);
    resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
    for (let t = 0; t < 10; t++) {
      expect(second.paramGroups[0].lr).toBe(first.paramGroups[0].lr);
      expect(second.paramGroups[0].momentum).toBe(first.paramGroups[0].momentum);
      scheduler.step();
      resumed.step();
    }
  });

  it.each(plateaus)("$name has PyTorch's rates", ({ args, baseLr, metrics = [], lrs }) => {
    const optimizer = makeSgd(baseLr);
    const scheduler = new ReduceLROnPlateau(optimizer, args);
    const seen = metrics.map((metric) => {
      scheduler.step(metric);
      return optimizer.paramGroups[0].lr;
    });
    expect(relativeError(seen, lrs)).toBeLessThan(1e-12);
  });

  it("hand over from one schedule to averaging", () => {
    const optimizer = makeSgd(1);
    const before = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    const averaging = new SWALR(optimizer, {
      swaLr: 0.1,
      annealEpochs: 2,
      annealStrategy: "linear",
    });
    before.step();
    expect(optimizer.paramGroups[0].lr).toBe(0.5);
    const seen = [1, 2, 3].map(() => {
      averaging.step();
      return optimizer.paramGroups[0].lr;
    });
    expect(relativeError(seen, [0.3, 0.1, 0.1])).toBeLessThan(1e-12);
  });

  it("stay at the last rate for the step after the last batch", () => {
    const optimizer = makeSgd();
    const schedule = new OneCycleLR(optimizer, {
      maxLr: 1,
      totalSteps: 4,
      annealStrategy: "linear",
    });
    for (let t = 0; t < 4; t++) schedule.step();
    expect(optimizer.paramGroups[0].lr).toBeCloseTo(1 / 25 / 1e4, 12);
    expect(() => schedule.step()).toThrow("the cycle has 4 steps, got step 5; raise totalSteps");
  });

  it("take one value per group", () => {
    const groups = [{ params: [tensor([1])] }, { params: [tensor([2])] }];
    const optimizer = new SGD(groups, { lr: 0.5, momentum: 0.9 });
    new CyclicLR(optimizer, {
      baseLr: [0.1, 1],
      maxLr: [0.3, 3],
      stepSizeUp: 2,
      baseMomentum: [0.5, 0.6],
    }).step();
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.2, 2]);
    expect(optimizer.paramGroups.map(({ momentum }) => momentum)).toEqual([0.7, 0.75]);
  });

  it.runIf(isJitOn)(
    "change momentum in a jitted step without tracing it at each step",
    async () => {
      const [jitted, eager] = [makeAdam(), makeAdam()];
      let traces = 0;
      const update = jit((gradient: Tensor) => {
        traces++;
        jitted.step([gradient]);
      });
      const options = { maxLr: 0.5, totalSteps: 8, baseMomentum: 0.4, maxMomentum: 0.9 };
      const schedules = [jitted, eager].map((optimizer) => new OneCycleLR(optimizer, options));
      for (let t = 0; t < 8; t++) {
        using gradient = tensor([Math.sin(t), Math.cos(t)]);
        update(gradient);
        eager.step([gradient]);
        for (const schedule of schedules) schedule.step();
      }
      expect(traces).toBe(1);
      const [a, b] = [jitted, eager].map(({ parameters }) => parameters[0]);
      expect(await a.tolist()).toEqual(await b.tolist());
      expect(jitted.stateDict().paramGroups[0].betas).toEqual([
        jitted.paramGroups[0].momentum,
        0.999,
      ]);
    },
  );

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

  it.skipIf(!isJitOn)("compile nothing for a new rate", () => {
    const optimizer = makeSgd();
    const step = jit(() => optimizer.step(optimizer.parameters));
    const compiles: number[] = [];
    for (let i = 0; i < 4; i++) {
      optimizer.paramGroups[0].lr = 1 / (i + 3);
      const before = engineStats().compiles;
      step();
      compiles.push(engineStats().compiles - before);
    }
    expect(compiles.slice(1)).toEqual([0, 0, 0]);
  });

  it.each([
    ["StepLR", () => new StepLR(makeSgd(), { stepSize: 0 })],
    ["warmupCosine", () => warmupCosine(makeSgd(), { warmupSteps: 5, totalSteps: 5 })],
    ["SequentialLR", () => new SequentialLR(makeSgd(), [], { milestones: [3] })],
    [
      "CyclicLR",
      () => new CyclicLR(makeSgd(), { baseLr: 1, maxLr: 2, mode: "square" as "triangular" }),
    ],
    [
      "CyclicLR without momentum",
      () => new CyclicLR(new SGD([tensor([1])]), { baseLr: 1, maxLr: 2 }),
    ],
    ["ChainedScheduler", () => new ChainedScheduler([])],
    ["SWALR", () => new SWALR(makeSgd(), { swaLr: [1, 2] })],
    ["OneCycleLR", () => new OneCycleLR(makeSgd(), { maxLr: 1 })],
    [
      "OneCycleLR at its end",
      () => new OneCycleLR(makeSgd(), { maxLr: 1, totalSteps: 3 }).stepTo(4),
    ],
  ])("refuse bad options: %s", (_name, run) => {
    expect(run).toThrowErrorMatchingSnapshot();
  });
});
