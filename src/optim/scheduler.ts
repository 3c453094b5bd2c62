import { CheckpointError, ConfigError } from "../base/errors.ts";

/** What a schedule needs of a parameter group. */
export interface ScheduledGroup {
  /** The learning rate in force. */
  lr: number;
  /** The learning rate the group was made with. */
  readonly initialLr: number;
  /** The momentum in force, or the first moment's decay rate; undefined where there is none. */
  momentum?: number | undefined;
}

/** What a schedule drives: an optimizer. */
export interface Schedulable {
  readonly paramGroups: readonly ScheduledGroup[];
}

/** A schedule's state: numbers and lists of numbers. */
export interface SchedulerState {
  readonly [name: string]: number | readonly number[] | readonly SchedulerState[];
}

/**
 * A learning-rate schedule in closed form: the rate is a function of the number of `step()` calls,
 * so that a resumed run and one that never stopped agree bit for bit. The constructor puts the
 * rate of epoch 0 in force; call `step()` once after each epoch (or each batch).
 *
 * Differs from PyTorch: two schedules on one optimizer do not multiply; the last that stepped is in
 * force. Join them with {@link SequentialLR} or {@link ChainedScheduler}.
 */
export abstract class Scheduler {
  readonly optimizer: Schedulable;
  /** Rate each group's schedule scales: the one it was made with. */
  readonly baseLrs: readonly number[];
  #lastEpoch = 0;

  constructor(optimizer: Schedulable) {
    this.optimizer = optimizer;
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr);
  }

  /** Number of `step()` calls so far. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** Learning rate of a group at an epoch. */
  abstract lrAt(epoch: number, groupIndex: number): number;

  /**
   * Learning rate after the step to an epoch from whatever rate was in force before: what
   * {@link ChainedScheduler} composes. Schedules that scale the rate override it.
   */
  lrAfter(_lr: number, epoch: number, groupIndex: number): number {
    return this.lrAt(epoch, groupIndex);
  }

  /** Momentum of a group at an epoch; undefined leaves it alone. */
  momentumAt(_epoch: number, _groupIndex: number): number | undefined {
    return undefined;
  }

  /** Goes one epoch on. */
  step(): void {
    this.stepTo(this.#lastEpoch + 1);
  }

  /** Goes to an epoch, forward or back. */
  stepTo(epoch: number): void {
    this.#lastEpoch = epoch;
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = this.lrAt(epoch, i);
      const momentum = this.momentumAt(epoch, i);
      if (momentum !== undefined) group.momentum = momentum;
    });
  }

  /** The rates in force, one per group. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** What `loadStateDict` needs to go on from here. */
  stateDict(): SchedulerState {
    return { lastEpoch: this.#lastEpoch };
  }

  /** Restores the epoch and puts its rates in force. @throws {CheckpointError} */
  loadStateDict(state: SchedulerState): void {
    this.stepTo(readNumber(state, "lastEpoch"));
  }
}

/** A schedule whose rate is the base rate times a factor. */
export abstract class ScalingScheduler extends Scheduler {
  override lrAfter(lr: number, epoch: number, groupIndex: number): number {
    const before = epoch === 0 ? this.baseLrs[groupIndex] : this.lrAt(epoch - 1, groupIndex);
    return before === 0 ? 0 : (lr * this.lrAt(epoch, groupIndex)) / before;
  }
}

/** One value for each group: the list, or the one value for all. @throws {ConfigError} */
export function perGroup(
  owner: string,
  name: string,
  value: number | readonly number[],
  { paramGroups }: Schedulable,
): readonly number[] {
  if (typeof value === "number") return paramGroups.map(() => value);
  if (value.length === paramGroups.length) return value;
  throw new ConfigError(
    `${owner}: one ${name} per group is needed, got ${value.length} for ${paramGroups.length} groups`,
  );
}

/** A number of a state. @throws {CheckpointError} if it is missing. */
export function readNumber(state: SchedulerState, name: string): number {
  const value = state[name];
  if (typeof value === "number") return value;
  throw new CheckpointError(
    `loadStateDict: the schedule's state must hold the number ${name}, got ${typeof value}`,
  );
}
