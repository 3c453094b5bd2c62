import { describe, expect, it } from "vitest";
import * as b from "./build.ts";
import { attributesKey, makeNode, nodeCounter } from "./node.ts";

describe("interning", () => {
  const x = b.input([2, 3], "f32");
  const y = b.input([2, 3], "f32");

  it("makes equal operations one node, without new ids", () => {
    const sum = b.add(x, y);
    const before = nodeCounter();
    expect(b.add(x, y)).toBe(sum);
    expect(b.permute(sum, [1, 0])).toBe(b.permute(b.add(x, y), [1, 0]));
    expect(nodeCounter()).toBe(before + 1);
  });

  it("keeps operand order, op, attributes and inputs apart", () => {
    expect(b.add(x, y)).not.toBe(b.add(y, x));
    expect(b.add(x, y)).not.toBe(b.sub(x, y));
    expect(b.reduceSum(x, [0])).not.toBe(b.reduceSum(x, [1]));
    expect(b.extremum("reduceMax", x, [0], "even")).not.toBe(
      b.extremum("reduceMax", x, [0], "first"),
    );
    expect(x).not.toBe(y);
    expect(b.input([2, 3], "f32")).not.toBe(b.input([2, 3], "f32"));
  });

  it("does not depend on the order of attributes", () => {
    const axesFirst = makeNode("reduceMax", [x], { axes: [1], ties: "first" });
    expect(makeNode("reduceMax", [x], { ties: "first", axes: [1] })).toBe(axesFirst);
  });

  it.each([NaN, Infinity, -Infinity, 0, -0, 0.1, 1e300])("keeps the constant %d", (value) => {
    const node = b.constant(value, "f64");
    expect(b.constant(value, "f64")).toBe(node);
    expect(node.attrs).toEqual({ value });
    expect(b.constant(value, "f32")).not.toBe(node);
  });

  it("tells 0 from −0, and one infinity from the other", () => {
    expect(b.constant(0, "f32")).not.toBe(b.constant(-0, "f32"));
    expect(b.constant(Infinity, "f32")).not.toBe(b.constant(-Infinity, "f32"));
    expect(b.constant(0.1, "f64")).not.toBe(b.constant(0.1 + Number.EPSILON, "f64"));
  });

  it("freezes nodes", () => {
    expect(Object.isFrozen(b.neg(x))).toBe(true);
  });
});

describe("ids", () => {
  it("grow from operand to user", () => {
    const x = b.input([2], "f32");
    const y = b.mul(b.neg(x), b.unary("exp", x));
    expect(y.src.every((source) => source.id < y.id)).toBe(true);
  });
});

describe("attributesKey", () => {
  it("writes names in order and nested lists", () => {
    const attrs = { size: [2, -0], dims: [], name: "a", value: NaN };
    expect(attributesKey(attrs)).toBe("dims=[];name=a;size=[2,-0];value=NaN;");
  });
});
