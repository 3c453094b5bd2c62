import { describe, expect, it } from "vitest";
import { batch } from "../../src/autodiff/batching.ts";
import { batchRules } from "../../src/autodiff/batch-rules.ts";
import { gradients } from "../../src/autodiff/gradients.ts";
import { range } from "../../src/base/integers.ts";
import * as b from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Op } from "../../src/ir/ops.ts";
import { numel } from "../../src/ir/shape.ts";
import type { BatchCase, BatchInput } from "./batch-cases.ts";
import { batchCases } from "./batch-cases.ts";
import { compileNumbers, evaluate } from "./evaluate.ts";

const ops = Object.keys(batchRules) as Op[];
const size = 3;

/** All choices of which operands carry the batch dim, but none. */
function choices(count: number): boolean[][] {
  return range(2 ** count - 1).map((code) => range(count).map((i) => ((code + 1) >> i) % 2 === 1));
}

const valuesFor = (given: BatchInput, operand: number, element: number): number[] =>
  given.values(1 + operand * 7 + element);

/** The function applied to each element in turn. */
function loop(
  output: Node,
  inputs: readonly Node[],
  given: readonly BatchInput[],
  isBatched: readonly boolean[],
): number[] {
  const program = compileNumbers([output], inputs);
  return range(size).flatMap((element) => {
    const values = given.map((one, i) => valuesFor(one, i, isBatched[i] ? element : 0));
    return program.run(values)[0];
  });
}

function expectClose(got: readonly number[], wanted: readonly number[], where: string): void {
  expect(got.length, where).toBe(wanted.length);
  const worst = Math.max(0, ...got.map((x, i) => Math.abs(x - wanted[i]) / (1 + Math.abs(x))));
  expect(worst, where).toBeLessThan(1e-12);
}

/** Inputs of which the chosen ones get a leading dim. */
function widen(inputs: readonly Node[], isBatched: readonly boolean[], by: number): Node[] {
  return inputs.map((node, i) => (isBatched[i] ? b.input([by, ...node.shape], node.dtype) : node));
}

/** The nodes that were replaced, with their replacements. */
const replaced = (from: readonly Node[], to: readonly Node[]): Map<Node, Node> =>
  new Map(from.map((node, i): [Node, Node] => [node, to[i]]).filter(([old, now]) => old !== now));

const inputsOf = (given: readonly BatchInput[]): Node[] =>
  given.map(({ shape, dtype }) => b.input(shape, dtype));

/** Values of widened inputs: those of all elements, one after the other. */
function feedsOf(
  wide: readonly Node[],
  given: readonly BatchInput[],
  isBatched: readonly boolean[],
): Map<Node, number[]> {
  const all = (one: BatchInput, i: number): number[] =>
    range(isBatched[i] ? size : 1).flatMap((element) => valuesFor(one, i, element));
  return new Map(wide.map((node, i) => [node, all(given[i], i)]));
}

type Derive = (output: Node, inputs: Node[]) => Node | null;

/** Batches what `derive` makes of the function, for each choice of batched operands. */
function checkBatched({ build, inputs: given }: BatchCase, derive: Derive): void {
  const inputs = inputsOf(given);
  const output = derive(build(...inputs), inputs);
  if (output === null) return;
  for (const isBatched of choices(given.length)) {
    const wide = widen(inputs, isBatched, size);
    const whole = batch([output], replaced(inputs, wide), size);
    const got = evaluate(whole, feedsOf(wide, given, isBatched))[0];
    const wanted = loop(output, inputs, given, isBatched);
    expectClose(got, wanted, `batched operands ${isBatched.join()}`);
  }
}

/** A scalar-like weighting that tells the elements of a result apart. */
const weighted = (y: Node): Node =>
  isFloat(y.dtype) ? b.mul(y, b.reshape(b.cast(b.iota([numel(y.shape)], 0), y.dtype), y.shape)) : y;

