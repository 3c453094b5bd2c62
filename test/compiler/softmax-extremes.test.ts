import { afterAll, describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { NodeOf } from "../../src/ir/node.ts";
import { runGraph } from "../contract/run.ts";
import { verifyingBackend } from "./variants.ts";

const backend = verifyingBackend({ threads: 2 });
afterAll(() => backend.dispose());

/** exp(x − max x) of each row, un-normalised, and its sum. */
function weightsOf(row: readonly number[]): { weights: number[]; sum: number } {
  const x = b.input([1, row.length], "f32") as NodeOf<"input">;
  const top = b.expand(b.extremum("reduceMax", x, [1]), x.shape);
  const weights = b.unary("exp", b.sub(x, top));
  const graph = { inputs: [x], outputs: [weights, b.reduceSum(weights, [1])] };
  const [values, sum] = runGraph(backend, graph, [Float32Array.from(row)]).outputs;
  return { weights: Array.from(values), sum: Array.from(sum)[0] };
}

describe("exp(x − max x)", () => {
  it("gives exactly 0 to masked and hopeless elements, 1 to the largest", () => {
    const row = Array.from({ length: 19 }, (_, i) =>
      i % 3 === 0 ? -Infinity : i % 3 === 1 ? 7 : -200,
    );
    const { weights, sum } = weightsOf(row);
    expect(weights).toEqual(row.map((value) => (value === 7 ? 1 : 0)));
    expect(sum).toBe(row.filter((value) => value === 7).length);
  });

  it("keeps NaN", () => {
    const { weights, sum } = weightsOf([0, 1, NaN, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    expect(weights.every(Number.isNaN)).toBe(true);
    expect(sum).toBeNaN();
  });
});
