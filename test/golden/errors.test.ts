import { describe, expect, it } from "vitest";
import { compileWasm } from "../../src/compiler/compile-wasm.ts";
import * as b from "../../src/ir/build.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { NodeOf } from "../../src/ir/node.ts";

const inputNode = (shape: readonly number[]): NodeOf<"input"> =>
  b.input(shape, "f32") as NodeOf<"input">;

function compile(graph: Graph): unknown {
  return compileWasm(graph, { fma: true, shared: true, threads: 1 }, { verify: true });
}

describe("graphs the verifier refuses", () => {
  const x = inputNode([3]);

  it("an input that is not listed", () => {
    const graph = { inputs: [], outputs: [b.neg(x)] };
    expect(() => compile(graph)).toThrowErrorMatchingInlineSnapshot(
      `[CompileError: verify after tracing: input 0 is not listed among the inputs]`,
    );
  });

  it("an assign to something computed", () => {
    const graph = { inputs: [x], outputs: [b.assign(b.neg(x), x)] };
    expect(() => compile(graph)).toThrowErrorMatchingInlineSnapshot(
      `[CompileError: verify after tracing: assign must target an input, got neg]`,
    );
  });
});
