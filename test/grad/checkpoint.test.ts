import { describe, expect, it } from "vitest";
import { batch } from "../../src/autodiff/batching.ts";
import { gradients } from "../../src/autodiff/gradients.ts";
import * as b from "../../src/ir/build.ts";
import { topologicalOrder } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { nodeCounter } from "../../src/ir/node.ts";
import type { Op } from "../../src/ir/ops.ts";
import { evaluate, uniform } from "./evaluate.ts";

/** What the tensor layer will do: marks the results of a function for recomputation. */
function checkpointed(f: (...nodes: Node[]) => Node[], ...nodes: Node[]): Node[] {
  const boundary = nodeCounter();
  return f(...nodes).map((node) => b.checkpoint(node, boundary));
}

const exp = (x: Node): Node => b.unary("exp", b.mul(x, b.fullLike(x, 0.5)));

const count = (op: Op, outputs: readonly (Node | null)[]): number =>
  topologicalOrder(outputs.filter((node) => node !== null)).filter((node) => node.op === op).length;

const vector = (): Node => b.input([4], "f64");
const values = (seed: number): number[] => uniform(4, -1, 1, seed);

/** Gradients and their values for distinct inputs. */
function differentiate(build: (...nodes: Node[]) => Node, wanted = 2) {
  const inputs = Array.from({ length: wanted }, vector);
  const g = vector();
  const output = build(...inputs);
  const grads = gradients(output, g, inputs);
  const feeds = new Map([...inputs, g].map((node, i) => [node, values(i + 1)]));
  const found = grads.filter((node) => node !== null);
  return { output, grads, values: evaluate([output, ...found], feeds) };
}

const layer = (x: Node, w: Node): Node[] => [b.mul(exp(b.mul(exp(x), w)), w)];

