import type { Graph } from "../ir/graph.ts";
import { verifyGraph } from "../ir/graph.ts";
import { fuse } from "./fuse.ts";
import { legalize } from "./legalize.ts";
import { schedule } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";
import type { WasmProgramCode, WasmTarget } from "./wasm/program-code.ts";
import { writeProgram } from "./wasm/program-writer.ts";

/** Switches of the compiler, for tests and measurements. */
export interface CompileOptions {
  /** Whether values share kernels. @defaultValue true */
  readonly fuse?: boolean;
  /** Checks the graph after every pass. @defaultValue false */
  readonly verify?: boolean;
}

/** Everything before rendering: the same for every device. */
export function planProgram(graph: Graph, options: CompileOptions = {}): Schedule {
  const check = (result: Graph, pass: string): Graph => {
    if (options.verify === true) verifyGraph(result, pass);
    return result;
  };
  const simple = check(simplify(check(graph, "tracing")), "simplify");
  const legal = check(simplify(check(legalize(simple), "legalize")), "simplify again");
  return schedule(legal, fuse(legal, { fuse: options.fuse ?? true }));
}

/** Compiles a graph to one WebAssembly module. */
export function compileWasm(
  graph: Graph,
  target: WasmTarget,
  options: CompileOptions = {},
): WasmProgramCode {
  return writeProgram(graph, planProgram(graph, options), target);
}
