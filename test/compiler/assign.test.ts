import { afterAll, describe, expect, it } from "vitest";
import { planProgram } from "../../src/compiler/plan-program.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { expectSameAsReference } from "../contract/run.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { verifyingBackend } from "./variants.ts";

const backend = verifyingBackend({ threads: 2 });
afterAll(() => backend.dispose());

type Program = (scene: Scene) => Node[];

/** Compares with the reference; the number of tensors compared. */
function compare(build: Program): number {
  return expectSameAsReference(backend, buildCase({ build }, "f32"));
}

/** Whether the program writes its assigned values straight into their targets. */
function copies(build: Program): number {
  const built = buildCase({ build }, "f32");
  return planProgram(built).steps.filter((step) => step.kind === "copy").length;
}

const square = (x: Node): Node => b.mul(x, x);
const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

describe("an assign in place, while others still need the old value", () => {
  it.each<[string, Program]>([
    [
      "in a later phase that computes a value of the old one again",
      ({ input }) => {
        const [p, q] = [input([4, 8]), input([4, 8])];
        const shared = b.add(square(p), b.mul(p, q));
        const centred = b.sub(shared, spread(b.reduceSum(shared, [1]), shared));
        return [b.assign(p, b.add(p, p)), centred];
      },
    ],
    [
      "in an inner phase after an outer one that assigns",
      ({ input }) => {
        const [p, q] = [input([4, 1]), input([4, 8])];
        const total = b.add(p, b.reduceSum(q, [1]));
        return [b.assign(p, total), b.sub(q, spread(total, q))];
      },
    ],
    [
      "in kernels over one element with several phases",
      ({ input }) => {
        const [p, q, r] = [input([1, 1]), input([1, 1]), input([1])];
        const value = b.binary("rem", b.add(r, b.reshape(p, [1])), b.full([1], 8, "f32"));
        const centred = b.sub(value, b.extremum("reduceMax", value, [0]));
        const moved = b.assign(q, b.reshape(value, [1, 1]));
        return [value, centred, b.assign(p, q), moved, b.assign(r, b.reshape(p, [1]))];
      },
    ],
    [
      "elementwise, by several kernels",
      ({ input }) => {
        const [p, q] = [input([6, 7]), input([7, 6])];
        const product = b.dot(p, q);
        return [b.assign(p, b.neg(p)), product, b.reduceSum(p, [0]), b.transpose(p, 0, 1)];
      },
    ],
    [
      "in a product whose epilogue assigns one of its operands",
      ({ input }) => {
        const [p, q] = [input([9, 9]), input([9, 9])];
        return [b.assign(p, b.add(b.dot(p, q), p)), b.assign(q, b.sub(q, b.dot(q, q)))];
      },
    ],
    [
      "permuted into another target",
      ({ input }) => {
        const [p, q] = [input([5, 5]), input([5, 5])];
        return [b.assign(p, b.add(p, b.transpose(q, 0, 1))), b.assign(q, b.transpose(p, 0, 1))];
      },
    ],
    [
      "through a reduction over the whole",
      ({ input }) => {
        const p = input([3, 33]);
        const norm = b.unary("sqrt", b.reduceSum(square(p), [0, 1]));
        return [b.assign(p, b.div(p, spread(norm, p))), norm];
      },
    ],
    [
      "several targets that share values, one of them returned",
      ({ input }) => {
        const [p, m, g] = [input([11]), input([11]), input([11])];
        const moment = b.add(b.mul(m, b.full([11], 0.9, "f32")), g);
        const next = b.sub(p, moment);
        return [b.assign(m, moment), b.assign(p, next), next, moment, b.add(p, m)];
      },
    ],
    [
      "one value into two targets",
      ({ input }) => {
        const [p, q] = [input([4, 5]), input([4, 5])];
        const value = b.add(p, b.flip(q, [1]));
        return [b.assign(p, value), b.assign(q, value)];
      },
    ],
  ])("reads it %s", (_name, build) => {
    expect(compare(build)).toBeGreaterThan(0);
  });
});

describe("an assign needs no copy", () => {
  it.each<[string, Program]>([
    ["of an elementwise update", ({ input }) => ((p) => [b.assign(p, b.neg(p))])(input([64]))],
    [
      "of a row reduction's normalised values",
      ({ input }) => {
        const p = input([4, 32]);
        return [b.assign(p, b.sub(p, spread(b.reduceSum(p, [1]), p)))];
      },
    ],
    [
      "of an epilogue that adds a product to the target",
      ({ input }) =>
        ((p) => [b.assign(p, b.add(p, b.dot(input([8, 8]), input([8, 8]))))])(input([8, 8])),
    ],
  ])("%s", (_name, build) => {
    expect(compare(build)).toBeGreaterThan(0);
    expect(copies(build)).toBe(0);
  });
});
