import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Location, Schedule, Step } from "../schedule.ts";

/** Bytes of one buffer that a step touches. */
interface Range {
  readonly space: string;
  readonly start: number;
  readonly end: number;
}

interface Touches {
  readonly parallel: boolean;
  readonly reads: readonly Range[];
  readonly writes: readonly Range[];
}

const overlap = (a: readonly Range[], b: readonly Range[]): boolean =>
  a.some((x) => b.some((y) => x.space === y.space && x.start < y.end && y.start < x.end));

/**
 * Tells before which steps the threads must meet: where a step touches bytes that an earlier one,
 * since the last meeting, touched from another thread. Temporaries that share bytes count too.
 */
export class SyncPlan {
  private readonly waits: boolean[] = [];

  constructor(plan: Schedule, parallel: readonly boolean[]) {
    let pending: Touches[] = [];
    plan.steps.forEach((step, i) => {
      const touches = this.touches(plan, step, parallel[i]);
      const wait = pending.some(
        (earlier) =>
          (earlier.parallel || touches.parallel) &&
          (overlap(earlier.writes, touches.reads) ||
            overlap(earlier.writes, touches.writes) ||
            overlap(earlier.reads, touches.writes)),
      );
      this.waits.push(wait);
      pending = wait ? [touches] : [...pending, touches];
    });
  }

  waitsBefore(step: number): boolean {
    return this.waits[step];
  }

  private touches(plan: Schedule, step: Step, parallel: boolean): Touches {
    if (step.kind === "copy") {
      return {
        parallel,
        reads: [range(step.from, step.bytes)],
        writes: [range(step.to, step.bytes)],
      };
    }
    const rangeOf = (node: Node): Range[] => {
      const location = plan.locations.get(node);
      return location === undefined
        ? []
        : [range(location, numel(node.shape) * dtypeBytes(node.dtype))];
    };
    return { parallel, reads: step.reads.flatMap(rangeOf), writes: step.writes.flatMap(rangeOf) };
  }
}

function range(location: Location, bytes: number): Range {
  if (location.kind === "temporary") {
    return {
      space: "temporary",
      start: location.offset,
      end: location.offset + Math.max(bytes, 1),
    };
  }
  return { space: `${location.kind}${location.index}`, start: 0, end: Math.max(bytes, 1) };
}
