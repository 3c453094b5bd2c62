import { CheckpointError } from "../base/errors.ts";

/** What a schedule needs of a parameter group. */
export interface ScheduledGroup {
  /** The learning rate in force. */
  lr: number;
  /** The learning rate the group was made with. */
  readonly initialLr: number;
}

/** What a schedule drives: an optimizer. */
export interface Schedulable {
  readonly paramGroups: readonly ScheduledGroup[];
}

/** A schedule's state: numbers and lists of numbers. */
export type SchedulerState = Readonly<Record<string, number | readonly number[]>>;

/**
 * A learning-rate schedule in closed form: the rate is a function of the number of `step()` calls,
 * so that a resumed run and one that never stopped agree bit for bit. The constructor puts the
 * rate of epoch 0 in force; call `step()` once after each epoch (or each batch).
 *
 * Differs from PyTorch: two schedules on one optimizer do not multiply; join them with
 * {@link SequentialLR} or write the product as a {@link LambdaLR}.
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

  /** Goes one epoch on. */
  step(): void {
    this.stepTo(this.#lastEpoch + 1);
  }

  /** Goes to an epoch, forward or back. */
  stepTo(epoch: number): void {
    this.#lastEpoch = epoch;
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = this.lrAt(epoch, i);
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

/** A number of a state. @throws {CheckpointError} if it is missing. */
export function readNumber(state: SchedulerState, name: string): number {
  const value = state[name];
  if (typeof value === "number") return value;
  throw new CheckpointError(
    `loadStateDict: the schedule's state must hold the number ${name}, got ${String(value)}`,
  );
}
