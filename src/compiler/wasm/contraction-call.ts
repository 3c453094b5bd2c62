import { CompileError } from "../../base/errors.ts";
import type { Node } from "../../ir/node.ts";
import type { ConvAttrs, ConvGradAttrs } from "../../ir/ops.ts";
import type { StridedView } from "../lower.ts";
import {
  convFlops,
  convInputGradient,
  convWorkspaceBytes,
  CONV_DESC_BYTES,
  writeConvDesc,
} from "./library/conv-desc.ts";
import type { ConvDesc, Triple } from "./library/conv-desc.ts";
import { GEMM_DESC_BYTES, gemmField, gemmFlops, writeGemmDesc } from "./library/gemm-desc.ts";
import type { GemmDesc } from "./library/gemm-desc.ts";
import { convField } from "./library/conv-desc.ts";
import { gemmWorkspaceBytes } from "./library/library.ts";

/** One call into the kernel library. */
export interface LibraryCall {
  readonly function: "gemm_thread" | "conv_thread" | "conv_weight_gradient_thread";
  readonly descriptor: Int32Array;
  /** Byte offset, within the descriptor, of the argument pointer handed to the epilogue. */
  readonly epilogueArgsOffset: number;
  readonly operands: readonly StridedView[];
  readonly flops: number;
  readonly workspaceBytes: number;
  /** Product of batches too deep for one call: extra offsets (elements) per operand and result. */
  readonly repeats: readonly (readonly [a: number, b: number, c: number])[];
}

interface CallOptions {
  readonly fma: boolean;
  readonly shared: boolean;
  /** Table index of the epilogue, or −1. */
  readonly epilogue: number;
}

/** The library call for a contraction node over its (strided) operands. */
export function contractionCall(
  node: Node,
  operands: readonly StridedView[],
  options: CallOptions,
): LibraryCall {
  switch (node.op) {
    case "dot":
      return gemmCall(node, operands, options);
    case "conv":
      return convCall(
        "conv_thread",
        convDesc(node.src[0], node.src[1], node, node.attrs),
        operands,
        options,
      );
    case "convInputGrad": {
      const forward = convDesc(node, node.src[1], node.src[0], node.attrs);
      return convCall("conv_thread", convInputGradient(forward), operands, options);
    }
    case "convWeightGrad": {
      const forward = convDesc(node.src[0], node, node.src[1], node.attrs);
      return convCall("conv_weight_gradient_thread", forward, operands, options);
    }
    default:
      throw new CompileError(`contraction: no library call for ${node.op}`);
  }
}

interface BatchDim {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Batch dims that all three operands walk as one are merged. */
function mergeBatch(dims: readonly BatchDim[]): BatchDim[] {
  const merged: BatchDim[] = [];
  for (const dim of dims.filter((candidate) => candidate.size !== 1)) {
    const last = merged[merged.length - 1];
    if (
      last !== undefined &&
      last.strides.every((stride, i) => stride === dim.strides[i] * dim.size)
    ) {
      merged[merged.length - 1] = { size: last.size * dim.size, strides: dim.strides };
    } else merged.push(dim);
  }
  return merged;
}

function gemmCall(node: Node, operands: readonly StridedView[], options: CallOptions): LibraryCall {
  const [a, b] = operands;
  const rank = node.shape.length;
  const [m, n] = [node.shape[rank - 2], node.shape[rank - 1]];
  const k = node.src[0].shape[rank - 1];
  const result: number[] = [];
  let stride = m * n;
  for (let dim = rank - 3; dim >= 0; dim--) {
    result[dim] = stride;
    stride *= node.shape[dim];
  }
  const dims = mergeBatch(
    node.shape
      .slice(0, -2)
      .map((size, dim) => ({ size, strides: [a.strides[dim], b.strides[dim], result[dim]] })),
  );
  const inner = dims[dims.length - 1] ?? { size: 1, strides: [0, 0, 0] };
  const outer = dims[dims.length - 2] ?? { size: 1, strides: [0, 0, 0] };
  const extra = dims.slice(0, -2);
  const desc: GemmDesc = {
    m,
    n,
    k,
    aRow: a.strides[rank - 2],
    aCol: a.strides[rank - 1],
    bRow: b.strides[rank - 2],
    bCol: b.strides[rank - 1],
    cRow: n,
    epilogue: extra.length === 0 ? options.epilogue : -1,
    outer: outer.size,
    inner: inner.size,
    aOuter: outer.strides[0],
    aInner: inner.strides[0],
    bOuter: outer.strides[1],
    bInner: inner.strides[1],
    cOuter: outer.strides[2],
    cInner: inner.strides[2],
  };
  const descriptor = new Int32Array(GEMM_DESC_BYTES / 4);
  writeGemmDesc(descriptor, 0, desc);
  const repeats = repeatOffsets(extra);
  return {
    function: "gemm_thread",
    descriptor,
    epilogueArgsOffset: gemmField("epilogueArgs"),
    operands,
    flops: gemmFlops(desc) * repeats.length,
    workspaceBytes: gemmWorkspaceBytes(options),
    repeats,
  };
}

function repeatOffsets(dims: readonly BatchDim[]): [number, number, number][] {
  let offsets: [number, number, number][] = [[0, 0, 0]];
  for (const { size, strides } of dims) {
    offsets = offsets.flatMap(([a, b, c]) =>
      Array.from({ length: size }, (_, i): [number, number, number] => [
        a + i * strides[0],
        b + i * strides[1],
        c + i * strides[2],
      ]),
    );
  }
  return offsets;
}

/** Whether a dot's batch dims fit one library call, as a fused epilogue needs. */
export function hasSimpleBatch(node: Node, operands: readonly StridedView[]): boolean {
  if (node.op !== "dot") return true;
  return gemmCall(node, operands, { fma: true, shared: true, epilogue: 0 }).repeats.length === 1;
}

function triple(sizes: readonly number[], fill: number): Triple {
  const padded = [...new Array<number>(3 - sizes.length).fill(fill), ...sizes];
  return [padded[0], padded[1], padded[2]];
}

function convDesc(x: Node, w: Node, y: Node, attrs: ConvAttrs | ConvGradAttrs): ConvDesc {
  return {
    batch: x.shape[0],
    groups: attrs.groups,
    channels: x.shape[1] / attrs.groups,
    outputs: y.shape[1] / attrs.groups,
    input: triple(x.shape.slice(2), 1),
    kernel: triple(w.shape.slice(2), 1),
    output: triple(y.shape.slice(2), 1),
    stride: triple(attrs.stride, 1),
    pad: triple(attrs.padLow, 0),
    dilation: triple(attrs.dilation, 1),
    spread: [1, 1, 1],
  };
}

function convCall(
  name: LibraryCall["function"],
  desc: ConvDesc,
  operands: readonly StridedView[],
  options: CallOptions,
): LibraryCall {
  const descriptor = new Int32Array(CONV_DESC_BYTES / 4);
  writeConvDesc(descriptor, 0, { ...desc, epilogue: options.epilogue });
  return {
    function: name,
    descriptor,
    epilogueArgsOffset: convField("epilogueArgs"),
    operands,
    flops: convFlops(desc),
    workspaceBytes: convWorkspaceBytes(desc, options),
    repeats: [[0, 0, 0]],
  };
}