const gradientOf = (output: Node, inputs: readonly Node[]): (Node | null)[] =>
  isFloat(output.dtype) ? gradients(output, b.fullLike(output, 1), inputs) : inputs.map(() => null);

function checkBatchedGradient(given: BatchCase): void {
  given.inputs.forEach((_one, i) => {
    checkBatched(given, (y, inputs) => gradientOf(weighted(y), inputs)[i]);
  });
}

function checkGradientOfBatched({ build, inputs: given }: BatchCase): void {
  const all = given.map(() => true);
  const inputs = inputsOf(given);
  const output = weighted(build(...inputs));
  const wide = widen(inputs, all, size);
  const [whole] = batch([output], replaced(inputs, wide), size);
  const single = gradientOf(output, inputs);
  gradientOf(whole, wide).forEach((node, i) => {
    const one = single[i];
    expect(node === null, `gradient ${i} is null`).toBe(one === null);
    if (node === null || one === null) return;
    const got = evaluate([node], feedsOf(wide, given, all))[0];
    expectClose(got, loop(one, inputs, given, all), `gradient ${i}`);
  });
}

/** The first operand varies in the inner batch of 2, the last one in the outer batch. */
function checkNested({ build, inputs: given }: BatchCase): void {
  const isInner = given.map((_one, k) => k === 0);
  const isOuter = given.map((_one, k) => k === given.length - 1);
  const inputs = inputsOf(given);
  const inner = widen(inputs, isInner, 2);
  const outer = widen(inner, isOuter, size);
  const once = batch([build(...inputs)], replaced(inputs, inner), 2);
  const twice = batch(once, replaced(inner, outer), size);
  const at = (k: number, i: number, j: number): number[] =>
    valuesFor(given[k], k, (isOuter[k] ? 2 * i : 0) + (isInner[k] ? j : 0));
  const grid = (rows: number, columns: number, cell: (i: number, j: number) => number[]) =>
    range(rows).flatMap((i) => range(columns).flatMap((j) => cell(i, j)));
  const feeds = outer.map((node, k): [Node, number[]] => [
    node,
    grid(isOuter[k] ? size : 1, isInner[k] ? 2 : 1, (i, j) => at(k, i, j)),
  ]);
  const program = compileNumbers([build(...inputs)], inputs);
  const wanted = grid(size, 2, (i, j) => program.run(given.map((_one, k) => at(k, i, j)))[0]);
  expectClose(evaluate(twice, new Map(feeds))[0], wanted, "nested");
}

/** What fails among the cases of an op. */
function failures(op: Op, check: (given: BatchCase) => void): string[] {
  const cases = batchCases[op];
  if (typeof cases === "string") return [];
  return cases.flatMap((given) => {
    try {
      check(given);
      return [];
    } catch (error) {
      return [`${given.name}: ${(error as Error).message}`];
    }
  });
}

describe("batching table", () => {
  it("has cases for each op that can be batched, and a reason for each other", () => {
    const refused = ["assign", "custom"];
    const wrong = ops.filter((op) => {
      const can = batchRules[op] !== "leaf" && !refused.includes(op);
      return can === (typeof batchCases[op] === "string");
    });
    expect(wrong).toEqual([]);
  });

  it.each(ops)("%s equals a loop, for each choice of batched operands", (op) => {
    expect(failures(op, (given) => checkBatched(given, (y) => y))).toEqual([]);
  });

  it.each(ops)("%s: batching its gradient equals a loop", (op) => {
    expect(failures(op, checkBatchedGradient)).toEqual([]);
  });

  it.each(ops)("%s: the gradient of the batched form equals a loop", (op) => {
    expect(failures(op, checkGradientOfBatched)).toEqual([]);
  });

  it.each(ops)("%s: nested batches equal nested loops", (op) => {
    expect(failures(op, checkNested)).toEqual([]);
  });
});
