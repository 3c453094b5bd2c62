import type { Kernel } from "../kernel.ts";
import { kernelCost } from "../kernel-cost.ts";
import { combinePlan } from "./combine-plan.ts";
import { alignmentOf } from "./function-scope.ts";
import { FunctionWriter } from "./function-writer.ts";
import type { KernelFunction, RenderedStep } from "./kernel-code.ts";
import { planKernel } from "./kernel-plan.ts";
import type { RenderOptions } from "./render-options.ts";
import { segmentsOf } from "./segments.ts";
import { shareCostly } from "./share-costly.ts";
import { shareLoads } from "./share-loads.ts";
import { planStorage } from "./storage-plan.ts";
import { tidyPhases } from "./tidy-phases.ts";
import { unrollGathers } from "./unroll-gathers.ts";

/**
 * CUDA C of a generated kernel. Its functions run one after the other; there is more than one
 * where blocks need each other's sums.
 */
export function renderKernel(planned: Kernel, options: RenderOptions): RenderedStep {
  const { name } = planned;
  const { bytes, flops } = kernelCost(planned);
  const tidy = unrollGathers(shareLoads(tidyPhases(planned)), options.target);
  const alignment = alignmentOf(options);
  const plan = planKernel(tidy, options.target, alignment);
  if (plan.rowCount === 0) return { name, functions: [], scratchBytes: 0, bytes, flops };
  const kernel = shareCostly(tidy, plan);
  const storage = planStorage(kernel, plan, options.target, alignment);
  const functions = segmentsOf(kernel, plan).map((segment): KernelFunction => {
    const own = combinePlan(kernel, plan, segment);
    const places = own === plan ? storage : planStorage(kernel, own, options.target, alignment);
    return new FunctionWriter(kernel, own, segment, places, options).write();
  });
  return { name, functions, scratchBytes: storage.scratchBytes, bytes, flops };
}
