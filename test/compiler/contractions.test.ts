import { afterAll, describe, expect, it } from "vitest";
import { planProgram } from "../../src/compiler/plan-program.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { numel } from "../../src/ir/shape.ts";
import { expectSameAsReference } from "../contract/run.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { verifyingBackend } from "./variants.ts";

const backend = verifyingBackend({ threads: 2 });
afterAll(() => backend.dispose());

const small = [1, -2, 3, 0, 2, -1, 1];
const half = (x: Node): Node => b.mul(x, b.fullLike(x, 0.5));
const last = (x: Node): readonly [number, number] => [x.shape.length - 2, x.shape.length - 1];
const turned = (x: Node): Node => b.transpose(x, ...last(x));

type Operands = (scene: Scene) => readonly [Node, Node];

/** Operands that the library reads where they lie. */
const views: [string, Operands][] = [
  ["transposed", ({ input }) => [turned(input([9, 6], small)), turned(input([7, 9], small))]],
  [
    "cut out",
    ({ input }) => [
      b.slice(input([9, 9], small), [2, 1], [5, 6]),
      b.narrow(input([8, 11], small), 0, 2, 6),
    ],
  ],
  [
    "every second row and column",
    ({ input }) => [
      b.slice(input([11, 12], small), [1, 0], [5, 6], [2, 2]),
      b.slice(input([12, 7], small), [1, 0], [6, 7], [2, 1]),
    ],
  ],
  [
    "one row for all",
    ({ input }) => [b.expand(input([1, 6], small), [5, 6]), input([6, 7], small)],
  ],
  [
    "one matrix for all batches",
    ({ input }) => [input([4, 5, 6], small), b.expand(input([1, 6, 7], small), [4, 6, 7])],
  ],
  [
    "heads of an attention",
    ({ input }) => [
      b.permute(input([2, 5, 3, 6], small), [0, 2, 1, 3]),
      b.permute(input([2, 7, 3, 6], small), [0, 2, 3, 1]),
    ],
  ],
  [
    "three batch dims that do not merge",
    ({ input }) => [
      b.permute(input([2, 3, 4, 5, 6], small), [2, 0, 1, 3, 4]),
      b.permute(input([3, 4, 2, 6, 7], small), [1, 2, 0, 3, 4]),
    ],
  ],
];

/** Operands that need a buffer first. */
const computed: [string, Operands][] = [
  [
    "reversed",
    ({ input }) => [b.flip(input([5, 6], small), [1]), b.flip(input([6, 7], small), [0])],
  ],
  ["computed on the way", ({ input }) => [b.neg(input([5, 6], small)), half(input([6, 7], small))]],
  ["padded", ({ input }) => [b.pad(input([5, 4], small), [0, 1], [0, 1]), input([6, 7], small)]],
  ["a constant", ({ input }) => [b.full([5, 6], 2, "f32"), input([6, 7], small)]],
];

/** A product alone, with an epilogue, with one that reads more, and reduced. */
function uses(product: Node, { input }: Scene): Node[] {
  const columns = product.shape[product.shape.length - 1];
  const bias = b.broadcastTo(input([columns], small), product.shape);
  const residual = input(product.shape, small);
  const active = b.binary("max", b.add(product, bias), b.fullLike(product, 0));
  return [half(active), b.add(active, residual), b.reduceSum(product, [product.shape.length - 1])];
}

describe.each([...views, ...computed])("a product whose operands are %s", (_name, operands) => {
  it("is right alone, with epilogues and reduced", () => {
    const alone = buildCase({ build: (scene) => b.dot(...operands(scene)) }, "f32");
    expect(expectSameAsReference(backend, alone, { exact: true })).toBe(1);
    const built = buildCase({ build: (scene) => uses(b.dot(...operands(scene)), scene) }, "f32");
    expect(expectSameAsReference(backend, built, { exact: true })).toBe(3);
  });
});

describe("operands", () => {
  it.each(views)("that are %s are not copied", (_name, operands) => {
    const built = buildCase({ build: (scene) => b.dot(...operands(scene)) }, "f32");
    expect(planProgram(built).steps.map(({ kind }) => kind)).toEqual(["contraction"]);
  });

  it.each([
    [
      [0, 6],
      [6, 7],
    ],
    [
      [5, 0],
      [0, 7],
    ],
    [
      [5, 6],
      [6, 0],
    ],
    [
      [0, 5, 6],
      [0, 6, 7],
    ],
    [
      [1, 1],
      [1, 1],
    ],
  ])("of shapes %j and %j", (left, right) => {
    const build = (scene: Scene): Node[] => {
      const product = b.dot(scene.input(left, small), scene.input(right, small));
      return [product, ...uses(product, scene)];
    };
    const built = buildCase({ build }, "f32");
    expect(expectSameAsReference(backend, built, { exact: true })).toBe(4);
    expect(built.outputs.map(({ shape }) => numel(shape)).at(0)).toBe(
      numel([...left.slice(0, -1), right.at(-1) ?? 0]),
    );
  });
});

describe("a convolution", () => {
  it.each([1, 2, 3, 5, 8])("with bias, residual, ReLU and its sums (%i channels)", (channels) => {
    const build = (scene: Scene): Node[] => {
      const attrs = {
        stride: [2, 1],
        padLow: [1, 0],
        padHigh: [1, 2],
        dilation: [1, 2],
        groups: 1,
      };
      const [x, w] = [scene.input([2, 3, 9, 8], small), scene.input([channels, 3, 3, 2], small)];
      const y = b.conv(x, w, attrs);
      const bias = b.expand(
        b.reshape(scene.input([channels], small), [1, channels, 1, 1]),
        y.shape,
      );
      const sum = b.add(b.add(y, bias), scene.input(y.shape, small));
      const active = b.where(b.binary("le", sum, b.fullLike(sum, 0)), b.fullLike(sum, 0), sum);
      return [active, b.reduceSum(active, [0, 2, 3]), b.extremum("reduceMax", y, [1])];
    };
    const built = buildCase({ build }, "f32");
    expect(expectSameAsReference(backend, built, { exact: true })).toBe(3);
  });
});
