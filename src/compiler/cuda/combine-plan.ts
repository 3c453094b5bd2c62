import type { Kernel } from "../kernel.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import type { Segment } from "./segments.ts";

/** Neighbouring columns of a block: one sector of f32. */
const COLUMNS = 8;
const THREADS = 256;

/** Whether a function only joins the sums of columns that blocks have left, and what follows once. */
function isOnlyJoin(kernel: Kernel, plan: KernelPlan, segment: Segment): boolean {
  const { lanes, vector, horizontal, outer } = plan;
  if (segment.given.length === 0 || horizontal || lanes === 1 || vector === null) return false;
  if (kernel.stashes.length > 0 || !outer.includes(vector) || vector.size % lanes !== 0)
    return false;
  return segment.phases.every((phase) => phase.level === "outer");
}

/**
 * How columns are shared where their partial sums are joined. Sums were made with a vector of
 * columns per thread, which leaves a few blocks for all of them: one block would read a megabyte.
 * Here a block takes as few columns as a sector holds, and its threads share their partial sums.
 */
export function combinePlan(kernel: Kernel, plan: KernelPlan, segment: Segment): KernelPlan {
  if (!isOnlyJoin(kernel, plan, segment)) return plan;
  const rowCount = plan.rowCount * plan.lanes;
  const rows = Math.min(COLUMNS, rowCount);
  const group = THREADS / COLUMNS;
  return {
    ...plan,
    vector: null,
    lanes: 1,
    rowCount,
    rows,
    group,
    threads: rows * group,
    blocks: Math.ceil(rowCount / rows) * plan.parts,
  };
}
