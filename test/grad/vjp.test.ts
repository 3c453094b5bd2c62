import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.ts";
import { vjpRules } from "../../src/autodiff/vjp-rules.ts";
import { topologicalOrder } from "../../src/ir/graph.ts";
import * as b from "../../src/ir/build.ts";
import type { Op } from "../../src/ir/ops.ts";
import { gradcheck, gradgradcheck } from "./gradcheck.ts";
import type { GradCase } from "./vjp-cases.ts";
import { gradCases } from "./vjp-cases.ts";

const ops = Object.keys(vjpRules) as Op[];

/** Whether the function really contains the op it is a case of. */
function contains({ build, inputs }: GradCase, op: Op): boolean {
  const built = build(...inputs.map(({ shape, dtype }) => b.input(shape, dtype)));
  return topologicalOrder("id" in built ? [built] : built).some((node) => node.op === op);
}

/** What is wrong with the gradients of a case, up to its order. */
function failure(given: GradCase, op: Op): string[] {
  const { name, build, inputs, order, options } = given;
  if (!contains(given, op)) return [`${name}: the function does not contain ${op}`];
  try {
    gradcheck(build, inputs, options);
    if (order >= 2) gradgradcheck(build, inputs, options);
    if (order === 3) gradgradcheck(build, inputs, { ...options, order: 3 });
    return [];
  } catch (error) {
    return [`${name}: ${(error as Error).message}`];
  }
}

describe("gradient table", () => {
  it("has cases for each op with a gradient, and a reason for each without", () => {
    const wrong = ops.filter((op) => {
      const cases = gradCases[op];
      const hasRule = vjpRules[op] !== "none" && op !== "custom";
      return hasRule ? typeof cases === "string" || cases.length === 0 : typeof cases !== "string";
    });
    expect(wrong).toEqual([]);
  });

  it.each(ops)("%s agrees with finite differences", (op) => {
    const cases = gradCases[op];
    const failures = typeof cases === "string" ? [] : cases.flatMap((given) => failure(given, op));
    expect(failures).toEqual([]);
  });

  it("gives null through ops without a gradient", () => {
    const x = b.input([3], "f64");
    const steps = (["sign", "floor", "ceil", "trunc", "round"] as const).map((op) =>
      b.unary(op, x),
    );
    const indices = [b.argmax(x, 0), b.argsort(x, 0, false), b.topk(x, 0, 3, true)];
    const compared = b.binary("lt", x, b.fullLike(x, 0));
    const outputs = [
      ...steps,
      ...[...indices, compared].map((node) => b.reduceSum(b.cast(node, "f64"), [0])),
    ];
    expect(outputs.map((y) => gradients(b.reduceSum(y, [0]), undefined, [x])[0])).toEqual(
      outputs.map(() => null),
    );
  });
});
