import type { StepCost } from "../kernel-cost.ts";

/** What one thread moves and computes in a microsecond, roughly: decides what is worth splitting. */
const BYTES_PER_MICROSECOND = 12_000;
const FLOPS_PER_MICROSECOND = 12_000;
/** Below this a barrier costs more than a second thread saves. */
const PARALLEL_MICROSECONDS = 3;

/** Whether a step is long enough to split over threads. */
export function isWorthSplitting(cost: StepCost): boolean {
  const time = Math.max(cost.bytes / BYTES_PER_MICROSECOND, cost.flops / FLOPS_PER_MICROSECOND);
  return time >= PARALLEL_MICROSECONDS;
}
