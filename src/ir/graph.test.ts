import { describe, expect, it } from "vitest";
import * as b from "./build.ts";
import {
  graphKey,
  isDifferentiable,
  printGraph,
  rewrite,
  substitute,
  topologicalOrder,
  verifyGraph,
  withSources,
} from "./graph.ts";
import type { Graph } from "./graph.ts";
import type { Node, NodeOf } from "./node.ts";
import { makeNode } from "./node.ts";

const input = (shape: number[], dtype: "f32" | "i32" = "f32"): NodeOf<"input"> =>
  b.input(shape, dtype) as NodeOf<"input">;

/** A graph over fresh inputs: the same structure on every call. */
function sample(): Graph {
  const [x, w] = [input([2, 3]), input([3, 4])];
  const y = b.dot(x, w);
  const shifted = b.sub(y, b.expand(b.extremum("reduceMax", y, [1]), y.shape));
  const half = b.mul(b.unary("exp", shifted), b.fullLike(shifted, 0.5));
  return { inputs: [x, w], outputs: [half, b.assign(w, b.neg(w)), half] };
}

describe("topologicalOrder", () => {
  it("lists every node once, operands first", () => {
    const { outputs } = sample();
    const order = topologicalOrder(outputs);
    expect(new Set(order).size).toBe(order.length);
    for (const node of order) {
      for (const source of node.src) {
        expect(order.indexOf(source)).toBeGreaterThanOrEqual(0);
        expect(order.indexOf(source)).toBeLessThan(order.indexOf(node));
      }
    }
    expect(topologicalOrder([])).toEqual([]);
  });

  it("survives chains deeper than the call stack", () => {
    let x: Node = input([1]);
    for (let i = 0; i < 50_000; i++) x = b.neg(x);
    expect(topologicalOrder([x])).toHaveLength(50_001);
  });
});

describe("rewrite", () => {
  const x = input([2, 3]);
  const y = b.add(b.neg(x), b.mul(x, x));

  it("returns the same nodes when nothing changes", () => {
    expect(rewrite([y, x], (node) => node)).toEqual([y, x]);
    expect(rewrite([y], (node) => node)[0]).toBe(y);
  });

  it("shows each node once with rebuilt operands", () => {
    const seen: string[] = [];
    const [result] = rewrite([y], (node) => {
      seen.push(node.op);
      return node.op === "neg" ? b.unary("abs", node.src[0]) : node;
    });
    expect(seen).toEqual(["input", "neg", "mul", "add"]);
    expect(result).toBe(b.add(b.unary("abs", x), b.mul(x, x)));
  });

  it("does not visit what is preset", () => {
    const z = input([2, 3]);
    const [result] = rewrite([y], (node) => node, new Map([[y.src[0], z]]));
    expect(result).toBe(b.add(z, b.mul(x, x)));
  });

  it("keeps constants, iota, random bits and custom ops when operands change", () => {
    const key = b.input([2], "u32");
    const other = b.input([2], "u32");
    const attrs = { name: "any", shape: [2, 3], dtype: "f32" } as const;
    const bits = b.cast(b.randomBits(key, [2, 3]), "f32");
    const all = b.add(
      b.custom([x], attrs),
      b.mul(bits, b.add(b.cast(b.iota([2, 3], 1), "f32"), b.full([2, 3], NaN, "f32"))),
    );
    const [moved] = substitute(
      [all],
      new Map([
        [key, other],
        [x, b.neg(x)],
      ]),
    );
    expect(
      substitute(
        [moved],
        new Map<Node, Node>([
          [other, key],
          [b.neg(x), x],
        ]),
      )[0],
    ).toBe(all);
    expect(topologicalOrder([moved])).not.toContain(key);
  });
});

