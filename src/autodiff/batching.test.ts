import { describe, expect, it } from "vitest";
import { AthanorError } from "../base/errors.ts";
import * as b from "../ir/build.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { printGraph } from "../ir/graph.ts";
import { batch } from "./batching.ts";

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AthanorError) return `${error.name}: ${error.message}`;
    throw error;
  }
  return "no error";
}

/** Batches a function of one vector over 5 elements. */
function batchVector(f: (x: Node) => Node, options = {}): { whole: Node; result: Node } {
  const x = b.input([3], "f32");
  const whole = b.input([5, 3], "f32");
  return { whole, result: batch([f(x)], new Map([[x, whole]]), 5, options)[0] };
}

describe("batch", () => {
  it("turns matrix times vector into one matrix product", () => {
    const matrix = b.input([4, 3], "f32");
    const { whole, result } = batchVector((x) => b.dot(matrix, b.reshape(x, [3, 1])));
    const inputs = [matrix, whole] as NodeOf<"input">[];
    expect(printGraph({ inputs, outputs: [result] })).toMatchInlineSnapshot(`
      "%in0: f32[4, 3]
      %in1: f32[5, 3]
      %0 = reshape{shape=[5,3,1]} f32[5, 3, 1] %in1
      %1 = permute{perm=[1,0,2]} f32[3, 5, 1] %0
      %2 = reshape{shape=[3,5]} f32[3, 5] %1
      %3 = dot f32[4, 5] %in0 %2
      %4 = reshape{shape=[4,5,1]} f32[4, 5, 1] %3
      %5 = permute{perm=[1,0,2]} f32[5, 4, 1] %4
      return %5"
    `);
  });

  it("leaves what does not depend on the batch alone", () => {
    const other = b.input([3], "f32");
    const { whole, result } = batchVector((x) => b.mul(x, b.unary("exp", other)));
    expect(result.src[0]).toBe(whole);
    expect(result.src[1].op).toBe("expand");
  });

  it("repeats an output that does not depend on the batch", () => {
    const other = b.input([2], "f32");
    const { result } = batchVector(() => other);
    expect(result).toBe(b.broadcastTo(other, [5, 2]));
  });

  it("gives the replacement for an output that is an input", () => {
    const { whole, result } = batchVector((x) => x);
    expect(result).toBe(whole);
  });

  it("shares random numbers drawn before, or when asked to", () => {
    const key = b.input([2], "u32");
    const before = b.randomBits(key, [3]);
    const noisy = (x: Node): Node => b.add(x, b.cast(before, "f32"));
    expect(batchVector(noisy).result.shape).toEqual([5, 3]);
    const inside = (x: Node): Node =>
      b.add(x, b.cast(b.randomBits(b.bitcast(key, "u32"), [3]), "f32"));
    expect(batchVector(inside, { randomness: "same" }).result.shape).toEqual([5, 3]);
  });

  it("explains what cannot be batched", () => {
    const key = b.input([2], "u32");
    const state = b.input([3], "f32");
    const keyOf = (x: Node): Node => b.bitcast(b.slice(x, [0], [2]), "u32");
    const x = b.input([3], "f32");
    const tooMany = new Map([[x, b.input([1000, 3], "f32")]]);
    const messages = [
      () => batchVector((y) => b.add(y, b.cast(b.randomBits(key, [3]), "f32"))),
      () => batchVector((y) => b.custom([y], { name: "host", shape: [], dtype: "f32" })),
      () => batchVector((y) => b.assign(state, y)),
      () => batch([x], new Map([[x, b.input([3], "f32")]]), 5),
      () => batch([b.randomBits(keyOf(x), [3])], tooMany, 1000),
    ].map(messageOf);
    expect(messages).toMatchInlineSnapshot(`
      [
        "UsageError: vmap: a random draw inside needs one key per batch element, got one key for the draw of [3]; pass batched keys, or ask for randomness "same"",
        "UnsupportedOpError: vmap: host function "host" has no batching rule; call it outside of vmap",
        "UnsupportedOpError: vmap: a tensor outside must not be updated with one value per batch element, got assign of shape [3]; return the value instead",
        "ShapeError: vmap: a batched operand must be f32[5, 3], got f32[3]",
        "UnsupportedOpError: vmap: at most 256 random keys can be batched, got 1000; draw all numbers from one key outside of vmap",
      ]
    `);
  });
});
