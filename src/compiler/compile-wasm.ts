import type { Graph } from "../ir/graph.ts";
import { assign } from "../ir/build.ts";
import { rewrite, verifyGraph } from "../ir/graph.ts";
import { fuse } from "./fuse.ts";
import { legalize } from "./legalize.ts";
import { schedule } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";
import { splitReductions } from "./split-reductions.ts";
import { tidyLoops } from "./tidy-loops.ts";
import type { WasmProgramCode, WasmTarget } from "./wasm/program-code.ts";
import { writeProgram } from "./wasm/program-writer.ts";

/** Switches of the compiler, for tests and measurements. */
export interface CompileOptions {
  /** Whether values share kernels. @defaultValue true */
  readonly fuse?: boolean;
  /** Checks the graph after every pass. @defaultValue false */
  readonly verify?: boolean;
}

/** Uses of an assignment as an operand mean the assigned value; only outputs assign. */
function assignLast(graph: Graph): Graph {
  const values = graph.outputs.map((node) => (node.op === "assign" ? node.src[1] : node));
  const stripped = rewrite(values, (node) => (node.op === "assign" ? node.src[1] : node));
  const outputs = graph.outputs.map((node, i) =>
    node.op === "assign" ? assign(node.src[0], stripped[i]) : stripped[i],
  );
  return { inputs: graph.inputs, outputs };
}

/** Everything before rendering: the same for every device. */
export function planProgram(graph: Graph, options: CompileOptions = {}): Schedule {
  const check = (result: Graph, pass: string): Graph => {
    if (options.verify === true) verifyGraph(result, pass);
    return result;
  };
  const tidy = check(tidyLoops(assignLast(check(graph, "tracing"))), "tidyLoops");
  const simple = check(simplify(tidy), "simplify");
  const cut = check(splitReductions(check(legalize(simple), "legalize")), "splitReductions");
  const legal = check(simplify(cut), "simplify again");
  const planBody = (body: Graph): Schedule => planProgram(body, options);
  return schedule(legal, fuse(legal, { fuse: options.fuse ?? true }), planBody);
}

/** Compiles a graph to one WebAssembly module. */
export function compileWasm(
  graph: Graph,
  target: WasmTarget,
  options: CompileOptions = {},
): WasmProgramCode {
  return writeProgram(graph, planProgram(graph, options), target);
}
