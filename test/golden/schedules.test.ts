import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import { printSchedule } from "../../src/compiler/print.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { loopOf } from "../contract/cases-loop.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";

/** The printed schedule of a small program, between two line ends. */
function printed(build: (scene: Scene) => Node | Node[]): string {
  const schedule = planProgram(buildCase({ build }, "f32"), { verify: true });
  return `\n${printSchedule(schedule)}\n`;
}

const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

describe("programs as the compiler plans them", () => {
  it("x.add(y).sum()", () => {
    const text = printed(({ input }) => b.reduceSum(b.add(input([4, 5]), input([4, 5])), [0, 1]));
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 4, j < 5
           a0 sum= add(in0[5*i + j], in1[5*i + j])
         once
           out0[0] = a0
      temporaries: 0 bytes
      "
    `);
  });

  it("softmax of rows", () => {
    const text = printed(({ input }) => {
      const x = input([3, 8]);
      const weights = b.unary("exp", b.sub(x, spread(b.extremum("reduceMax", x, [1]), x)));
      return b.div(weights, spread(b.reduceSum(weights, [1]), x));
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 3
           for j < 8
             a0 max= in0[8*i + j]
           for j < 8
             t0 = expNonPositive(sub(in0[8*i + j], a0))
             s0 = t0
             a1 sum= t0
           for j < 8
             out0[8*i + j] = div(s0, a1)
      temporaries: 0 bytes
      "
    `);
  });

  it("a product with bias and ReLU, and its columns' sums", () => {
    const text = printed(({ input }) => {
      const product = b.dot(input([6, 4]), b.transpose(input([5, 4]), 0, 1));
      const shifted = b.add(product, b.broadcastTo(input([5]), [6, 5]));
      const active = b.binary("max", shifted, b.fullLike(shifted, 0));
      return [active, b.reduceSum(active, [0])];
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: out0 = dot(in0 by 4,1; in1 by 1,4)
           then for i < 1, j < 6, k < 5
           then   out0[5*j + k] = max(add(out0[5*j + k], in2[k]), 0)
      1: for i < 5
           for j < 6
             a0 sum= out0[5*j + i]
           once
             out1[i] = a0
      temporaries: 0 bytes
      "
    `);
  });

  it("padding, windows and a reversed view become index arithmetic", () => {
    const text = printed(({ input }) => {
      const padded = b.pad(b.flip(input([7]), [0]), [1], [2]);
      const attrs = { dims: [0], size: [3], stride: [2], dilation: [1] };
      return b.reduceSum(b.window(padded, attrs), [1]);
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 4
           for j < 3
             a0 sum= (0 <= 2*i + j - 1 < 7 ? in0[-2*i - j + 7] : 0)
           once
             out0[i] = a0
      temporaries: 0 bytes
      "
    `);
  });

  it("an embedding's rows and their gradient", () => {
    const text = printed(({ input }) => {
      const [table, index] = [input([10, 4]), input([3, 1], [7, 0, 7], "i32")];
      const rows = b.expand(index, [3, 4]);
      const found = b.gather(table, rows, 0);
      return [found, b.scatter(b.fullLike(table, 0), rows, b.neg(found), 0, "add")];
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 3, j < 4
           out0[4*i + j] = in0[j + 4*in1[i]]
      1: for i < 10, j < 4
           out1[4*i + j] = 0
      2: for i < 4
           for in order j < 3
             out1[i + 4*in1[j]] += neg(out0[4*j + i])
      temporaries: 0 bytes
      "
    `);
  });

  it("momentum in place, and a swap that needs a copy", () => {
    const text = printed(({ input }) => {
      const [p, m, g, q, r] = [input([9]), input([9]), input([9]), input([2]), input([2])];
      const moment = b.add(b.mul(m, b.fullLike(m, 0.5)), g);
      const updates = [b.assign(m, moment), b.assign(p, b.sub(p, moment))];
      return [...updates, b.assign(q, r), b.assign(r, q)];
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: tmp0 = copy in4 (8 bytes)
      1: tmp64 = copy in3 (8 bytes)
      2: for i < 9
           t0 = add(mul(in1[i], 0.5), in2[i])
           in1[i] = t0
           in0[i] = sub(in0[i], t0)
      3: in3 = copy tmp0 (8 bytes)
      4: in4 = copy tmp64 (8 bytes)
      temporaries: 128 bytes
      "
    `);
  });

  it("a running sum and a sort", () => {
    const text = printed(({ input }) => {
      const x = input([2, 6]);
      return [b.scan(x, 1, "sum"), b.argsort(b.neg(x), 1, false)];
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 2
           for in order j < 6
             out0[6*i + j] = a0 sum= in0[6*i + j]
      1: for i < 2, j < 6
           tmp0[6*i + j] = neg(in0[6*i + j])
      2: out1 = argsort(tmp0)
      temporaries: 64 bytes
      "
    `);
  });

  it("a recurrent net: the hidden state is read where it is stacked, and what is the same moves out", () => {
    const text = printed(({ input }) => {
      const operands = {
        carries: [input([4, 8])],
        slices: [input([5, 4, 8])],
        wholes: [input([8, 8]), input([8])],
      };
      const [last, all] = loopOf(5, operands, ([h], [x], [w, bias]) => {
        const shift = spread(b.reshape(b.unary("exp", bias), [1, 8]), x);
        const next = b.unary("tanh", b.add(b.add(b.dot(h, w), x), shift));
        return [next, next];
      });
      return [last, all];
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 8
           tmp256[i] = exp(in3[i])
      1: –, out1 = loop(in0, in1, in2, tmp256) 5 times
           0: out0 = dot(in0 by 8,1; in2 by 8,1)
                then for i < 1, j < 4, k < 8
                then   out0[8*j + k] = tanh(add(add(out0[8*j + k], in1[8*j + k]), in3[k]))
           temporaries: 0 bytes
      2: for i < 4, j < 8
           out0[8*i + j] = out1[8*i + j + 128]
      temporaries: 320 bytes
      "
    `);
  });

  it("its gradient by the weight: a loop backward, and one product of all steps", () => {
    const text = printed(({ input }) => {
      const operands = {
        carries: [input([4, 8])],
        slices: [input([5, 4, 8])],
        wholes: [input([8, 8])],
      };
      const [last] = loopOf(5, operands, ([h], [x], [w]) => [
        b.unary("tanh", b.add(b.dot(h, w), x)),
      ]);
      return gradients(last, b.fullLike(last, 1), operands.wholes).filter((g) => g !== null);
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: for i < 4, j < 8
           tmp2304[8*i + j] = 1
      1: –, tmp0, tmp640 = loop(in0, in1, in2) 5 times
           0: out1 = copy in0 (128 bytes)
           1: out0 = dot(in0 by 8,1; in2 by 8,1)
                then for i < 1, j < 4, k < 8
                then   out0[8*j + k] = tanh(add(out0[8*j + k], in1[8*j + k]))
           temporaries: 0 bytes
      2: –, tmp1280 = loop(tmp2304, tmp0, in2) 5 times backward
           0: for i < 4, j < 8
                t0 = in1[8*i + j]
                out1[8*i + j] = mul(in0[8*i + j], sub(1, mul(t0, t0)))
           1: out0 = dot(out1 by 8,1; in2 by 1,8)
           temporaries: 0 bytes
      3: out0 = dot(tmp640 by 1,8; tmp1280 by 8,1)
      temporaries: 2432 bytes
      "
    `);
  });

  it("a loop that runs while a carry is true", () => {
    const text = printed(({ input }) => {
      const start = b.constant(0, "f32");
      const end = input([]);
      const carries = [b.binary("lt", start, end), start];
      return loopOf(
        100,
        { carries, wholes: [end] },
        ([, count], _, [limit]) => {
          const next = b.add(count, b.constant(1, "f32"));
          return [b.binary("lt", next, limit), next];
        },
        { conditional: true },
      )[1];
    });
    expect(text).toMatchInlineSnapshot(`
      "
      0: tmp320[0] = 0
         tmp384[0] = lt(0, in0[0])
      1: –, out0 = loop(tmp384, tmp320, in0) while in0
           0: t0 = add(in1[0], 1)
              out1[0] = t0
              out0[0] = lt(t0, in2[0])
           temporaries: 0 bytes
      temporaries: 448 bytes
      "
    `);
  });
});
