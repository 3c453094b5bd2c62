import { ConfigError } from "../../base/errors.ts";
import { requireInRange } from "../../optim/checks.ts";
import type { Range } from "../../optim/checks.ts";

/** A number, or one that moves in a straight line while training. */
export type Schedule =
  | number
  | {
      readonly from: number;
      readonly to: number;
      /** Part of the training at whose end `to` is reached, then kept. @defaultValue 1 */
      readonly until?: number;
    };

/** The value when `done` of the training, 0 to 1, is over. */
export function scheduleAt(schedule: Schedule, done: number): number {
  if (typeof schedule === "number") return schedule;
  const { from, to, until = 1 } = schedule;
  return from + (to - from) * Math.min(done / until, 1);
}

/** @throws {ConfigError} if a value is out of range, or the schedule is none. */
export function requireSchedule(
  owner: string,
  name: string,
  schedule: Schedule,
  range: Range,
): void {
  if (typeof schedule === "number") {
    requireInRange(owner, name, schedule, range);
    return;
  }
  if (typeof schedule !== "object" || schedule === null) {
    throw new ConfigError(
      `${owner}: ${name} must be a number or { from, to, until }, got ${String(schedule)}`,
    );
  }
  requireInRange(owner, `${name}.from`, schedule.from, range);
  // A rate may end at zero even where it may not begin there.
  requireInRange(owner, `${name}.to`, schedule.to, { ...range, above: -Infinity, min: 0 });
  requireInRange(owner, `${name}.until`, schedule.until ?? 1, { above: 0, max: 1 });
}