describe("substitute", () => {
  it("replaces a root and an inner node", () => {
    const [x, z] = [input([4]), input([4])];
    const y = b.unary("exp", b.neg(x));
    expect(substitute([x, y], new Map([[x, z]]))).toEqual([z, b.unary("exp", b.neg(z))]);
    expect(substitute([y], new Map([[y, z]]))).toEqual([z]);
  });

  it("checks the types of what it builds", () => {
    const [x, y] = [input([4]), input([4])];
    expect(() =>
      substitute([b.add(x, y)], new Map([[x, input([5])]])),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: add: operands must have one shape, got f32[5] and f32[4]]`,
    );
  });
});

describe("withSources", () => {
  it("is the node itself for the same operands", () => {
    const [x, z] = [input([4]), input([4])];
    const y = b.neg(x);
    expect(withSources(y, [x])).toBe(y);
    expect(withSources(y, [z])).toBe(b.neg(z));
  });
});

describe("printGraph", () => {
  it("writes one line per node", () => {
    expect(printGraph(sample())).toMatchInlineSnapshot(`
      "%in0: f32[2, 3]
      %in1: f32[3, 4]
      %0 = dot f32[2, 4] %in0 %in1
      %1 = reduceMax{axes=[1];ties=even} f32[2, 1] %0
      %2 = expand{shape=[2,4]} f32[2, 4] %1
      %3 = sub f32[2, 4] %0 %2
      %4 = exp f32[2, 4] %3
      %5 = constant{value=0.5} f32[]
      %6 = reshape{shape=[1,1]} f32[1, 1] %5
      %7 = expand{shape=[2,4]} f32[2, 4] %6
      %8 = mul f32[2, 4] %4 %7
      %9 = neg f32[3, 4] %in1
      %10 = assign f32[3, 4] %in1 %9
      return %8, %10, %8"
    `);
  });
});

describe("graphKey", () => {
  it("is equal for equal structures over other inputs", () => {
    expect(graphKey(sample())).toBe(graphKey(sample()));
    expect(graphKey(sample())).toMatchInlineSnapshot(`
      "f322x3
      f323x4
      dot(0,1)
      reduceMax(2)axes=[1];ties=even;
      expand(3)shape=[2,4];
      sub(2,4)
      exp(5)
      constantf32()value=0.5;
      reshape(7)shape=[1,1];
      expand(8)shape=[2,4];
      mul(6,9)
      neg(1)
      assign(1,11)
      10,12,10"
    `);
  });

  it("does not depend on which nodes existed before", () => {
    const key = (): string => {
      const x = input([2, 2]);
      const y = b.dot(x, x);
      return graphKey({ inputs: [x], outputs: [b.mul(b.neg(y), b.fullLike(y, 0.123456))] });
    };
    // The first call makes the constant after the product, the second finds it interned.
    expect(key()).toBe(key());
  });

  it("tells apart what compiles to other programs", () => {
    const [x, y] = [input([2, 3]), input([2, 3])];
    const [narrow, whole] = [input([3]), input([2, 3], "i32")];
    const keys = [
      { inputs: [x, y], outputs: [b.sub(x, y)] },
      { inputs: [x, y], outputs: [b.sub(y, x)] },
      { inputs: [y, x], outputs: [b.add(x, y)] },
      { inputs: [x], outputs: [b.add(x, x)] },
      { inputs: [x, y], outputs: [b.add(x, x)] },
      { inputs: [x], outputs: [b.neg(x)] },
      { inputs: [x], outputs: [x] },
      { inputs: [x], outputs: [x, x] },
      { inputs: [whole], outputs: [b.neg(whole)] },
      { inputs: [narrow], outputs: [b.neg(narrow)] },
      { inputs: [x], outputs: [b.add(x, b.fullLike(x, 0))] },
      { inputs: [x], outputs: [b.add(x, b.fullLike(x, -0))] },
      { inputs: [x], outputs: [b.add(x, b.fullLike(x, NaN))] },
      { inputs: [], outputs: [b.constant(1, "f32")] },
      { inputs: [], outputs: [b.constant(1, "i32")] },
      { inputs: [x], outputs: [b.cast(x, "i32")] },
      { inputs: [x], outputs: [b.cast(x, "f64")] },
    ].map(graphKey);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("verifyGraph", () => {
  it("accepts a sound graph", () => {
    expect(() => verifyGraph(sample(), "test")).not.toThrow();
  });

  it("names what is wrong and after which pass", () => {
    const [x, y] = [input([2, 3]), input([2, 3])];
    const forged = { ...b.neg(x), id: 1e9, shape: [3, 2] } as Node;
    const assign = makeNode("assign", [b.neg(x), y], {});
    const messages = [
      { inputs: [x], outputs: [b.add(x, y)] },
      { inputs: [x], outputs: [forged] },
      { inputs: [x, y], outputs: [assign] },
    ].map((graph) => {
      try {
        verifyGraph(graph, "fusion");
        return "no error";
      } catch (error) {
        return String(error).replace(/input \d+/, "input N");
      }
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "CompileError: verify after fusion: input N is not listed among the inputs",
        "CompileError: verify after fusion: neg must be f32[2, 3], got f32[3, 2]",
        "CompileError: verify after fusion: assign must target an input, got neg",
      ]
    `);
  });
});

describe("isDifferentiable", () => {
  it("holds for floats only", () => {
    expect(isDifferentiable(b.input([2], "bf16"))).toBe(true);
    expect(isDifferentiable(b.input([2], "i32"))).toBe(false);
  });
});
