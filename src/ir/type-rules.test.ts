import { describe, expect, it } from "vitest";
import { AthanorError } from "../base/errors.ts";
import * as b from "./build.ts";
import type { DType } from "./dtype.ts";
import { dtypes } from "./dtype.ts";
import type { Node } from "./node.ts";
import { makeNode } from "./node.ts";
import type { ConvAttrs, Op } from "./ops.ts";
import { opClass } from "./ops.ts";

const x = b.input([2, 3], "f32");
const y = b.input([3, 2], "f32");
const count = b.input([2, 3], "i32");
const flag = b.input([2, 3], "bool");
const index = b.input([2, 3], "i32");

/** Every message of a group, so that a changed text shows in review. */
function messages(builds: readonly (() => Node)[]): string[] {
  return builds.map((build) => {
    try {
      build();
      return "no error";
    } catch (error) {
      if (!(error instanceof AthanorError)) throw error;
      return `${error.name}: ${error.message}`;
    }
  });
}

/** Dtypes an op accepts. */
function accepted(build: (node: Node) => Node): DType[] {
  return dtypes.filter(
    (dtype) => messages([() => build(b.input([2, 3], dtype))])[0] === "no error",
  );
}

const typeOf = ({ dtype, shape }: Node): string => `${dtype}[${shape.join(", ")}]`;

