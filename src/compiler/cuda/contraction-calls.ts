import { CompileError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type { DType } from "../../ir/dtype.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { StridedView } from "../lower.ts";
import type { Step } from "../schedule.ts";
import type { CudaTarget, RenderedStep } from "./kernel-code.ts";
import type {
  ConvolutionCall,
  ConvolutionTensor,
  LibraryCall,
  MatmulCall,
} from "./library-calls.ts";
import { contractionFacts } from "./contraction-facts.ts";
import { matmulKernel } from "./matmul-kernel.ts";
import { matmulShape, packedStrides } from "./matmul-shape.ts";
import type { SharedDim } from "./matrix-order.ts";
import { matrixOrder, mergeDims } from "./matrix-order.ts";
import type { LaunchFacts } from "./program-code.ts";

/** A library call, and the values it is called with. */
export interface PlacedCall {
  readonly call: LibraryCall;
  /** In the order the call's type documents; offsets in bytes from the start of the value. */
  readonly operands: readonly { readonly value: Node; readonly offset: number }[];
  readonly facts: LaunchFacts;
}

/** A contraction step of a schedule. */
export type ContractionStep = Extract<Step, { kind: "contraction" }>;

/** Batches a product may be cut into before a copy of the operand is the better way. */
const BATCH_CALLS = 16;

const has = (target: CudaTarget, library: "cublasLt" | "cudnn"): boolean =>
  target.libraries?.includes(library) ?? true;

const isLibraryDType = (dtype: DType): boolean =>
  dtype === "f32" || dtype === "f16" || dtype === "bf16" || dtype === "f64";

/** Whether cuBLASLt multiplies these: floats, and something to add up. */
function isLibraryProduct(node: Node, target: CudaTarget): boolean {
  return (
    node.op === "dot" &&
    has(target, "cublasLt") &&
    isLibraryDType(node.dtype) &&
    numel(node.shape) > 0 &&
    numel(node.src[0].shape) > 0
  );
}

/**
 * Whether cuBLASLt adds a row to the product as it stores it: not in f64, and of proper matrices
 * only, where every version of it can.
 */
export function addsBias(node: Node, target: CudaTarget): boolean {
  const sizes = [...node.shape, node.src[0]?.shape.at(-1) ?? 0];
  const isPlain = node.shape.length === 2 && sizes.every((size) => size > 1);
  return isPlain && node.dtype !== "f64" && isLibraryProduct(node, target);
}

/**
 * Whether cuDNN takes a convolution or gradient: floats, up to three spatial dims, not empty. Not
 * f64: cuDNN 9.14 builds plans for it on an H100, which then compute something else.
 */
export function isLibraryConvolution(node: Node, target: CudaTarget): boolean {
  return (
    has(target, "cudnn") &&
    isLibraryDType(node.dtype) &&
    node.dtype !== "f64" &&
    node.shape.length <= 5 &&
    [node, ...node.src].every((tensor) => numel(tensor.shape) > 0)
  );
}

/**
 * Whether a product can read the operand [B…, m, n] through the view. cuBLASLt needs rows or
 * columns that are contiguous, and batch dims that make few calls; other dtypes read any strides.
 */
export function isMatmulReady(operand: Node, view: StridedView): boolean {
  if (!isLibraryDType(operand.dtype)) return true;
  const { shape } = operand;
  const rank = shape.length;
  const [rows, columns] = shape.slice(-2);
  const [rowStride, columnStride] = view.strides.slice(-2);
  if (matrixOrder(rows, columns, rowStride, columnStride) === null) return false;
  const packed = packedStrides(shape);
  const batch = shape
    .slice(0, rank - 2)
    .map((size, i) => ({ size, strides: [view.strides[i], packed[i]] }));
  return matmulCalls(mergeDims(batch)) <= BATCH_CALLS;
}

/** How many calls a batched product makes: one covers the largest batch dim. */
function matmulCalls(batch: readonly SharedDim[]): number {
  const sizes = batch.map((dim) => dim.size);
  return product(sizes) / Math.max(1, ...sizes);
}

/**
 * What a contraction step runs as: a library call, or a generated kernel where no library takes
 * it. Products have a kernel for every dtype; convolutions no library takes are expanded earlier.
 */
export function contractionCall(
  step: ContractionStep,
  target: CudaTarget,
  allowTf32 = false,
): PlacedCall | RenderedStep {
  const { node, operands } = step;
  if (node.op !== "dot") return convolutionCall(step, allowTf32);
  const call = isLibraryProduct(node, target) ? matmulCall(step, allowTf32) : null;
  if (call === null && step.bias !== null) {
    throw new CompileError("cuda: only the library's products add a bias");
  }
  return call ?? matmulKernel(node, operands, target);
}

/** The product as a call of cuBLASLt, or null if an operand's strides are not what it can read. */
function matmulCall(
  { node, operands, result, bias }: ContractionStep,
  allowTf32: boolean,
): PlacedCall | null {
  if (node.op !== "dot") throw new CompileError(`matmulCall: needs a dot, got ${node.op}`);
  const shape = matmulShape(node, operands);
  if (matrixOrder(shape.m, shape.k, shape.a.rowStride, shape.a.columnStride) === null) return null;
  if (matrixOrder(shape.k, shape.n, shape.b.rowStride, shape.b.columnStride) === null) return null;
  const { dtype } = node;
  const call: MatmulCall = {
    kind: "matmul",
    dtype,
    outputDtype: dtype,
    ...shape,
    epilogue: bias === null ? "none" : "bias",
    allowTf32: allowTf32 && dtype === "f32",
  };
  const row = bias === null ? [] : placed([bias]);
  const values = [...placed(operands), { value: result, offset: 0 }, ...row];
  return { call, operands: values, facts: contractionFacts(node) };
}

/** A convolution or gradient as a call of cuDNN. Operands: input, weight, output. */
function convolutionCall({ node, operands }: ContractionStep, allowTf32: boolean): PlacedCall {
  if (node.op !== "conv" && node.op !== "convInputGrad" && node.op !== "convWeightGrad") {
    throw new CompileError(`convolutionCall: needs a convolution, got ${node.op}`);
  }
  const result: Role = { node, view: wholeView(node) };
  const [first, second] = operands.map((view, i) => ({ node: node.src[i], view }));
  const [input, weight, output] = rolesOf(node.op, first, second, result);
  const { stride, padLow, padHigh, dilation, groups, channelsLast = false } = node.attrs;
  const call: ConvolutionCall = {
    kind: "convolution",
    op: node.op,
    dtype: node.dtype,
    attrs: { stride, padLow, padHigh, dilation, groups },
    input: convolutionTensor(input, channelsLast),
    weight: convolutionTensor(weight, channelsLast),
    output: convolutionTensor(output, channelsLast),
    allowTf32: allowTf32 && node.dtype === "f32",
  };
  const values = [input, weight, output].map(({ view }) => ({
    value: view.value,
    offset: view.offset * dtypeBytes(node.dtype),
  }));
  return { call, operands: values, facts: contractionFacts(node) };
}

interface Role {
  readonly node: Node;
  readonly view: StridedView;
}

function rolesOf(
  op: ConvolutionCall["op"],
  first: Role,
  second: Role,
  result: Role,
): readonly [input: Role, weight: Role, output: Role] {
  switch (op) {
    case "conv":
      return [first, second, result];
    case "convInputGrad":
      return [result, second, first];
    case "convWeightGrad":
      return [first, result, second];
    default:
      return op satisfies never;
  }
}

function wholeView(node: Node): StridedView {
  return { value: node, offset: 0, strides: packedStrides(node.shape) };
}

/** Shape and strides with the channels as dim 1, wherever they are in memory. */
function convolutionTensor({ node, view }: Role, channelsLast: boolean): ConvolutionTensor {
  const { shape } = node;
  const { strides } = view;
  if (!channelsLast) return { shape, strides };
  const first = (list: readonly number[]): number[] => {
    return [list[0], list[list.length - 1], ...list.slice(1, -1)];
  };
  return { shape: first(shape), strides: first(strides) };
}

function placed(operands: readonly StridedView[]): PlacedCall["operands"] {
  return operands.map(({ value, offset }) => ({
    value,
    offset: offset * dtypeBytes(value.dtype),
  }));
}
