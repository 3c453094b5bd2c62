import { describe, expect, it } from "vitest";
import { input } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { StepOrder, isBefore } from "./step-order.ts";
import type { ReadWrite } from "./step-order.ts";
import { planTemporaries } from "./temporary-plan.ts";
import type { TemporaryPlan } from "./temporary-plan.ts";

const values = (count: number): Node[] => Array.from({ length: count }, () => input([4], "f32"));
const step = (reads: readonly Node[], writes: readonly Node[]): ReadWrite => ({ reads, writes });

describe("the order of steps", () => {
  it("is that of what they read", () => {
    const [a, b, c, d] = values(4);
    const steps = [step([], [a]), step([a], [b]), step([a], [c]), step([b], [d])];
    const order = new StepOrder(steps);
    const of = (value: Node): ReturnType<StepOrder["of"]> => order.of([value], false);
    expect(isBefore(of(a), of(d))).toBe(false); // the third step reads a too
    expect(isBefore(of(b), of(d))).toBe(false); // it is read where d is written
    expect(isBefore(of(c), of(d))).toBe(false);
    const longer = new StepOrder([...steps, step([c, d], []), step([d], [a])]);
    expect(isBefore(longer.of([b], false), longer.of([d], false))).toBe(false);
  });

  it("lets a value follow those whose steps all come before its own", () => {
    const [a, b, c] = values(3);
    const order = new StepOrder([step([], [a]), step([a], [b]), step([b], [c])]);
    expect(isBefore(order.of([a], false), order.of([c], false))).toBe(true);
    expect(isBefore(order.of([a, b], false), order.of([c], false))).toBe(false);
    expect(isBefore(order.of([a], true), order.of([c], false))).toBe(false);
  });
});

/** Temporaries of 64 bytes that steps read and write. */
function plan(steps: readonly ReadWrite[], spare: number, inPlace?: [Node, Node]): TemporaryPlan {
  const temporaries = {
    steps,
    isPlaced: () => false,
    bytesOf: () => 64,
    standAlone: () => false,
    copiedLast: [],
    saved: [],
    readInPlace: new Map(inPlace === undefined ? [] : [[inPlace[1], [inPlace[0]]]]),
  };
  return planTemporaries(temporaries, spare);
}

describe("a plan of temporaries", () => {
  const [a, b, c, d] = values(4);
  const pairs = [step([], [a]), step([a], []), step([], [b]), step([b], [])];

  it("uses memory again in the order of steps if there is none to spare", () => {
    expect(plan(pairs, 0)).toMatchObject({ bytes: 64 });
    expect(plan(pairs, 63)).toMatchObject({ bytes: 64 });
  });

  it("gives steps memory of their own that do not depend on each other", () => {
    const { bytes, offsets } = plan(pairs, 64);
    expect(bytes).toBe(128);
    expect(offsets.get(a)).not.toBe(offsets.get(b));
  });

  it("uses memory again where one step comes after the other anyway", () => {
    const chain = [step([], [a]), step([a], [b]), step([b], [c]), step([c], [d])];
    expect(plan(chain, 1024).bytes).toBe(128);
  });

  it("stores a value where it was read only if no other reader is free", () => {
    const alone = [step([], [a]), step([a], [b]), step([b], [])];
    expect(plan(alone, 1024, [a, b]).offsets.get(b)).toBe(0);
    expect(plan(alone, 1024, [a, b]).bytes).toBe(64);
    const beside = [step([], [a]), step([a], [c]), step([a], [b]), step([b, c], [])];
    expect(plan(beside, 0, [a, b]).bytes).toBe(128);
    expect(plan(beside, 1024, [a, b]).bytes).toBe(192);
  });
});
