import { describe, expect, it } from "vitest";
import * as b from "../ir/build.ts";
import { printGraph } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { simplify } from "./simplify.ts";

/** The input of `size` columns, padded to stand at column `start` of six. */
function part(start: number, size: number, value = 0): Node {
  const x = b.input([2, size], "f32");
  return b.pad(x, [0, start], [0, 6 - start - size], value);
}

const inputsOf = (node: Node): NodeOf<"input">[] =>
  node.op === "input" ? [node] : node.src.flatMap(inputsOf);

function simplified(node: Node): string {
  const inputs = inputsOf(node);
  return printGraph(simplify({ inputs, outputs: [node] }));
}

describe("joinPads", () => {
  it("joins parts that stand side by side, in any order and bracketing", () => {
    const [left, middle, right] = [part(0, 1), part(1, 3), part(4, 2)];
    for (const sum of [
      b.add(b.add(right, left), middle),
      b.add(left, b.add(right, middle)),
      b.add(b.add(middle, right), left),
    ]) {
      const text = simplified(sum);
      expect(text).toContain("concat{dim=1} f32[2, 6]");
      expect(text).not.toMatch(/pad|add/);
    }
  });

  it("leaves gaps, overlaps, other fills and other dims alone", () => {
    const other = b.pad(b.input([1, 6], "f32"), [1, 0], [0, 0]);
    const stretched = b.pad(b.input([2, 2], "f32"), [0, 3], [0, 0], 0, [0, 1]);
    for (const sum of [
      b.add(part(0, 2), part(3, 3)),
      b.add(part(0, 4), part(3, 3)),
      b.add(part(0, 3), part(3, 3, 1)),
      b.add(part(0, 3), other),
      b.add(part(0, 3), stretched),
      b.add(part(0, 3), b.input([2, 6], "f32")),
    ]) {
      expect(simplified(sum)).toContain(" add ");
    }
  });
});
