import type { Node } from "../../ir/node.ts";
import { preferChannelsLast } from "../channels-last.ts";
import type { DeviceTraits } from "../device-traits.ts";
import { hasAttentionKernel } from "./attention-kernel.ts";
import { addsBias, isLibraryConvolution, isMatmulReady } from "./contraction-calls.ts";
import type { CudaTarget } from "./kernel-code.ts";

/** CUDA cards: plenty of arithmetic against memory, and products that stand alone. */
export function cudaTraits(target: CudaTarget, allowTf32 = false): DeviceTraits {
  const onTensorCores = ({ dtype }: Node): boolean =>
    dtype === "f16" || dtype === "bf16" || (dtype === "f32" && allowTf32);
  return {
    takesEpilogue: () => false,
    addsBias: (root: Node) => addsBias(root, target),
    splitsReductions: false,
    // Products are one launch whatever their dtype; convolutions where cuDNN takes them.
    hasContraction: (node: Node) => node.op === "dot" || isLibraryConvolution(node, target),
    convolvesByProducts: true,
    // Tensor cores read channels; cuDNN would transpose the image first.
    layOut: (graph) => preferChannelsLast(graph, onTensorCores),
    hasAttention: hasAttentionKernel,
    hasRowScatter: true,
    readsView: isMatmulReady,
    recomputeLimit: 48,
    loadCost: (bytes) => 4 * bytes,
    sharedCost: 2,
    repeatLimit: 20,
    gathersFast: true,
    fewestRows: 64,
    longestColumn: 256,
    spareBytes: 128 << 20,
    shortNest: 4096,
  };
}
