import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { AttentionStep } from "./attention-geometry.ts";
import { attentionFacts, attentionGeometry } from "./attention-geometry.ts";
import { flashBackward, flashForward } from "./flash-kernels.ts";
import type { CudaTarget, RenderedStep } from "./kernel-code.ts";

/** Widest heads whose rows fit into registers, and the oldest card with the instructions. */
const widestHead = 256;
const leastCapability = 80;

/** Whether there are kernels for attention or its gradient: half types, and something to do. */
export function hasAttentionKernel({ src }: Node, { capability }: CudaTarget): boolean {
  const [q, , v] = src;
  const isHalf = q.dtype === "f16" || q.dtype === "bf16";
  return (
    isHalf &&
    capability >= leastCapability &&
    Math.max(q.shape[3], v.shape[3]) <= widestHead &&
    src.every((operand) => numel(operand.shape) > 0)
  );
}

/** Attention or its gradient as generated kernels: no library, any mask, the same bits each run. */
export function attentionKernel(step: AttentionStep, target: CudaTarget): RenderedStep {
  const geometry = attentionGeometry(step);
  const { grad, stats, batch, heads, rows } = geometry;
  const facts = attentionFacts(geometry);
  if (grad === null || stats === null) {
    return { name: "attention", functions: [flashForward(geometry)], scratchBytes: 0, ...facts };
  }
  const functions = flashBackward({ ...geometry, grad, stats }, target);
  return { name: "attentionGrad", functions, scratchBytes: 4 * batch * heads * rows, ...facts };
}
