import type { Graph } from "../ir/graph.ts";
import { cudaTraits } from "./cuda/traits.ts";
import type { CudaTarget } from "./cuda/kernel-code.ts";
import type { CudaProgramCode } from "./cuda/program-code.ts";
import { writeProgram } from "./cuda/program-writer.ts";
import { planProgram } from "./plan-program.ts";
import type { CompileOptions } from "./plan-program.ts";

/** Compiles a graph to one unit of CUDA C and the launches that run it. */
export function compileCuda(
  graph: Graph,
  target: CudaTarget,
  options: CompileOptions = {},
): CudaProgramCode {
  const plan = planProgram(graph, { ...options, traits: cudaTraits(target) });
  return writeProgram(graph, plan, target, options.fuse ?? true);
}
