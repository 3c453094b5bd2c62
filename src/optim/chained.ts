import { CheckpointError, ConfigError } from "../base/errors.ts";
import { Scheduler } from "./scheduler.ts";
import type { Schedulable, SchedulerState } from "./scheduler.ts";

/**
 * Schedules that step together, each from the rate the one before has left: factors multiply, and
 * schedules that set the rate outright ({@link LambdaLR}, {@link OneCycleLR}) override what stands
 * before them.
 */
export class ChainedScheduler extends Scheduler {
  readonly schedulers: readonly Scheduler[];
  #known: { readonly epoch: number; readonly lrs: readonly number[] };

  /** @throws {ConfigError} without schedules, or if they drive several optimizers. */
  constructor(schedulers: readonly Scheduler[], optimizer?: Schedulable) {
    const [first] = schedulers;
    if (first === undefined) {
      throw new ConfigError("ChainedScheduler: at least one schedule is needed, got none");
    }
    super(optimizer ?? first.optimizer);
    if (schedulers.some((scheduler) => scheduler.optimizer !== this.optimizer)) {
      throw new ConfigError("ChainedScheduler: all schedules must drive the same optimizer");
    }
    this.schedulers = schedulers;
    this.#known = { epoch: 0, lrs: this.#after(this.baseLrs, 0) };
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    if (epoch < this.#known.epoch) this.#known = { epoch: 0, lrs: this.#after(this.baseLrs, 0) };
    let { epoch: reached, lrs } = this.#known;
    while (reached < epoch) lrs = this.#after(lrs, ++reached);
    this.#known = { epoch: reached, lrs };
    return lrs[groupIndex];
  }

  override momentumAt(epoch: number, groupIndex: number): number | undefined {
    const momenta = this.schedulers.map((scheduler) => scheduler.momentumAt(epoch, groupIndex));
    return momenta.findLast((momentum) => momentum !== undefined);
  }

  override stateDict(): SchedulerState {
    return {
      ...super.stateDict(),
      schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()),
    };
  }

  override loadStateDict(state: SchedulerState): void {
    loadParts("ChainedScheduler", this.schedulers, state);
    super.loadStateDict(state);
  }

  #after(lrs: readonly number[], epoch: number): readonly number[] {
    return lrs.map((lr, i) =>
      this.schedulers.reduce((rate, scheduler) => scheduler.lrAfter(rate, epoch, i), lr),
    );
  }
}

/** Restores schedules inside of another; states without them are of an older version. */
function loadParts(
  owner: string,
  schedulers: readonly Scheduler[],
  { schedulers: parts }: SchedulerState,
): void {
  if (parts === undefined) return;
  if (!Array.isArray(parts) || parts.length !== schedulers.length) {
    throw new CheckpointError(
      `loadStateDict: the state of ${owner} must hold ${schedulers.length} schedules`,
    );
  }
  for (const [i, scheduler] of schedulers.entries()) {
    scheduler.loadStateDict(parts[i] as SchedulerState);
  }
}
