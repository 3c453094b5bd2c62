import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { AttentionStep } from "./attention-geometry.ts";
import { attentionFacts, attentionGeometry } from "./attention-geometry.ts";
import { flashBackward, flashForward } from "./flash-kernels.ts";
import type { CudaTarget, RenderedStep } from "./kernel-code.ts";
import { scalarBackward, scalarForward } from "./scalar-attention.ts";

/** Widest heads whose rows fit into registers and shared memory. */
const widestHead = 256;
/** Oldest card with the instructions of the kernels on tensor cores. */
const tensorCoreCapability = 80;

/** Whether there are kernels for attention or its gradient: no f64, and something to do. */
export function hasAttentionKernel({ src }: Node): boolean {
  const [q, , v] = src;
  return (
    q.dtype !== "f64" &&
    Math.max(q.shape[3], v.shape[3]) <= widestHead &&
    src.every((operand) => numel(operand.shape) > 0)
  );
}

/** Attention or its gradient as generated kernels: no library, any mask, the same bits each run. */
export function attentionKernel(step: AttentionStep, target: CudaTarget): RenderedStep {
  const geometry = attentionGeometry(step);
  const { grad, stats, batch, heads, rows, dtype } = geometry;
  const facts = attentionFacts(geometry);
  const onTensorCores = dtype !== "f32" && target.capability >= tensorCoreCapability;
  if (grad === null || stats === null) {
    const forward = onTensorCores ? flashForward(geometry) : scalarForward(geometry, target);
    return { name: "attention", functions: [forward], scratchBytes: 0, ...facts };
  }
  const whole = { ...geometry, grad, stats };
  const functions = onTensorCores ? flashBackward(whole, target) : scalarBackward(whole, target);
  return { name: "attentionGrad", functions, scratchBytes: 4 * batch * heads * rows, ...facts };
}
