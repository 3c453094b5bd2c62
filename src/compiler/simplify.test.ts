import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as b from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { simplify, uniformValue } from "./simplify.ts";

const simplified = (node: Node): Node => simplify({ inputs: [], outputs: [node] }).outputs[0];
const { fround } = Math;

describe("folding constants", () => {
  it.each<["add" | "sub" | "mul" | "div", (a: number, c: number) => number]>([
    ["add", (a, c) => a + c],
    ["sub", (a, c) => a - c],
    ["mul", (a, c) => a * c],
    ["div", (a, c) => a / c],
  ])("%s gives the bits the kernel would compute from f32 operands", (op, compute) => {
    const anyNumber = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(anyNumber, anyNumber, (a, c) => {
        const node = b.binary(op, b.full([3], a, "f32"), b.full([3], c, "f32"));
        expect(uniformValue(simplified(node))).toBe(fround(compute(fround(a), fround(c))));
      }),
      { numRuns: 300, seed: 20_262 },
    );
  });

  it("converts what the source dtype holds", () => {
    const to64 = (node: Node): number | undefined => uniformValue(simplified(b.cast(node, "f64")));
    expect(to64(b.full([], 0.1, "f32"))).toBe(fround(0.1));
    expect(to64(b.full([], 0.1, "bf16"))).toBe(0.10009765625);
    expect(to64(b.full([], 0.1, "f16"))).toBe(0.0999755859375);
  });

  it("compares what the dtype holds", () => {
    const [x, y] = [b.full([], 0.1, "f32"), b.full([], fround(0.1), "f32")];
    expect(uniformValue(simplified(b.binary("eq", x, y)))).toBe(1);
    expect(uniformValue(simplified(b.binary("lt", x, y)))).toBe(0);
  });
});

describe("identities", () => {
  const x = b.input([4], "f32");
  it.each<[string, Node]>([
    ["x + 0", b.add(x, b.fullLike(x, 0))],
    ["0 + x", b.add(b.fullLike(x, 0), x)],
    ["x - 0", b.sub(x, b.fullLike(x, 0))],
    ["x · 1", b.mul(x, b.fullLike(x, 1))],
    ["x / 1", b.div(x, b.fullLike(x, 1))],
    ["x¹", b.binary("pow", x, b.fullLike(x, 1))],
    ["−(−x)", b.neg(b.neg(x))],
    ["where(true, x, y)", b.where(b.full([4], 1, "bool"), x, b.neg(x))],
    ["x in its own shape by two reshapes", b.reshape(b.reshape(x, [2, 2]), [4])],
    ["a permutation and back", b.permute(b.permute(b.reshape(x, [1, 4]), [1, 0]), [1, 0])],
  ])("%s is x", (_name, node) => {
    const base = simplified(node);
    expect(base.op === "reshape" ? base.src[0] : base).toBe(x);
  });

  it.each<[string, Node]>([
    ["x · 0, because x may be NaN", b.mul(x, b.fullLike(x, 0))],
    ["x − x", b.sub(x, x)],
    ["0 − x", b.sub(b.fullLike(x, 0), x)],
    ["x / x", b.div(x, x)],
  ])("%s stays", (_name, node) => {
    expect(simplified(node)).toBe(node);
  });
});

describe("tensors without elements", () => {
  it("are constants, so that no kernel looks at their indices", () => {
    const index = b.mul(b.input([0], "i32"), b.full([0], 2, "i32"));
    const rows = b.gather(b.input([5], "f32"), index, 0);
    const node = simplified(b.mul(rows, rows));
    expect(node.shape).toEqual([0]);
    expect(uniformValue(node)).toBe(0);
    expect(simplified(b.reduceSum(b.input([0, 2], "f32"), [0])).op).toBe("reduceSum");
  });
});
