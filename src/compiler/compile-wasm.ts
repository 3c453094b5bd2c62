import type { Graph } from "../ir/graph.ts";
import { planProgram } from "./plan-program.ts";
import type { CompileOptions } from "./plan-program.ts";
import type { WasmProgramCode, WasmTarget } from "./wasm/program-code.ts";
import { writeProgram } from "./wasm/program-writer.ts";

/** Compiles a graph to one WebAssembly module. */
export function compileWasm(
  graph: Graph,
  target: WasmTarget,
  options: CompileOptions = {},
): WasmProgramCode {
  return writeProgram(graph, planProgram(graph, options), target);
}
