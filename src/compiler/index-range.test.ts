import { describe, expect, it } from "vitest";
import { input } from "../ir/build.ts";
import { axisForm, makeAxis } from "./affine.ts";
import { isWithin, rangeOf } from "./index-range.ts";
import type { ElementwiseOp, Expression } from "./kernel.ts";

type Whole = "i32" | "u32";

const number = (value: number, dtype: Whole = "i32"): Expression => ({
  kind: "constant",
  dtype,
  value,
});
const apply = (op: ElementwiseOp, dtype: Whole, ...operands: Expression[]): Expression => ({
  kind: "apply",
  op,
  dtype,
  operands,
});
const place: Expression = { kind: "index", dtype: "i32", form: axisForm(makeAxis(100)) };
const table = input([8], "i32");
const loaded: Expression = {
  kind: "load",
  dtype: "i32",
  value: table,
  form: { offset: 0, terms: [] },
};

describe("ranges of places", () => {
  it("follow arithmetic", () => {
    expect(rangeOf(place)).toEqual([0, 99]);
    expect(rangeOf(apply("mul", "i32", place, number(3)))).toEqual([0, 297]);
    expect(rangeOf(apply("mul", "i32", number(-3), number(5)))).toEqual([-15, -15]);
    expect(rangeOf(apply("sub", "i32", number(1), place))).toEqual([-98, 1]);
    const wide = apply("cast", "u32", place);
    expect(rangeOf(apply("div", "u32", wide, number(7, "u32")))).toEqual([0, 14]);
    expect(rangeOf(apply("rem", "u32", wide, number(7, "u32")))).toEqual([0, 6]);
  });

  it("are those of the dtype where it wraps, or nothing is known", () => {
    const all = [-(2 ** 31), 2 ** 31 - 1];
    expect(rangeOf(apply("mul", "i32", place, number(2 ** 30)))).toEqual(all);
    expect(rangeOf(apply("shl", "i32", place, number(1)))).toEqual(all);
    expect(rangeOf(apply("cast", "u32", apply("sub", "i32", place, number(1))))).toEqual([
      0,
      2 ** 32 - 1,
    ]);
    expect(rangeOf(loaded)).toEqual(all);
  });

  it("tell which indices need no check", () => {
    const clamp = (index: Expression, most: number): Expression =>
      apply("min", "i32", apply("max", "i32", index, number(0)), number(most));
    expect(isWithin(clamp(loaded, 7), 8)).toBe(true);
    expect(isWithin(clamp(loaded, 8), 8)).toBe(false);
    expect(isWithin(apply("min", "i32", loaded, number(7)), 8)).toBe(false);
    expect(isWithin(place, 99)).toBe(false);
  });
});
