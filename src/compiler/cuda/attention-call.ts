import type { AttentionGeometry, AttentionStep, PlacedTensor } from "./attention-geometry.ts";
import { attentionFacts, attentionGeometry } from "./attention-geometry.ts";
import { attentionKernel } from "./attention-kernel.ts";
import type { PlacedCall } from "./contraction-calls.ts";
import type { CudaTarget, RenderedStep } from "./kernel-code.ts";
import type { AttentionCall, AttentionTensor } from "./library-calls.ts";

/** Widest heads of cuDNN's attention, and what widths and strides are multiples of. */
const widestHead = 256;
const multiple = 8;

/** What an attention step runs as: a call of cuDNN, or generated kernels where it has none. */
export function attentionCall(step: AttentionStep, target: CudaTarget): PlacedCall | RenderedStep {
  const geometry = attentionGeometry(step);
  if (isLibraryCase(geometry) && target.doesAttention !== undefined) {
    const made = libraryCall(geometry);
    if (target.doesAttention(made.call)) return made;
  }
  return attentionKernel(step, target);
}

/** Whether cuDNN has engines for it: half types, no bias, rows of whole 16-byte vectors. */
function isLibraryCase(g: AttentionGeometry): boolean {
  if (g.dtype !== "f16" && g.dtype !== "bf16") return false;
  if (g.bias !== null || g.width > widestHead || g.depth > widestHead) return false;
  // Nothing to gain where there is one weight per row, or one row to differentiate.
  if (g.keys === 1 || (g.rows === 1 && g.grad !== null)) return false;
  const tensors = [g.q, g.k, g.v, g.out, ...(g.grad === null ? [] : Object.values(g.grad))];
  return tensors.every(
    ({ shape, strides, offset }) =>
      [...strides.slice(0, 3), shape[3], offset].every((step) => step % multiple === 0) &&
      strides.every((stride) => stride > 0),
  );
}

/** [B, L, H, D] as libraries have it, [B, H, L, D]. */
function tensorOf({ shape, strides }: PlacedTensor): AttentionTensor {
  const order = (list: readonly number[]): number[] => [list[0], list[2], list[1], list[3]];
  return { shape: order(shape), strides: order(strides) };
}

function libraryCall(g: AttentionGeometry): PlacedCall & { readonly call: AttentionCall } {
  const { grad, stats } = g;
  const call: AttentionCall = {
    kind: "attention",
    pass: grad === null ? "forward" : "backward",
    dtype: g.dtype,
    causal: g.causal,
    scale: g.scale,
    query: tensorOf(g.q),
    key: tensorOf(g.k),
    value: tensorOf(g.v),
    out: tensorOf(g.out),
    keepsStats: stats !== null,
    outGrad: grad && tensorOf(grad.out),
    queryGrad: grad && tensorOf(grad.q),
    keyGrad: grad && tensorOf(grad.k),
    valueGrad: grad && tensorOf(grad.v),
  };
  const tensors = [
    g.q,
    g.k,
    g.v,
    g.out,
    ...(stats === null ? [] : [stats]),
    ...(grad === null ? [] : [grad.out, grad.q, grad.k, grad.v]),
  ];
  const { bytes, flops } = attentionFacts(g);
  return {
    call,
    operands: tensors.map(({ value, offset, dtype }) => ({
      value,
      offset: offset * (dtype === "f32" ? 4 : 2),
    })),
    facts: { name: grad === null ? "attention" : "attentionGrad", bytes, flops },
  };
}