describe("leaves", () => {
  it("have their own types", () => {
    const key = b.input([2], "u32");
    const leaves = [
      b.constant(1, "bf16"),
      makeNode("iota", [], { size: 3 }),
      b.randomBits(key, [4, 0]),
      b.input([], "u8"),
    ];
    expect(leaves.map(typeOf)).toEqual(["bf16[]", "i32[3]", "u32[4, 0]", "u8[]"]);
  });

  it("refuse bad sizes and keys", () => {
    expect(
      messages([
        () => b.input([2, -1], "f32"),
        () => b.input([1.5], "f32"),
        () => makeNode("input", [], { id: -1 }),
        () => b.randomBits(b.input([3], "u32"), [4]),
        () => b.randomBits(b.input([2], "i32"), [4]),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "ShapeError: tensor: sizes must be integers ≥ 0, got [2, -1]",
        "ShapeError: tensor: sizes must be integers ≥ 0, got [1.5]",
        "ShapeError: input: needs a shape and a dtype",
        "DTypeError: randomBits: operand must be a u32[2] key, got u32[3]",
        "DTypeError: randomBits: operand must be a u32[2] key, got i32[2]",
      ]
    `);
  });
});

describe("elementwise", () => {
  it("keeps shape and dtype, comparisons give bool", () => {
    const nodes = [
      b.neg(x),
      b.add(count, index),
      b.binary("lt", x, x),
      b.where(flag, x, x),
      b.cast(x, "u8"),
      b.bitcast(x, "i32"),
    ];
    expect(nodes.map(typeOf)).toEqual([
      "f32[2, 3]",
      "i32[2, 3]",
      "bool[2, 3]",
      "f32[2, 3]",
      "u8[2, 3]",
      "i32[2, 3]",
    ]);
  });

  it("accepts the dtypes it is defined for", () => {
    const ops = ["neg", "sign", "exp", "round", "not"] as const;
    const pairs = ["add", "div", "pow", "max", "and", "shl", "eq"] as const;
    const table = [
      ...ops.map((op) => [op, accepted((node) => b.unary(op, node)).join(" ")]),
      ...pairs.map((op) => [op, accepted((node) => b.binary(op, node, node)).join(" ")]),
    ];
    expect(Object.fromEntries(table)).toMatchInlineSnapshot(`
      {
        "add": "f64 f32 f16 bf16 i32 u32 i8 u8",
        "and": "i32 u32 i8 u8 bool",
        "div": "f64 f32 f16 bf16 i32 u32 i8 u8",
        "eq": "f64 f32 f16 bf16 i32 u32 i8 u8 bool",
        "exp": "f64 f32 f16 bf16",
        "max": "f64 f32 f16 bf16 i32 u32 i8 u8 bool",
        "neg": "f64 f32 f16 bf16 i32 u32 i8 u8",
        "not": "i32 u32 i8 u8 bool",
        "pow": "f64 f32 f16 bf16",
        "round": "f64 f32 f16 bf16",
        "shl": "i32 u32 i8 u8",
        "sign": "f64 f32 f16 bf16 i32 u32 i8 u8",
      }
    `);
  });

  it("refuses operands that differ, and dtypes without a meaning", () => {
    expect(
      messages([
        () => b.add(x, y),
        () => b.add(x, count),
        () => b.unary("exp", count),
        () => b.unary("not", x),
        () => b.binary("and", x, x),
        () => b.binary("shl", flag, flag),
        () => b.add(flag, flag),
        () => b.where(count, x, x),
        () => b.where(flag, x, count),
        () => b.where(b.input([3], "bool"), x, x),
        () => b.bitcast(x, "f16"),
        () => makeNode("add", [x], {}),
        () => makeNode("neg", [x, x], {}),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "ShapeError: add: operands must have one shape, got f32[2, 3] and f32[3, 2]",
        "DTypeError: add: operands must have one dtype, got f32[2, 3] and i32[2, 3]; cast one",
        "DTypeError: exp: operand must be a float, got i32[2, 3]",
        "DTypeError: not: operand must be bool or an integer, got f32[2, 3]",
        "DTypeError: and: operand must be bool or an integer, got f32[2, 3]",
        "DTypeError: shl: operand must be an integer, got bool[2, 3]",
        "DTypeError: add: operand must be a number, got bool[2, 3]",
        "DTypeError: where: operand must be bool, got i32[2, 3]",
        "DTypeError: where: operands must have one dtype, got f32[2, 3] and i32[2, 3]; cast one",
        "ShapeError: where: operands must have one shape, got bool[3], f32[2, 3], f32[2, 3]",
        "DTypeError: bitcast: operand must be as wide as f16, got f32[2, 3]",
        "ShapeError: add: needs 2 operands, got 1",
        "ShapeError: neg: needs 1 operands, got 2",
      ]
    `);
  });
});

describe("reductions", () => {
  it("keep reduced dims with size 1", () => {
    const nodes = [
      b.reduceSum(x, [0]),
      b.extremum("reduceMax", flag, [0, 1]),
      b.argmax(x, 1),
      b.scan(x, 0, "sum"),
      b.reduceSum(b.input([0, 3], "f32"), [0]),
      b.extremum("reduceMin", b.input([0, 3], "f32"), [1]),
    ];
    expect(nodes.map(typeOf)).toEqual([
      "f32[1, 3]",
      "bool[1, 1]",
      "i32[2, 1]",
      "f32[2, 3]",
      "f32[1, 3]",
      "f32[0, 1]",
    ]);
  });

  it("refuse missing dims, empty maxima and bool sums", () => {
    expect(
      messages([
        () => b.reduceSum(x, [2]),
        () => b.reduceSum(x, [-1]),
        () => b.reduceSum(flag, [0]),
        () => b.extremum("reduceMax", b.input([0, 3], "f32"), [0]),
        () => b.argmax(b.input([0, 3], "f32"), 0),
        () => b.argmax(x, 2),
        () => b.scan(flag, 0, "sum"),
        () => b.scan(x, 0.5, "sum"),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "ShapeError: reduceSum: dim must be in 0 … 1, got 2 for f32[2, 3]",
        "ShapeError: reduceSum: dim must be in 0 … 1, got -1 for f32[2, 3]",
        "DTypeError: reduceSum: operand must be a number, got bool[2, 3]",
        "ShapeError: reduceMax: a maximum or minimum over no elements is undefined, got f32[0, 3] over dims [0]",
        "ShapeError: argmax: needs at least one element, got f32[0, 3] along dim 0",
        "ShapeError: argmax: dim must be in 0 … 1, got 2 for f32[2, 3]",
        "DTypeError: scan: operand must be a number, got bool[2, 3]",
        "ShapeError: scan: dim must be in 0 … 1, got 0.5 for f32[2, 3]",
      ]
    `);
  });
});

describe("movement", () => {
  const windows = { dims: [1], size: [2], stride: [1], dilation: [1] };

  it("computes shapes", () => {
    const nodes = [
      b.reshape(x, [6]),
      b.permute(x, [1, 0]),
      b.expand(b.input([1, 3], "f32"), [5, 3]),
      b.slice(x, [1, 2], [2, 2], [-1, -2]),
      b.pad(x, [1, 0], [0, 2], 0, [2, 0]),
      b.concat([x, x, b.input([2, 0], "f32")], 1),
      b.window(x, windows),
      b.window(b.input([9, 7], "f32"), {
        dims: [0, 1],
        size: [3, 2],
        stride: [2, 3],
        dilation: [2, 1],
      }),
    ];
    expect(nodes.map(typeOf)).toMatchInlineSnapshot(`
      [
        "f32[6]",
        "f32[3, 2]",
        "f32[5, 3]",
        "f32[2, 2]",
        "f32[5, 5]",
        "f32[2, 6]",
        "f32[2, 2, 2]",
        "f32[3, 2, 3, 2]",
      ]
    `);
  });

  it("refuses shapes that do not fit", () => {
    expect(
      messages([
        () => b.reshape(x, [7]),
        () => b.permute(x, [0]),
        () => b.permute(x, [0, 0]),
        () => b.expand(x, [4, 3]),
        () => b.expand(x, [2, 3, 1]),
        () => b.slice(x, [0, 2], [2, 2]),
        () => b.slice(x, [0, 0], [2, 4], [1, -1]),
        () => b.slice(x, [0], [2]),
        () => b.pad(x, [-1, 0], [0, 0]),
        () => b.pad(x, [1], [1]),
        () => makeNode("concat", [], { dim: 0 }),
        () => b.concat([x, y], 0),
        () => b.concat([x, count], 0),
        () => b.concat([x, x], 2),
        () => b.window(x, { ...windows, size: [4] }),
        () => b.window(x, { ...windows, dilation: [3] }),
        () => b.window(x, { ...windows, dims: [2] }),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "ShapeError: reshape: element count must stay 6, got [2, 3] to [7]",
        "ShapeError: permute: perm needs one entry per dim, got [0] for f32[2, 3]",
        "ShapeError: permute: dims must be a permutation of 0 … 1, got [0, 0]",
        "ShapeError: expand: only dims of size 1 can grow, got [2, 3] to [4, 3]",
        "ShapeError: expand: shape needs one entry per dim, got [2, 3, 1] for f32[2, 3]",
        "ShapeError: slice: range 2 … 3 leaves dim 1 of f32[2, 3]",
        "ShapeError: slice: range 0 … -3 leaves dim 1 of f32[2, 3]",
        "ShapeError: slice: shape needs one entry per dim, got [2] for f32[2, 3]",
        "ShapeError: pad: amounts must be ≥ 0, got [-1, 0] and [0, 0]",
        "ShapeError: pad: padding needs one entry per dim, got [1] for f32[2, 3]",
        "ShapeError: concat: needs at least one tensor, got none",
        "ShapeError: concat: tensors must agree in dtype and in all dims but 0, got f32[2, 3], f32[3, 2]",
        "ShapeError: concat: tensors must agree in dtype and in all dims but 0, got f32[2, 3], i32[2, 3]",
        "ShapeError: concat: dim must be in 0 … 1, got 2 for f32[2, 3]",
        "ShapeError: window: size 4 (dilation 1) exceeds dim 1 of f32[2, 3]",
        "ShapeError: window: size 2 (dilation 3) exceeds dim 1 of f32[2, 3]",
        "ShapeError: window: dim must be in 0 … 1, got 2 for f32[2, 3]",
      ]
    `);
  });
});

describe("indexing", () => {
  it("takes shapes from the index, the base or k", () => {
    const wide = b.input([2, 7], "i32");
    const nodes = [
      b.gather(x, wide, 1),
      b.scatter(x, wide, b.input([2, 7], "f32"), 1, "add"),
      b.argsort(x, 0, true),
      b.topk(x, 1, 2, true),
    ];
    expect(nodes.map(typeOf)).toEqual(["f32[2, 7]", "f32[2, 3]", "i32[2, 3]", "i32[2, 2]"]);
  });

  it("refuses what does not line up", () => {
    expect(
      messages([
        () => b.gather(x, x, 0),
        () => b.gather(x, b.input([2, 4], "i32"), 0),
        () => b.gather(x, b.input([2], "i32"), 0),
        () => b.gather(x, index, 2),
        () => b.scatter(x, index, y, 0, "add"),
        () => b.scatter(x, index, count, 0, "set"),
        () => b.argsort(x, 2, false),
        () => b.topk(x, 1, 4, true),
        () => b.topk(x, 1, -1, true),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "DTypeError: gather: index must be i32, got f32[2, 3]",
        "ShapeError: gather: index must have the tensor's rank and be no larger outside dim 0, got f32[2, 3] and index i32[2, 4]",
        "ShapeError: gather: index must have the tensor's rank and be no larger outside dim 0, got f32[2, 3] and index i32[2]",
        "ShapeError: gather: dim must be in 0 … 1, got 2 for f32[2, 3]",
        "ShapeError: scatter: updates must have the index's shape and the base's dtype, got f32[2, 3], i32[2, 3], f32[3, 2]",
        "ShapeError: scatter: updates must have the index's shape and the base's dtype, got f32[2, 3], i32[2, 3], i32[2, 3]",
        "ShapeError: argsort: dim must be in 0 … 1, got 2 for f32[2, 3]",
        "ShapeError: topk: k must be in 0 … 3, got 4 for f32[2, 3] along dim 1",
        "ShapeError: topk: k must be in 0 … 3, got -1 for f32[2, 3] along dim 1",
      ]
    `);
  });
});

describe("contractions", () => {
  const attrs: ConvAttrs = { stride: [2], padLow: [1], padHigh: [0], dilation: [1], groups: 2 };
  const signal = b.input([5, 4, 9], "f32");
  const kernel = b.input([6, 2, 3], "f32");

  it("computes shapes", () => {
    const forward = b.conv(signal, kernel, attrs);
    const nodes = [
      b.dot(x, y),
      b.dot(b.input([7, 2, 3], "f32"), b.input([7, 3, 5], "f32")),
      forward,
      b.convInputGrad(forward, kernel, { ...attrs, sizes: [9] }),
      b.convWeightGrad(signal, forward, { ...attrs, sizes: [3] }),
    ];
    expect(nodes.map(typeOf)).toEqual([
      "f32[2, 2]",
      "f32[7, 2, 5]",
      "f32[5, 6, 4]",
      "f32[5, 4, 9]",
      "f32[6, 2, 3]",
    ]);
  });

  it("refuses operands that do not fit", () => {
    expect(
      messages([
        () => b.dot(x, x),
        () => b.dot(x, b.cast(y, "f64")),
        () => b.dot(b.input([2, 2, 3], "f32"), b.input([4, 3, 2], "f32")),
        () => b.dot(b.input([3], "f32"), b.input([3], "f32")),
        () => b.conv(x, y, attrs),
        () => b.conv(signal, b.cast(kernel, "f16"), attrs),
        () => b.conv(signal, b.input([6, 4, 3], "f32"), attrs),
        () => b.conv(signal, b.input([5, 2, 3], "f32"), attrs),
        () => b.conv(signal, b.input([6, 2, 11], "f32"), attrs),
        () => b.conv(signal, kernel, { ...attrs, dilation: [5] }),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "ShapeError: matmul: inner sizes must match, got [2, 3] @ [2, 3]; transpose one operand?",
        "DTypeError: matmul: operands must have one dtype, got f32[2, 3] and f64[3, 2]; cast one",
        "ShapeError: matmul: batch dims must match, got f32[2, 2, 3] @ f32[4, 3, 2]",
        "ShapeError: matmul: batch dims must match, got f32[3] @ f32[3]",
        "ShapeError: conv: needs x [N, C, …] and w [O, C/groups, …] of one dtype, got f32[2, 3] and f32[3, 2]",
        "ShapeError: conv: needs x [N, C, …] and w [O, C/groups, …] of one dtype, got f32[5, 4, 9] and f16[6, 2, 3]",
        "ShapeError: conv: input channels must be groups × weight channels and output channels a multiple of groups, got f32[5, 4, 9], f32[6, 4, 3], groups 2",
        "ShapeError: conv: input channels must be groups × weight channels and output channels a multiple of groups, got f32[5, 4, 9], f32[5, 2, 3], groups 2",
        "ShapeError: conv: kernel must fit into the padded input, got kernel [11] with dilation [1] on input [9] with padding [1]",
        "ShapeError: conv: kernel must fit into the padded input, got kernel [3] with dilation [5] on input [9] with padding [1]",
      ]
    `);
  });
});

describe("structure", () => {
  it("passes the first operand's type on", () => {
    const custom = b.custom([x], { name: "any", shape: [4], dtype: "u8" });
    const nodes = [b.assign(x, x), b.barrier(x, [count]), b.checkpoint(count, 0), custom];
    expect(nodes.map(typeOf)).toEqual(["f32[2, 3]", "f32[2, 3]", "i32[2, 3]", "u8[4]"]);
  });

  it("refuses an assignment of another type", () => {
    expect(messages([() => b.assign(x, y), () => b.assign(x, count)])).toMatchInlineSnapshot(`
      [
        "ShapeError: assign: operands must have one shape, got f32[2, 3] and f32[3, 2]",
        "DTypeError: assign: operands must have one dtype, got f32[2, 3] and i32[2, 3]; cast one",
      ]
    `);
  });
});

describe("opClass", () => {
  it("counts the closed set per class", () => {
    const sizes: Record<string, number> = {};
    for (const op of Object.keys(opClass) as Op[])
      sizes[opClass[op]] = (sizes[opClass[op]] ?? 0) + 1;
    expect(sizes).toMatchInlineSnapshot(`
      {
        "contraction": 4,
        "elementwise": 37,
        "index": 5,
        "leaf": 4,
        "movement": 7,
        "reduce": 5,
        "structure": 9,
      }
    `);
  });
});
