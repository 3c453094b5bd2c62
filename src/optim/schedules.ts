import { ConfigError } from "../base/errors.ts";
import { requireInRange } from "./checks.ts";
import { ScalingScheduler, Scheduler } from "./scheduler.ts";
import type { Schedulable } from "./scheduler.ts";

/** Multiplies the rate with `gamma` every `stepSize` epochs. */
export class StepLR extends ScalingScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  /** @throws {ConfigError} if `stepSize` is no positive integer. */
  constructor(
    optimizer: Schedulable,
    { stepSize, gamma = 0.1 }: { readonly stepSize: number; readonly gamma?: number },
  ) {
    super(optimizer);
    this.stepSize = requireInRange("StepLR", "stepSize", stepSize, { min: 1, isInteger: true });
    this.gamma = requireInRange("StepLR", "gamma", gamma, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    return this.baseLrs[groupIndex] * this.gamma ** Math.floor(epoch / this.stepSize);
  }
}

/** Multiplies the rate with `gamma` at each milestone; a milestone named twice counts twice. */
export class MultiStepLR extends ScalingScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(
    optimizer: Schedulable,
    {
      milestones,
      gamma = 0.1,
    }: { readonly milestones: readonly number[]; readonly gamma?: number },
  ) {
    super(optimizer);
    this.milestones = milestones;
    this.gamma = requireInRange("MultiStepLR", "gamma", gamma, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const passed = this.milestones.filter((milestone) => epoch >= milestone).length;
    return this.baseLrs[groupIndex] * this.gamma ** passed;
  }
}

