import { describe, expect, it } from "vitest";
import * as b from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import type { Location, Schedule, Step } from "../schedule.ts";
import { SyncPlan } from "./sync-plan.ts";

const value = (): Node => b.input([16], "f32");
const temporary = (offset: number): Location => ({ kind: "temporary", offset });

/** A step that reads and writes values; the plan looks at nothing else. */
function step(reads: readonly Node[], writes: readonly Node[]): Step {
  return { kind: "sort", node: writes[0], reads: [...reads], writes: [...writes] };
}

/** Before which steps the threads wait. */
function waits(
  steps: readonly Step[],
  places: ReadonlyMap<Node, Location>,
  parallel: readonly boolean[] = steps.map(() => true),
): number[] {
  const plan: Schedule = { steps, locations: places, temporaryBytes: 1024 };
  const sync = new SyncPlan(plan, parallel);
  return steps.flatMap((_, i) => (sync.waitsBefore(i) ? [i] : []));
}

describe("SyncPlan", () => {
  const [x, y, z, w] = [value(), value(), value(), value()];
  const places = new Map<Node, Location>([
    [x, { kind: "input", index: 0 }],
    [y, temporary(0)],
    [z, temporary(64)],
    [w, { kind: "output", index: 0 }],
  ]);

  it("waits before a step that reads what an earlier one wrote", () => {
    expect(waits([step([x], [y]), step([y], [z]), step([z], [w])], places)).toEqual([1, 2]);
  });

  it("does not wait between independent steps", () => {
    expect(waits([step([x], [y]), step([x], [z]), step([x], [w])], places)).toEqual([]);
  });

  it("waits once for several results", () => {
    const steps = [step([x], [y]), step([x], [z]), step([y, z], [w]), step([y], [value()])];
    expect(waits(steps, places)).toEqual([2]);
  });

  it("waits before bytes that another thread may still read are written again", () => {
    const again = value();
    const reused = new Map(places).set(again, temporary(32));
    const steps = [step([x], [y]), step([y], [w]), step([x], [again])];
    expect(waits(steps, reused)).toEqual([1, 2]);
  });

  it("waits before an input is updated in place that an earlier step reads", () => {
    const update = value();
    const inPlace = new Map(places).set(update, { kind: "input", index: 0 });
    expect(waits([step([x], [y]), step([z], [update])], inPlace)).toEqual([1]);
  });

  it("lets steps of one thread follow each other without waiting", () => {
    const steps = [step([x], [y]), step([y], [z]), step([z], [w])];
    expect(waits(steps, places, [false, false, false])).toEqual([]);
    expect(waits(steps, places, [false, false, true])).toEqual([2]);
    expect(waits(steps, places, [true, false, false])).toEqual([1]);
  });

  it("counts copies as reads and writes", () => {
    const copy: Step = {
      kind: "copy",
      from: temporary(0),
      to: { kind: "output", index: 0 },
      bytes: 64,
      reads: [],
      writes: [],
    };
    expect(waits([step([x], [y]), copy], places, [true, false])).toEqual([1]);
    expect(waits([step([x], [z]), copy], places, [true, false])).toEqual([]);
    expect(waits([copy, step([x], [w])], places, [false, true])).toEqual([1]);
  });
});
