import { ConfigError } from "../base/errors.ts";
import { Scheduler } from "./scheduler.ts";
import type { Schedulable } from "./scheduler.ts";

/** Runs schedules one after another: the next one starts, at its epoch 0, at each milestone. */
export class SequentialLR extends Scheduler {
  readonly schedulers: readonly Scheduler[];
  readonly milestones: readonly number[];

  /** @throws {ConfigError} unless there is one schedule more than rising milestones. */
  constructor(
    optimizer: Schedulable,
    schedulers: readonly Scheduler[],
    { milestones }: { readonly milestones: readonly number[] },
  ) {
    super(optimizer);
    if (schedulers.length !== milestones.length + 1) {
      throw new ConfigError(
        `SequentialLR: needs one schedule more than milestones, got ${schedulers.length} schedules ` +
          `and ${milestones.length} milestones`,
      );
    }
    if (milestones.some((milestone, i) => milestone <= (i === 0 ? 0 : milestones[i - 1]))) {
      throw new ConfigError(
        `SequentialLR: milestones must be positive and rise, got [${milestones.join(", ")}]`,
      );
    }
    if (schedulers.some((scheduler) => scheduler.optimizer !== optimizer)) {
      throw new ConfigError("SequentialLR: all schedules must drive the same optimizer");
    }
    this.schedulers = schedulers;
    this.milestones = milestones;
    this.stepTo(0);
  }

  lrAt(epoch: number, groupIndex: number): number {
    const index = this.milestones.filter((milestone) => epoch >= milestone).length;
    const start = index === 0 ? 0 : this.milestones[index - 1];
    return this.schedulers[index].lrAt(epoch - start, groupIndex);
  }

  override momentumAt(epoch: number, groupIndex: number): number | undefined {
    const index = this.milestones.filter((milestone) => epoch >= milestone).length;
    const start = index === 0 ? 0 : this.milestones[index - 1];
    return this.schedulers[index].momentumAt(epoch - start, groupIndex);
  }
}
