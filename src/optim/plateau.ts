import { requireChoice, requireInRange } from "./checks.ts";
import { perGroup, readNumber } from "./scheduler.ts";
import type { Schedulable, SchedulerState } from "./scheduler.ts";

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise. @defaultValue "min" */
  readonly mode?: "min" | "max";
  /** The rate is multiplied with it. @defaultValue 0.1 */
  readonly factor?: number;
  /** Epochs without improvement that are accepted. @defaultValue 10 */
  readonly patience?: number;
  /** How much better counts as better. @defaultValue 1e-4 */
  readonly threshold?: number;
  /** Whether `threshold` is a fraction of the best value or a distance. @defaultValue "rel" */
  readonly thresholdMode?: "rel" | "abs";
  /** Epochs after a reduction in which nothing is counted. @defaultValue 0 */
  readonly cooldown?: number;
  /** Lowest rate, one for all groups or one for each. @defaultValue 0 */
  readonly minLr?: number | readonly number[];
  /** Smaller changes of the rate are not made. @defaultValue 1e-8 */
  readonly eps?: number;
}

/** Lowers the rate when a metric has stopped improving. */
export class ReduceLROnPlateau {
  readonly optimizer: Schedulable;
  readonly #options: Required<ReduceLROnPlateauOptions>;
  readonly #minLrs: readonly number[];
  #best: number;
  #badEpochs = 0;
  #cooldownCounter = 0;
  #lastEpoch = 0;

  /** @throws {ConfigError} if an option is out of range. */
  constructor(optimizer: Schedulable, options: ReduceLROnPlateauOptions = {}) {
    const {
      mode = "min",
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      thresholdMode = "rel",
      cooldown = 0,
      minLr = 0,
      eps = 1e-8,
    } = options;
    const owner = "ReduceLROnPlateau";
    requireInRange(owner, "factor", factor, { min: 0, below: 1 });
    requireInRange(owner, "patience", patience, { min: 0 });
    requireInRange(owner, "cooldown", cooldown, { min: 0 });
    requireChoice(owner, "mode", mode, ["min", "max"]);
    requireChoice(owner, "thresholdMode", thresholdMode, ["rel", "abs"]);
    this.#minLrs = perGroup(owner, "minLr", minLr, optimizer);
    this.optimizer = optimizer;
    this.#options = { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps };
    this.#best = mode === "min" ? Infinity : -Infinity;
  }

  /** Number of `step` calls so far. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** Ends an epoch whose metric was `metric`. */
  step(metric: number): void {
    this.#lastEpoch++;
    if (this.#isBetter(metric)) {
      this.#best = metric;
      this.#badEpochs = 0;
    } else this.#badEpochs++;
    if (this.#cooldownCounter > 0) {
      this.#cooldownCounter--;
      this.#badEpochs = 0;
    }
    if (this.#badEpochs <= this.#options.patience) return;
    this.#reduce();
    this.#cooldownCounter = this.#options.cooldown;
    this.#badEpochs = 0;
  }

  /** The rates in force, one per group. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** What `loadStateDict` needs to go on from here. */
  stateDict(): SchedulerState {
    return {
      lastEpoch: this.#lastEpoch,
      best: this.#best,
      numBadEpochs: this.#badEpochs,
      cooldownCounter: this.#cooldownCounter,
      lrs: this.getLastLr(),
    };
  }

  /** Restores the counters and the rates. @throws {CheckpointError} if a number is missing. */
  loadStateDict(state: SchedulerState): void {
    this.#lastEpoch = readNumber(state, "lastEpoch");
    // JSON writes infinities as null: nothing was seen yet.
    if (typeof state.best === "number") this.#best = state.best;
    this.#badEpochs = readNumber(state, "numBadEpochs");
    this.#cooldownCounter = readNumber(state, "cooldownCounter");
    const { lrs } = state;
    if (typeof lrs === "number" || lrs === undefined) return;
    this.optimizer.paramGroups.forEach((group, i) => {
      const lr = lrs[i];
      if (typeof lr === "number") group.lr = lr;
    });
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === "min" ? -1 : 1;
    const margin = thresholdMode === "rel" ? this.#best * threshold : threshold;
    // best · (1 ± threshold) is ∞ at the start, where ∞ - ∞ would not be a number.
    const limit = Number.isFinite(this.#best) ? this.#best + sign * margin : this.#best;
    return mode === "min" ? metric < limit : metric > limit;
  }

  #reduce(): void {
    const { factor, eps } = this.#options;
    this.optimizer.paramGroups.forEach((group, i) => {
      const lr = Math.max(group.lr * factor, this.#minLrs[i]);
      if (group.lr - lr > eps) group.lr = lr;
    });
  }
}
