import { describe, expect, it } from "vitest";
import * as b from "./build.ts";

const x = b.input([2, 3, 4], "f32");

describe("constructors that change nothing return their operand", () => {
  it.each([
    ["cast", b.cast(x, "f32")],
    ["bitcast", b.bitcast(x, "f32")],
    ["reshape", b.reshape(x, [2, 3, 4])],
    ["reshape back", b.reshape(b.reshape(x, [24]), [2, 3, 4])],
    ["permute", b.permute(x, [0, 1, 2])],
    ["permute back", b.permute(b.permute(x, [2, 0, 1]), [1, 2, 0])],
    ["transpose twice", b.transpose(b.transpose(x, 0, 2), 0, 2)],
    ["expand", b.expand(x, [2, 3, 4])],
    ["broadcastTo", b.broadcastTo(x, [2, 3, 4])],
    ["slice", b.slice(x, [0, 0, 0], [2, 3, 4])],
    ["flip of no dims", b.flip(x, [])],
    ["pad", b.pad(x, [0, 0, 0], [0, 0, 0])],
    ["concat", b.concat([x], 0)],
    ["reduceSum", b.reduceSum(x, [])],
    ["extremum", b.extremum("reduceMax", x, [])],
    ["sumTo", b.sumTo(x, [2, 3, 4])],
    ["window", b.window(x, { dims: [], size: [], stride: [], dilation: [] })],
  ])("%s", (_name, node) => {
    expect(node).toBe(x);
  });
});

describe("movement constructors fold into one node", () => {
  it("reshape of reshape", () => {
    expect(b.reshape(b.reshape(x, [24]), [6, 4])).toBe(b.reshape(x, [6, 4]));
  });

  it("permute of permute", () => {
    const twice = b.permute(b.permute(x, [1, 2, 0]), [1, 2, 0]);
    expect(twice).toBe(b.permute(x, [2, 0, 1]));
    expect(twice.shape).toEqual([4, 2, 3]);
  });

  it("expand of expand", () => {
    const row = b.input([1, 1, 4], "f32");
    expect(b.expand(b.expand(row, [1, 3, 4]), [2, 3, 4])).toBe(b.expand(row, [2, 3, 4]));
  });
});

describe("broadcasting", () => {
  it("broadcastTo adds dims on the left", () => {
    const row = b.broadcastTo(b.input([4], "f32"), [2, 3, 4]);
    expect([row.op, row.shape, row.src[0].op, row.src[0].shape]).toEqual([
      "expand",
      [2, 3, 4],
      "reshape",
      [1, 1, 4],
    ]);
  });

  it("sumTo undoes it", () => {
    expect(b.sumTo(x, [4]).shape).toEqual([4]);
    expect(b.sumTo(x, [3, 1]).shape).toEqual([3, 1]);
    expect(b.sumTo(x, []).shape).toEqual([]);
    expect(b.sumTo(x, [1, 3, 1])).toBe(b.reduceSum(x, [0, 2]));
  });

  it("full and iota expand one small leaf", () => {
    const fill = b.full([2, 3], 7, "i32");
    expect([fill.op, fill.shape, fill.dtype]).toEqual(["expand", [2, 3], "i32"]);
    const indices = b.iota([2, 3], 0);
    expect([indices.shape, indices.dtype]).toEqual([[2, 3], "i32"]);
  });
});

describe("slices", () => {
  it("narrow and flip are slices", () => {
    expect(b.narrow(x, 1, 1, 2).attrs).toEqual({
      start: [0, 1, 0],
      step: [1, 1, 1],
      shape: [2, 2, 4],
    });
    expect(b.flip(x, [0, 2]).attrs).toEqual({
      start: [1, 0, 3],
      step: [-1, 1, -1],
      shape: [2, 3, 4],
    });
  });

  it("flip leaves dims of size 0 and 1 alone", () => {
    const thin = b.input([0, 1, 3], "f32");
    expect(b.flip(thin, [0, 1])).toBe(thin);
  });
});
