import { requireChoice, requireInRange } from "./checks.ts";
import type { MomentumCycle, MomentumOptions } from "./momentum-cycle.ts";
import { planMomentum } from "./momentum-cycle.ts";
import { Scheduler, perGroup } from "./scheduler.ts";
import type { Schedulable } from "./scheduler.ts";

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions extends MomentumOptions {
  /** Lowest rate, one for all groups or one for each. */
  readonly baseLr: number | readonly number[];
  /** Highest rate of the first cycle, one for all groups or one for each. */
  readonly maxLr: number | readonly number[];
  /** Steps of the rise. @defaultValue 2000 */
  readonly stepSizeUp?: number;
  /** Steps of the fall. @defaultValue stepSizeUp */
  readonly stepSizeDown?: number;
  /**
   * Height of the cycles: constant, halved by each, or `gamma` to the power of the step.
   * @defaultValue "triangular"
   */
  readonly mode?: "triangular" | "triangular2" | "exp_range";
  /** @defaultValue 1 */
  readonly gamma?: number;
  /** Height as a function of the cycle (from 1) or of the step, in place of `mode`. */
  readonly scaleFn?: (x: number) => number;
  /** What `scaleFn` is a function of. @defaultValue "cycle" */
  readonly scaleMode?: "cycle" | "iterations";
}

/**
 * Rises and falls between two rates, over and over; momentum goes the other way. Step it after each
 * batch.
 * @see Smith 2017, "Cyclical Learning Rates for Training Neural Networks", https://arxiv.org/abs/1506.01186
 */
export class CyclicLR extends Scheduler {
  override readonly baseLrs: readonly number[];
  readonly maxLrs: readonly number[];
  readonly stepSizeUp: number;
  readonly stepSizeDown: number;
  readonly #momentum: MomentumCycle | undefined;
  readonly #scale: (cycle: number, step: number) => number;

  /** @throws {ConfigError} if an option is out of range or there is no momentum to cycle. */
  constructor(optimizer: Schedulable, options: CyclicLROptions) {
    super(optimizer);
    const { baseLr, maxLr, stepSizeUp = 2000, stepSizeDown = stepSizeUp } = options;
    this.baseLrs = perGroup("CyclicLR", "baseLr", baseLr, optimizer);
    this.maxLrs = perGroup("CyclicLR", "maxLr", maxLr, optimizer);
    for (const lr of [...this.baseLrs, ...this.maxLrs]) {
      requireInRange("CyclicLR", "baseLr and maxLr", lr, { min: 0 });
    }
    this.stepSizeUp = requireInRange("CyclicLR", "stepSizeUp", stepSizeUp, { above: 0 });
    this.stepSizeDown = requireInRange("CyclicLR", "stepSizeDown", stepSizeDown, { above: 0 });
    this.#scale = scaleOf(options);
    this.#momentum = planMomentum("CyclicLR", optimizer, options, [0.8, 0.9]);
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const [low, high] = [this.baseLrs[groupIndex], this.maxLrs[groupIndex]];
    return low + (high - low) * this.#heightAt(epoch);
  }

  override momentumAt(epoch: number, groupIndex: number): number | undefined {
    if (this.#momentum === undefined) return undefined;
    const { low, high } = this.#momentum;
    return high[groupIndex] - (high[groupIndex] - low[groupIndex]) * this.#heightAt(epoch);
  }

  /** Height over the base, from 0 to 1 times the cycle's scale. */
  #heightAt(step: number): number {
    const total = this.stepSizeUp + this.stepSizeDown;
    const ratio = this.stepSizeUp / total;
    const cycle = Math.floor(1 + step / total);
    const x = 1 + step / total - cycle;
    return (x <= ratio ? x / ratio : (x - 1) / (ratio - 1)) * this.#scale(cycle, step);
  }
}

function scaleOf(options: CyclicLROptions): (cycle: number, step: number) => number {
  const { mode = "triangular", gamma = 1, scaleFn, scaleMode = "cycle" } = options;
  if (scaleFn !== undefined) {
    return scaleMode === "cycle" ? (cycle) => scaleFn(cycle) : (_, step) => scaleFn(step);
  }
  requireChoice("CyclicLR", "mode", mode, ["triangular", "triangular2", "exp_range"]);
  if (mode === "triangular") return () => 1;
  return mode === "triangular2" ? (cycle) => 2 ** (1 - cycle) : (_, step) => gamma ** step;
}