describe("checkpoint", () => {
  it("computes the region a second time, with equal gradients", () => {
    const plain = differentiate((x, w) => layer(x, w)[0]);
    const marked = differentiate((x, w) => checkpointed(layer, x, w)[0]);
    expect(marked.values).toEqual(plain.values);
    expect(count("exp", [plain.output, ...plain.grads])).toBe(2);
    expect(count("exp", [marked.output, ...marked.grads])).toBe(4);
  });

  it("keeps nothing of the forward pass alive but the cut", () => {
    const { output, grads } = differentiate((x, w) => checkpointed(layer, x, w)[0]);
    const forward = new Set<Node>(topologicalOrder([output]).filter((node) => node.op === "exp"));
    const backward = topologicalOrder(grads.filter((node) => node !== null));
    expect(backward.filter((node) => forward.has(node))).toEqual([]);
  });

  it("waits for the cotangent of its result", () => {
    const x = vector();
    const g = vector();
    const [y] = checkpointed((z) => [exp(z)], x);
    const grads = gradients(y, g, [x]);
    const barriers = topologicalOrder(grads.filter((node) => node !== null)).filter(
      (node) => node.op === "barrier",
    );
    expect(barriers.map((node) => node.src)).toEqual([[x, g]]);
  });

  it("gives gradients to values that the region captures", () => {
    const captured = (mark: boolean) =>
      differentiate((x, w) => {
        const scale = exp(w);
        const region = (z: Node): Node[] => [exp(b.mul(z, scale))];
        return (mark ? checkpointed(region, x) : region(x))[0];
      });
    const marked = captured(true);
    expect(marked.values).toEqual(captured(false).values);
    expect(count("exp", [marked.output, ...marked.grads])).toBe(2 + 1);
  });

  it("recomputes once for several results", () => {
    const two = (x: Node): Node[] => {
      const shared = exp(x);
      return [exp(shared), b.unary("sin", shared)];
    };
    const build = (mark: boolean) =>
      differentiate((x) => {
        const [left, right] = mark ? checkpointed(two, x) : two(x);
        return b.mul(left, right);
      }, 1);
    const [marked, plain] = [build(true), build(false)];
    expect(marked.values).toEqual(plain.values);
    expect(count("exp", marked.grads)).toBe(2 + 2);
    expect(count("exp", plain.grads)).toBe(2);
  });

  it("nests: the inner region is recomputed within the recomputation", () => {
    const inner = (mark: boolean, x: Node): Node =>
      mark ? checkpointed((z) => [exp(exp(z))], x)[0] : exp(exp(x));
    const build = (marked: boolean, nested: boolean) =>
      differentiate((x) => {
        const region = (z: Node): Node[] => [exp(inner(nested, exp(z)))];
        return (marked ? checkpointed(region, x) : region(x))[0];
      }, 1);
    const plain = build(false, false);
    const outer = build(true, false);
    const both = build(true, true);
    expect(both.values).toEqual(plain.values);
    expect(count("exp", [plain.output, ...plain.grads])).toBe(4);
    expect(count("exp", [outer.output, ...outer.grads])).toBe(8);
    // The two inner ones run forward, in the outer recomputation and in their own.
    expect(count("exp", [both.output, ...both.grads])).toBe(2 * 2 + 2 * 3);
  });

  it("nests from the first operation on, where both regions begin at one id", () => {
    const build = (mark: boolean) =>
      differentiate((x) => {
        const inside = (z: Node): Node[] => [exp(exp(z))];
        const outside = (z: Node): Node[] => [exp((mark ? checkpointed(inside, z) : inside(z))[0])];
        return (mark ? checkpointed(outside, x) : outside(x))[0];
      }, 1);
    expect(build(true).values).toEqual(build(false).values);
  });

  it("gives the gradient of a value inside of the region", () => {
    const x = vector();
    const w = vector();
    const g = vector();
    let middle = x;
    const region = (z: Node): Node[] => {
      middle = exp(z);
      return [exp(b.mul(middle, w))];
    };
    const [y] = checkpointed(region, x);
    const feeds = new Map([x, w, g].map((node, i) => [node, values(i + 1)]));
    const marked = gradients(y, g, [middle, x, w]).filter((node) => node !== null);
    const plain = gradients(region(x)[0], g, [middle, x, w]).filter((node) => node !== null);
    expect(marked.length).toBe(3);
    expect(evaluate(marked, feeds)).toEqual(evaluate(plain, feeds));
  });

  it("has second derivatives", () => {
    const second = (mark: boolean) =>
      differentiate((x, w) => {
        const y = (mark ? checkpointed(layer, x, w) : layer(x, w))[0];
        const [dx, dw] = gradients(b.reduceSum(y, [0]), undefined, [x, w]);
        return dx === null || dw === null ? y : b.mul(dx, dw);
      });
    const [marked, plain] = [second(true), second(false)];
    marked.values.forEach((list, k) =>
      list.forEach((value, i) => expect(value).toBeCloseTo(plain.values[k][i], 10)),
    );
  });

  it("draws the same random bits again", () => {
    const key = b.input([2], "u32");
    const x = vector();
    const g = vector();
    const drop = (z: Node, seed: Node): Node[] => {
      const bits = b.bitcast(b.randomBits(seed, [4]), "i32");
      const keep = b.binary("lt", bits, b.fullLike(bits, 0));
      return [b.where(keep, exp(z), b.fullLike(z, 0))];
    };
    const [y] = checkpointed(drop, x, key);
    const [dx] = gradients(y, g, [x]);
    const feeds = new Map([
      [key, [3, 9]],
      [x, values(1)],
      [g, [1, 1, 1, 1]],
    ]);
    const [kept, slope] = evaluate([y, dx ?? y], feeds);
    expect(slope).toEqual(kept.map((value) => value * 0.5));
    expect(new Set(kept.map((value) => value === 0)).size).toBe(2);
  });

  it("does not repeat updates of state", () => {
    const state = vector();
    const x = vector();
    const [y] = checkpointed((z) => [exp(b.assign(state, exp(z)))], x);
    const grads = gradients(y, b.fullLike(y, 1), [x]);
    expect(count("assign", [y, ...grads])).toBe(1);
    expect(count("exp", [y, ...grads])).toBe(4);
  });

  it("stays a region under vmap", () => {
    const w = vector();
    const one = vector();
    const whole = b.input([3, 4], "f64");
    const before = exp(one);
    const [y] = checkpointed(layer, before, w);
    const [batched] = batch([y], new Map([[one, whole]]), 3);
    const grads = gradients(batched, b.fullLike(batched, 1), [whole, w]);
    expect(count("exp", [batched, ...grads])).toBe(1 + 2 * 2);
    const plain = batch(layer(before, w), new Map([[one, whole]]), 3)[0];
    const expected = gradients(plain, b.fullLike(plain, 1), [whole, w]);
    const feeds = new Map([
      [whole, uniform(12, -1, 1, 1)],
      [w, values(2)],
    ]);
    const valuesOf = (nodes: (Node | null)[]) =>
      evaluate(
        nodes.filter((node) => node !== null),
        feeds,
      );
    expect(valuesOf(grads)).toEqual(valuesOf(expected));
  });
});
