import type { Kernel, Phase, Statement } from "../kernel.ts";
import type { KernelPlan } from "./kernel-plan.ts";

/** A reduction of a phase. */
export type Reduction = Extract<Statement, { kind: "reduce" }>;

/** Phases of one function, and the sums that blocks of an earlier function left for it. */
export interface Segment {
  readonly phases: readonly Phase[];
  readonly given: readonly Reduction[];
}

/** Reductions of a phase. */
export function reductionsOf(phase: Phase): Reduction[] {
  return phase.statements.filter((part): part is Reduction => part.kind === "reduce");
}

/** Phases cut where blocks must wait for each other's sums. */
export function segmentsOf(kernel: Kernel, plan: KernelPlan): Segment[] {
  if (plan.parts === 1) return [{ phases: kernel.phases, given: [] }];
  const segments: Segment[] = [];
  let phases: Phase[] = [];
  let made: Reduction[] = [];
  let given: Reduction[] = [];
  for (const phase of kernel.phases) {
    phases.push(phase);
    const reductions = reductionsOf(phase);
    if (reductions.length === 0) continue;
    made = [...made, ...reductions];
    segments.push({ phases, given });
    given = made;
    phases = [];
  }
  if (phases.length > 0) segments.push({ phases, given });
  return segments;
}
