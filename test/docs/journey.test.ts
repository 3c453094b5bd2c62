import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileCuda } from "../../src/compiler/compile-cuda.ts";
import { cudaTraits } from "../../src/compiler/cuda/traits.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import { legalize } from "../../src/compiler/legalize.ts";
import { printSchedule } from "../../src/compiler/print.ts";
import { simplify } from "../../src/compiler/simplify.ts";
import { splitReductions } from "../../src/compiler/split-reductions.ts";
import * as ir from "../../src/ir/build.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { matmul } from "../../src/tensor/ops/linear.ts";
import { add } from "../../src/tensor/ops/arithmetic.ts";
import { relu } from "../../src/tensor/ops/activation.ts";
import { sum } from "../../src/tensor/ops/reduce.ts";
import { softmax } from "../../src/tensor/ops/softmax.ts";
import { testTarget } from "../cuda/kernel-runner.ts";
import { launchText } from "../golden/cuda-programs.ts";
import { root } from "./pages.ts";

const page = readFileSync(join(root, "docs/architecture.md"), "utf8");

/** The graph of a function over f32 inputs of the given shapes. */
function graphOf(build: (...inputs: Node[]) => Node, ...shapes: readonly Shape[]): Graph {
  const inputs = shapes.map((shape) => ir.input(shape, "f32"));
  return { inputs: inputs.filter((node) => node.op === "input"), outputs: [build(...inputs)] };
}

const journey = graphOf((x, y) => sum(add(x, y)), [4096, 1024], [1024]);
const rewritten = simplify(splitReductions(legalize(simplify(journey))));

const card = { ...testTarget, multiprocessors: 132 };

const texts: Readonly<Record<string, string>> = {
  graph: printGraph(journey),
  rewritten: printGraph(rewritten),
  schedule: printSchedule(planProgram(journey)),
  "schedule on a card": printSchedule(planProgram(journey, { traits: cudaTraits(card) })),
  "launches on a card": launchText(compileCuda(journey, card)),
  softmax: printSchedule(planProgram(graphOf((x) => softmax(x, -1), [512, 1000]))),
  epilogue: printSchedule(
    planProgram(graphOf((a, b, c) => relu(add(matmul(a, b), c)), [128, 64], [64, 32], [32])),
  ),
};

describe("docs/architecture.md", () => {
  it.each(Object.entries(texts))("shows what the compiler prints: %s", (_, text) => {
    expect(page).toContain(`\`\`\`text\n${text}\n\`\`\``);
  });
});
