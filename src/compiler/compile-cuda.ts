import type { Graph } from "../ir/graph.ts";
import { cudaTraits } from "./cuda/traits.ts";
import type { CudaTarget } from "./cuda/kernel-code.ts";
import type { CudaProgramCode } from "./cuda/program-code.ts";
import { writeProgram } from "./cuda/program-writer.ts";
import { planProgram } from "./plan-program.ts";
import type { CompileOptions } from "./plan-program.ts";

/** Switches of the compiler for CUDA. */
export interface CudaCompileOptions extends CompileOptions {
  /** Whether products and convolutions may round f32 operands to tf32. @defaultValue false */
  readonly allowTf32?: boolean;
}

/** Compiles a graph to one unit of CUDA C and the launches that run it. */
export function compileCuda(
  graph: Graph,
  target: CudaTarget,
  options: CudaCompileOptions = {},
): CudaProgramCode {
  const { allowTf32 = false, fuse: merges = true } = options;
  const plan = planProgram(graph, { ...options, traits: cudaTraits(target, allowTf32) });
  return writeProgram(plan, target, { merges, allowTf32 });
}