/** Multiplies the rate with `factor` for the first `totalIters` epochs. */
export class ConstantLR extends ScalingScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(
    optimizer: Schedulable,
    {
      factor = 1 / 3,
      totalIters = 5,
    }: { readonly factor?: number; readonly totalIters?: number } = {},
  ) {
    super(optimizer);
    this.factor = requireInRange("ConstantLR", "factor", factor, { min: 0, max: 1 });
    this.totalIters = requireInRange("ConstantLR", "totalIters", totalIters, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    return this.baseLrs[groupIndex] * (epoch < this.totalIters ? this.factor : 1);
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** @defaultValue 1/3 */
  readonly startFactor?: number;
  /** @defaultValue 1 */
  readonly endFactor?: number;
  /** @defaultValue 5 */
  readonly totalIters?: number;
}

/** Moves the factor from `startFactor` to `endFactor` in a straight line over `totalIters`. */
export class LinearLR extends ScalingScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(
    optimizer: Schedulable,
    { startFactor = 1 / 3, endFactor = 1, totalIters = 5 }: LinearLROptions = {},
  ) {
    super(optimizer);
    this.startFactor = requireInRange("LinearLR", "startFactor", startFactor, { above: 0, max: 1 });
    this.endFactor = requireInRange("LinearLR", "endFactor", endFactor, { min: 0, max: 1 });
    this.totalIters = requireInRange("LinearLR", "totalIters", totalIters, { min: 1 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const progress = Math.min(epoch, this.totalIters) / this.totalIters;
    const factor = this.startFactor + (this.endFactor - this.startFactor) * progress;
    return this.baseLrs[groupIndex] * factor;
  }
}

/** Multiplies the rate with `gamma` every epoch. */
export class ExponentialLR extends ScalingScheduler {
  readonly gamma: number;

  constructor(optimizer: Schedulable, { gamma }: { readonly gamma: number }) {
    super(optimizer);
    this.gamma = requireInRange("ExponentialLR", "gamma", gamma, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    return this.baseLrs[groupIndex] * this.gamma ** epoch;
  }
}

/** Lowers the rate to 0 over `totalIters` epochs: $lr = base (1 - t/T)^{power}$. */
export class PolynomialLR extends ScalingScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(
    optimizer: Schedulable,
    { totalIters = 5, power = 1 }: { readonly totalIters?: number; readonly power?: number } = {},
  ) {
    super(optimizer);
    this.totalIters = requireInRange("PolynomialLR", "totalIters", totalIters, { min: 1 });
    this.power = requireInRange("PolynomialLR", "power", power, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const rest = 1 - Math.min(epoch, this.totalIters) / this.totalIters;
    return this.baseLrs[groupIndex] * rest ** this.power;
  }
}

/**
 * Half a cosine from the base rate to `etaMin` over `tMax` epochs; beyond them it rises again, as
 * in PyTorch. $lr = η_{min} + (base - η_{min}) (1 + \cos(π t / T)) / 2$
 * @see Loshchilov and Hutter 2017, "SGDR", https://arxiv.org/abs/1608.03983
 */
export class CosineAnnealingLR extends Scheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(
    optimizer: Schedulable,
    { tMax, etaMin = 0 }: { readonly tMax: number; readonly etaMin?: number },
  ) {
    super(optimizer);
    this.tMax = requireInRange("CosineAnnealingLR", "tMax", tMax, { min: 1, isInteger: true });
    this.etaMin = requireInRange("CosineAnnealingLR", "etaMin", etaMin, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    return cosine(this.baseLrs[groupIndex], this.etaMin, epoch / this.tMax);
  }

  override lrAfter(lr: number, epoch: number, groupIndex: number): number {
    if (epoch === 0) return lr;
    const { tMax, etaMin } = this;
    const heightAt = (t: number): number => 1 + Math.cos((Math.PI * t) / tMax);
    if ((epoch - 1 - tMax) % (2 * tMax) === 0) {
      // From the valley upwards there is no ratio of heights.
      return lr + ((this.baseLrs[groupIndex] - etaMin) * heightAt(epoch)) / 2;
    }
    return (heightAt(epoch) / heightAt(epoch - 1)) * (lr - etaMin) + etaMin;
  }
}

/** From `start` at progress 0 to `end` at progress 1 along half a cosine. */
export function cosine(start: number, end: number, progress: number): number {
  return end + ((start - end) * (1 + Math.cos(Math.PI * progress))) / 2;
}

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface WarmRestartsOptions {
  /** Epochs of the first cycle. */
  readonly t0: number;
  /** Each cycle is this many times longer than the one before. @defaultValue 1 */
  readonly tMult?: number;
  /** @defaultValue 0 */
  readonly etaMin?: number;
}

/** Cosine annealing that restarts at the base rate after each cycle (SGDR). */
export class CosineAnnealingWarmRestarts extends Scheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;

  constructor(optimizer: Schedulable, { t0, tMult = 1, etaMin = 0 }: WarmRestartsOptions) {
    super(optimizer);
    const owner = "CosineAnnealingWarmRestarts";
    this.t0 = requireInRange(owner, "t0", t0, { min: 1, isInteger: true });
    this.tMult = requireInRange(owner, "tMult", tMult, { min: 1, isInteger: true });
    this.etaMin = requireInRange(owner, "etaMin", etaMin, { min: 0 });
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    let length = this.t0;
    let rest = epoch;
    if (this.tMult === 1) rest = epoch % length;
    else {
      for (; rest >= length; length *= this.tMult) rest -= length;
    }
    return cosine(this.baseLrs[groupIndex], this.etaMin, rest / length);
  }
}

/** Factor of the base rate at an epoch. */
export type RateFactor = (epoch: number) => number;

/** The base rate times a function of the epoch, one function for all groups or one for each. */
export class LambdaLR extends Scheduler {
  readonly factors: readonly RateFactor[];

  /** @throws {ConfigError} if the number of functions is not the number of groups. */
  constructor(optimizer: Schedulable, factor: RateFactor | readonly RateFactor[]) {
    super(optimizer);
    this.factors = factorsOf("LambdaLR", optimizer, factor);
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    return this.baseLrs[groupIndex] * this.factors[groupIndex](epoch);
  }
}

/** Multiplies the rate with a function of the epoch at every step: the product of them all. */
export class MultiplicativeLR extends ScalingScheduler {
  readonly factors: readonly RateFactor[];
  readonly #products: number[][];

  /** @throws {ConfigError} if the number of functions is not the number of groups. */
  constructor(optimizer: Schedulable, factor: RateFactor | readonly RateFactor[]) {
    super(optimizer);
    this.factors = factorsOf("MultiplicativeLR", optimizer, factor);
    this.#products = this.factors.map(() => [1]);
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const known = this.#products[groupIndex];
    while (known.length <= epoch) {
      known.push(known[known.length - 1] * this.factors[groupIndex](known.length));
    }
    return this.baseLrs[groupIndex] * known[epoch];
  }
}

function factorsOf(
  owner: string,
  { paramGroups }: Schedulable,
  factor: RateFactor | readonly RateFactor[],
): readonly RateFactor[] {
  const factors = typeof factor === "function" ? paramGroups.map(() => factor) : [...factor];
  if (factors.length === paramGroups.length) return factors;
  throw new ConfigError(
    `${owner}: one function per group is needed, got ${factors.length} for ${paramGroups.length} groups`,
  );
}

/** Options of {@link warmupCosine}. */
export interface WarmupCosineOptions {
  /** Steps from 0 to the base rate. */
  readonly warmupSteps: number;
  /** Steps until the lowest rate, the warm-up included; it stays there. */
  readonly totalSteps: number;
  /** Lowest rate as a fraction of the base rate. @defaultValue 0 */
  readonly minFactor?: number;
}

/**
 * Linear warm-up, then half a cosine: the usual schedule of transformers. Step t of the warm-up has
 * (t+1)/warmupSteps of the base rate, so that no step is wasted on rate 0.
 */
export function warmupCosine(
  optimizer: Schedulable,
  { warmupSteps, totalSteps, minFactor = 0 }: WarmupCosineOptions,
): LambdaLR {
  const owner = "warmupCosine";
  requireInRange(owner, "warmupSteps", warmupSteps, { min: 0, isInteger: true });
  requireInRange(owner, "totalSteps", totalSteps, { above: warmupSteps, isInteger: true });
  requireInRange(owner, "minFactor", minFactor, { min: 0, max: 1 });
  return new LambdaLR(optimizer, (step) => {
    if (step < warmupSteps) return (step + 1) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps));
    return cosine(1, minFactor, progress);
  });
}
