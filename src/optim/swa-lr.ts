import { requireChoice, requireInRange } from "./checks.ts";
import { Scheduler, perGroup } from "./scheduler.ts";
import type { Schedulable, SchedulerState } from "./scheduler.ts";
import { cosine } from "./schedules.ts";

/** Options of {@link SWALR}. */
export interface SWALROptions {
  /** The rate at the end, one for all groups or one for each. */
  readonly swaLr: number | readonly number[];
  /** @defaultValue 10 */
  readonly annealEpochs?: number;
  /** @defaultValue "cos" */
  readonly annealStrategy?: "cos" | "linear";
}

/**
 * Leads the rate that is in force at its first step to a constant one, for averaging weights
 * ({@link AveragedModel}); before that it leaves the rate to another schedule.
 * @see Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima", https://arxiv.org/abs/1803.05407
 */
export class SWALR extends Scheduler {
  readonly swaLrs: readonly number[];
  readonly annealEpochs: number;
  readonly #isLinear: boolean;
  #startLrs: readonly number[];

  /** @throws {ConfigError} if an option is out of range. */
  constructor(optimizer: Schedulable, options: SWALROptions) {
    super(optimizer);
    const { swaLr, annealEpochs = 10, annealStrategy = "cos" } = options;
    this.swaLrs = perGroup("SWALR", "swaLr", swaLr, optimizer);
    for (const lr of this.swaLrs) requireInRange("SWALR", "swaLr", lr, { min: 0 });
    const count = { min: 0, isInteger: true };
    this.annealEpochs = requireInRange("SWALR", "annealEpochs", annealEpochs, count);
    this.#isLinear =
      requireChoice("SWALR", "annealStrategy", annealStrategy, ["cos", "linear"]) === "linear";
    this.#startLrs = this.getLastLr();
    if (annealEpochs === 0) this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const progress = this.annealEpochs === 0 ? 1 : Math.min(1, epoch / this.annealEpochs);
    const [start, end] = [this.#startLrs[groupIndex], this.swaLrs[groupIndex]];
    if (progress === 1) return end;
    return this.#isLinear ? start + (end - start) * progress : cosine(start, end, progress);
  }

  override step(): void {
    if (this.lastEpoch === 0) this.#startLrs = this.getLastLr();
    super.step();
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), startLrs: this.#startLrs };
  }

  override loadStateDict(state: SchedulerState): void {
    const { startLrs } = state;
    if (Array.isArray(startLrs)) this.#startLrs = startLrs.map(Number);
    super.loadStateDict(state);
  }
}
