import { describe, expect, it } from "vitest";
import * as b from "../ir/build.ts";
import { printGraph } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { simplify } from "./simplify.ts";

const x = b.input([4, 6], "f32") as NodeOf<"input">;
const y = b.input([4, 6], "f32") as NodeOf<"input">;
const columns = (start: number, size: number, of: Node = x): Node => b.narrow(of, 1, start, size);
const simplified = (node: Node): string =>
  printGraph(simplify({ inputs: [x, y], outputs: [node] }));

describe("joinSlices", () => {
  it("joins parts that stood side by side", () => {
    const two = simplified(b.concat([columns(1, 2), columns(3, 2)], 1));
    expect(two).toBe(simplified(columns(1, 4)));
    const all = [columns(0, 1), columns(1, 3), columns(4, 2)];
    expect(simplified(b.concat(all, 1))).toBe(simplified(x));
    const rows = [b.slice(x, [1, 2], [1, 3]), b.slice(x, [2, 2], [2, 3])];
    expect(simplified(b.concat(rows, 0))).toBe(simplified(b.slice(x, [1, 2], [3, 3])));
  });

  it("joins neighbours among others", () => {
    const parts = [columns(2, 1, y), columns(0, 2), columns(2, 2), columns(3, 1, y)];
    const wanted = b.concat([columns(2, 1, y), columns(0, 4), columns(3, 1, y)], 1);
    expect(simplified(b.concat(parts, 1))).toBe(simplified(wanted));
  });

  it("leaves gaps, overlaps, other tensors, dims and steps alone", () => {
    const backwards = b.flip(x, [1]);
    for (const parts of [
      [columns(0, 2), columns(3, 2)],
      [columns(0, 3), columns(2, 2)],
      [columns(2, 2), columns(0, 2)],
      [columns(0, 2), columns(2, 2, y)],
      [columns(0, 2, backwards), columns(0, 2)],
      [b.slice(x, [0, 0], [2, 2]), b.slice(x, [1, 2], [2, 2])],
      [b.slice(x, [0, 0], [4, 2], [1, 2]), b.slice(x, [0, 2], [4, 2], [1, 2])],
    ]) {
      expect(simplified(b.concat(parts, 1))).toContain("concat{dim=1}");
    }
    expect(simplified(b.concat([columns(0, 2), columns(2, 2)], 0))).toContain("concat{dim=0}");
  });
});
