import { describe, expect, it } from "vitest";
import { AthanorError } from "../base/errors.ts";
import * as b from "../ir/build.ts";
import { printGraph } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { gradients } from "./gradients.ts";

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AthanorError) return `${error.name}: ${error.message}`;
    throw error;
  }
  return "no error";
}

const vector = (): Node => b.input([3], "f32");
const total = (x: Node): Node => b.reduceSum(x, [0]);

describe("gradients", () => {
  it("builds a small graph that uses the results of the forward pass", () => {
    const x = vector();
    const y = b.unary("tanh", x);
    const [dx] = gradients(y, b.fullLike(y, 1), [x]);
    const inputs = [x as NodeOf<"input">];
    expect(printGraph({ inputs, outputs: [dx ?? x] })).toMatchInlineSnapshot(`
      "%in0: f32[3]
      %0 = constant{value=1} f32[]
      %1 = reshape{shape=[1]} f32[1] %0
      %2 = expand{shape=[3]} f32[3] %1
      %3 = tanh f32[3] %in0
      %4 = mul f32[3] %3 %3
      %5 = sub f32[3] %2 %4
      %6 = mul f32[3] %2 %5
      return %6"
    `);
  });

  it("gives the gradient of a transposed weight in the layout of the weight", () => {
    const [x, w, g] = [b.input([5, 3], "f32"), b.input([4, 3], "f32"), b.input([5, 4], "f32")];
    const grads = gradients(b.dot(x, b.transpose(w, 0, 1)), g, [x, w]);
    expect(grads).toEqual([b.dot(g, w), b.dot(b.transpose(g, 0, 1), x)]);
  });

  it("is null where nothing depends", () => {
    const [x, other] = [vector(), vector()];
    const counts = b.input([3], "i32");
    const loss = total(b.mul(x, b.cast(counts, "f32")));
    const [dx, dOther, dCounts] = gradients(loss, undefined, [x, other, counts]);
    expect([dx === null, dOther, dCounts]).toEqual([false, null, null]);
  });

  it("adds up the cotangents of several outputs and uses", () => {
    const x = vector();
    const g = vector();
    expect(gradients([x, x], [g, g], [x])).toEqual([b.add(g, g)]);
    expect(gradients([x, x], [g, null], [x])).toEqual([g]);
  });

  it("passes through an intermediate that is asked for itself", () => {
    const x = vector();
    const middle = b.unary("exp", x);
    const g = vector();
    const [dMiddle, dx] = gradients(b.neg(middle), g, [middle, x]);
    expect(dMiddle).toBe(b.neg(g));
    expect(dx).toBe(b.mul(b.neg(g), middle));
  });

  it("drops cotangents that are zero", () => {
    const x = vector();
    expect(gradients(b.unary("exp", x), b.full([3], 0, "f32"), [x])).toEqual([null]);
  });

  it("does not look below the oldest target", () => {
    const host = b.custom([vector()], { name: "host", shape: [3], dtype: "f32" });
    const x = vector();
    const g = vector();
    expect(gradients(b.mul(host, x), g, [x])).toEqual([b.mul(g, host)]);
  });

  it("gives the same nodes for the same question", () => {
    const x = vector();
    const loss = total(b.mul(b.unary("sin", x), b.unary("exp", x)));
    expect(gradients(loss, undefined, [x])).toEqual(gradients(loss, undefined, [x]));
  });

  it("explains what does not fit", () => {
    const x = vector();
    const messages = [
      () => gradients(x, undefined, [x]),
      () => gradients(x, b.input([2], "f32"), [x]),
      () => gradients([x], [], [x]),
      () => gradients(b.argmax(x, 0), undefined, [x]),
      () => gradients(b.custom([x], { name: "host", shape: [], dtype: "f32" }), undefined, [x]),
    ].map(messageOf);
    expect(messages).toMatchInlineSnapshot(`
      [
        "ShapeError: grad: output must have one element, got [3]; reduce it or give its cotangent",
        "ShapeError: grad: cotangent must be f32[3] like the output, got f32[2]",
        "ShapeError: grad: needs one cotangent per output, got 0 for 1 outputs",
        "DTypeError: grad: output must be a float, got i32; cast it first",
        "UnsupportedOpError: grad: host function "host" has no gradient; detach its result or its operands",
      ]
    `);
  });
});
