import { describe, expect, it } from "vitest";
import { mustKeepOrder, rangeOf } from "./memory-ranges.ts";
import type { Touches } from "./memory-ranges.ts";
import type { Operand } from "./program-code.ts";

const temporary = (offset: number): Operand => ({
  place: { kind: "temporary", offset },
  offset: 0,
});
const input = (index: number): Operand => ({ place: { kind: "input", index }, offset: 0 });

const reads = (operand: Operand, bytes: number): Touches => ({
  reads: [rangeOf(operand, bytes)],
  writes: [],
});
const writes = (operand: Operand, bytes: number): Touches => ({
  reads: [],
  writes: [rangeOf(operand, bytes)],
});

describe("ranges of memory", () => {
  it("count temporaries from the start of the arena, others from their own", () => {
    const inside: Operand = { place: { kind: "temporary", offset: 512 }, offset: 64 };
    expect(rangeOf(inside, 16)).toEqual({ place: "temporary", start: 576, end: 592 });
    const second: Operand = { place: { kind: "output", index: 1 }, offset: 8 };
    expect(rangeOf(second, 16)).toEqual({ place: "output 1", start: 8, end: 24 });
    expect(rangeOf({ place: { kind: "scratch" }, offset: 0 }, 4).place).toBe("scratch");
  });
});

describe("the order of two launches", () => {
  it.each<[string, Touches, Touches, boolean]>([
    ["reads after a write", writes(temporary(0), 64), reads(temporary(32), 4), true],
    ["writes after a read", reads(temporary(0), 64), writes(temporary(60), 4), true],
    ["writes after a write", writes(input(0), 4), writes(input(0), 4), true],
    ["reads after a read", reads(input(0), 4), reads(input(0), 4), false],
    ["neighbours", writes(temporary(0), 64), reads(temporary(64), 64), false],
    ["other places", writes(input(0), 64), reads(input(1), 64), false],
    ["nothing in a value", writes(temporary(8), 0), reads(temporary(8), 0), false],
  ])("%s", (_, first, second, expected) => {
    expect(mustKeepOrder(first, second)).toBe(expected);
    expect(mustKeepOrder(second, first)).toBe(expected);
  });

  it("is kept between what reports a wrong index and what writes state, and not among them", () => {
    const reporting = { ...writes(temporary(0), 4), reports: true };
    const other = { ...writes(temporary(64), 4), reports: true };
    const heeding = { ...writes(input(0), 4), heeds: true };
    expect(mustKeepOrder(reporting, heeding)).toBe(true);
    expect(mustKeepOrder(heeding, reporting)).toBe(true);
    expect(mustKeepOrder(reporting, other)).toBe(false);
    expect(mustKeepOrder(heeding, { ...writes(input(1), 4), heeds: true })).toBe(false);
  });
});
