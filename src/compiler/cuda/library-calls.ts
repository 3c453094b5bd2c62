import type { DType } from "../../ir/dtype.ts";
import type { ConvAttrs } from "../../ir/ops.ts";

/** A matrix in a buffer, by element strides; batch strides are 0 where a batch dim repeats. */
export interface MatrixView {
  readonly rowStride: number;
  readonly columnStride: number;
  readonly batchStrides: readonly number[];
}

/** What a product does with its result before it stores it. */
export type MatmulEpilogue = "none" | "bias" | "relu" | "gelu" | "bias-relu" | "bias-gelu";

/** D[b, m, n] = epilogue(A[b, m, k] · B[b, k, n]). Operands: A, B, D and, with a bias, bias [n]. */
export interface MatmulCall {
  readonly kind: "matmul";
  readonly dtype: DType;
  readonly outputDtype: DType;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  readonly a: MatrixView;
  readonly b: MatrixView;
  readonly d: MatrixView;
  readonly epilogue: MatmulEpilogue;
  /** Whether f32 operands may be rounded to tf32. */
  readonly allowTf32: boolean;
}

/**
 * A convolution or one of its gradients, over strided tensors [N, C, …S] and [O, C/groups, …K].
 * Operands: input, weight, output of the forward pass; `op` says which of them is written.
 */
export interface ConvolutionCall {
  readonly kind: "convolution";
  readonly op: "conv" | "convInputGrad" | "convWeightGrad";
  readonly dtype: DType;
  readonly attrs: ConvAttrs;
  /** Shapes and element strides of input, weight and output (of the forward pass). */
  readonly input: ConvolutionTensor;
  readonly weight: ConvolutionTensor;
  readonly output: ConvolutionTensor;
  readonly allowTf32: boolean;
}

/** Shape and element strides of one tensor of a convolution. */
export interface ConvolutionTensor {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Shape and element strides of an operand of attention, [B, H, L, D]. */
export interface AttentionTensor {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * Scaled dot product attention without a bias. Operands of the forward pass: q, k, v, out and, if
 * they are kept, stats (f32 [B, H, L], the logarithm of each row's sum of exponentials); of the
 * backward pass: q, k, v, out, stats, dOut, dQ, dK, dV.
 */
export interface AttentionCall {
  readonly kind: "attention";
  readonly pass: "forward" | "backward";
  readonly dtype: DType;
  readonly causal: boolean;
  readonly scale: number;
  readonly query: AttentionTensor;
  readonly key: AttentionTensor;
  readonly value: AttentionTensor;
  readonly out: AttentionTensor;
  /** Whether the forward pass stores the logarithms. */
  readonly keepsStats: boolean;
  /** Gradients, in the backward pass. */
  readonly outGrad: AttentionTensor | null;
  readonly queryGrad: AttentionTensor | null;
  readonly keyGrad: AttentionTensor | null;
  readonly valueGrad: AttentionTensor | null;
}

/** Work a vendor library does. */
export type LibraryCall = MatmulCall | ConvolutionCall | AttentionCall;
