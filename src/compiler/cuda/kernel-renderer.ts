import type { Kernel } from "../kernel.ts";
import { kernelCost } from "../wasm/step-cost.ts";
import { FunctionWriter } from "./function-writer.ts";
import type { KernelFunction, RenderedStep } from "./kernel-code.ts";
import { planKernel } from "./kernel-plan.ts";
import type { RenderOptions } from "./render-options.ts";
import { segmentsOf } from "./segments.ts";
import { planStorage } from "./storage-plan.ts";

const ALIGNMENT = 16;

/**
 * CUDA C of a generated kernel. Its functions run one after the other; there is more than one
 * where blocks need each other's sums.
 */
export function renderKernel(kernel: Kernel, options: RenderOptions): RenderedStep {
  const plan = planKernel(kernel, options.target, options.alignmentOf ?? (() => ALIGNMENT));
  const { bytes, flops } = kernelCost(kernel);
  const { name } = kernel;
  if (plan.rowCount === 0) return { name, functions: [], scratchBytes: 0, bytes, flops };
  const storage = planStorage(kernel, plan, options.target);
  const functions = segmentsOf(kernel, plan).map((segment): KernelFunction =>
    new FunctionWriter(kernel, plan, segment, storage, options).write(),
  );
  return { name, functions, scratchBytes: storage.scratchBytes, bytes, flops };
}
