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

/** The buffer a location is in, told from all others. */
type SpaceOf = (location: Exclude<Location, { readonly kind: "temporary" }>) => string;

const ownSpace: SpaceOf = (location) => `${location.kind}${location.index}`;

function range(location: Location, bytes: number, spaceOf: SpaceOf): Range {
  if (location.kind === "temporary") {
    const { offset } = location;
    return { space: "temporary", start: offset, end: offset + Math.max(bytes, 1) };
  }
  return { space: spaceOf(location), start: 0, end: Math.max(bytes, 1) };
}

function touchesOf(plan: Schedule, step: Step, parallel: boolean, spaceOf: SpaceOf): Touches {
  if (step.kind === "copy") {
    return {
      parallel,
      reads: [range(step.from, step.bytes, spaceOf)],
      writes: [range(step.to, step.bytes, spaceOf)],
    };
  }
  const rangeOf = (node: Node): Range[] => {
    const location = plan.locations.get(node);
    if (location === undefined) return [];
    const own = step.kind === "loop" && node === step.node ? step.layout.bytes : 0;
    const bytes = numel(node.shape) * dtypeBytes(node.dtype);
    return [range(location, Math.max(own, bytes), spaceOf)];
  };
  return { parallel, reads: step.reads.flatMap(rangeOf), writes: step.writes.flatMap(rangeOf) };
}

/** Whether two steps must not run at the same time. */
function conflict(earlier: Touches, later: Touches): boolean {
  return (
    (earlier.parallel || later.parallel) &&
    (overlap(earlier.writes, later.reads) ||
      overlap(earlier.writes, later.writes) ||
      overlap(earlier.reads, later.writes))
  );
}

/**
 * Tells before which steps the threads must meet: where a step touches bytes that an earlier one,
 * since the last meeting, touched from another thread. Temporaries that share bytes count too.
 */
export class SyncPlan {
  private readonly waits: boolean[] = [];

  constructor(plan: Schedule, parallel: readonly boolean[]) {
    let pending: Touches[] = [];
    plan.steps.forEach((step, i) => {
      const touches = touchesOf(plan, step, parallel[i], ownSpace);
      const wait = pending.some((earlier) => conflict(earlier, touches));
      this.waits.push(wait);
      pending = wait ? [touches] : [...pending, touches];
    });
  }

  waitsBefore(step: number): boolean {
    return this.waits[step];
  }
}

/** Trips after which every pair of neighbours has been looked at, with carries both ways round. */
const TRIPS = 4;

/**
 * Tells where the threads must meet in every trip of a loop, looking at several trips in a row:
 * a trip reads the carries that the one before wrote. They meet at least once per trip, so that no
 * thread is more than one trip ahead: two argument tables then suffice.
 */
export class LoopSyncPlan {
  /** Whether they meet at the start of a trip. */
  readonly waitsFirst: boolean;
  private readonly waits: boolean[];

  constructor(loop: Extract<Step, { kind: "loop" }>, parallel: readonly boolean[]) {
    const { body, node, layout } = loop;
    const { carries, conditional } = node.attrs;
    this.waits = body.steps.map(() => false);
    // Whether there is another trip was written by one thread and is read by all.
    this.waitsFirst = conditional;
    const spaceIn =
      (trip: number): SpaceOf =>
      ({ kind, index }) => {
        if (kind === "output") {
          const result = layout.computed[index];
          return result < carries ? `carry${result}.${trip % 2}` : `result${result}.${trip}`;
        }
        if (index >= carries) return `input${index}`;
        const stacked = layout.aliases[index];
        return stacked === null
          ? `carry${index}.${(trip + 1) % 2}`
          : `result${stacked}.${trip - 1}`;
      };
    for (let isStable = false; !isStable;) {
      isStable = true;
      let pending: Touches[] = [];
      for (let trip = 0; trip < TRIPS; trip++) {
        if (this.waitsFirst) pending = [];
        body.steps.forEach((step, i) => {
          const touches = touchesOf(body, step, parallel[i], spaceIn(trip));
          if (!this.waits[i] && pending.some((earlier) => conflict(earlier, touches))) {
            this.waits[i] = true;
            isStable = false;
          }
          pending = this.waits[i] ? [touches] : [...pending, touches];
        });
      }
    }
    this.waitsFirst ||= !this.waits.includes(true);
  }

  waitsBefore(step: number): boolean {
    return this.waits[step];
  }
}
