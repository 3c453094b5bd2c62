import type { OpNode } from "../../ir/node.ts";
import type { Shape } from "../../ir/shape.ts";
import { contiguousStrides, numel } from "../../ir/shape.ts";
import type { Values } from "./values.ts";
import { convertNumber, makeValues } from "./values.ts";

/** Flat source index of every element of a strided view, in row-major order of the view. */
export function viewOffsets(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  const offsets = new Int32Array(numel(shape));
  if (offsets.length === 0) return offsets;
  offsets[0] = start;
  // Innermost dim first: the block filled so far repeats, shifted, along the next dim outwards.
  let filled = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const end = filled * shape[dim];
    for (let i = filled; i < end; i++) offsets[i] = offsets[i - filled] + strides[dim];
    filled = end;
  }
  return offsets;
}

function take(
  node: OpNode<"permute" | "expand" | "slice" | "window">,
  x: Values,
  at: Int32Array,
): Values {
  const out = makeValues(node.dtype, at.length);
  for (let i = 0; i < out.length; i++) out[i] = x[at[i]];
  return out;
}

/** Reorders dims. */
export function evaluatePermute(node: OpNode<"permute">, [x]: readonly Values[]): Values {
  const strides = contiguousStrides(node.src[0].shape);
  const view = node.attrs.perm.map((dim) => strides[dim]);
  return take(node, x, viewOffsets(node.shape, view));
}

/** Repeats size-1 dims. */
export function evaluateExpand(node: OpNode<"expand">, [x]: readonly Values[]): Values {
  const { shape } = node.src[0];
  const strides = contiguousStrides(shape).map((stride, dim) => (shape[dim] === 1 ? 0 : stride));
  return take(node, x, viewOffsets(node.shape, strides));
}

/** Strided range per dim. */
export function evaluateSlice(node: OpNode<"slice">, [x]: readonly Values[]): Values {
  const strides = contiguousStrides(node.src[0].shape);
  const { start, step } = node.attrs;
  let origin = 0;
  strides.forEach((stride, dim) => (origin += stride * start[dim]));
  const view = strides.map((stride, dim) => stride * step[dim]);
  return take(node, x, viewOffsets(node.shape, view, origin));
}

/** Sliding windows, their sizes appended as last dims. */
export function evaluateWindow(node: OpNode<"window">, [x]: readonly Values[]): Values {
  const { dims, stride, dilation } = node.attrs;
  const strides = contiguousStrides(node.src[0].shape);
  const inside: number[] = [];
  dims.forEach((dim, i) => {
    inside.push(strides[dim] * dilation[i]);
    strides[dim] *= stride[i];
  });
  return take(node, x, viewOffsets(node.shape, [...strides, ...inside]));
}

/** Padding before, after and between elements. */
export function evaluatePad(node: OpNode<"pad">, [x]: readonly Values[]): Values {
  const { low, interior, value } = node.attrs;
  const out = makeValues(node.dtype, numel(node.shape));
  out.fill(convertNumber(value, node.dtype));
  const strides = contiguousStrides(node.shape);
  let origin = 0;
  strides.forEach((stride, dim) => (origin += stride * low[dim]));
  const view = strides.map((stride, dim) => stride * (interior[dim] + 1));
  const at = viewOffsets(node.src[0].shape, view, origin);
  for (let i = 0; i < at.length; i++) out[at[i]] = x[i];
  return out;
}

/** Joins along a dim. */
export function evaluateConcat(node: OpNode<"concat">, sources: readonly Values[]): Values {
  const out = makeValues(node.dtype, numel(node.shape));
  const strides = contiguousStrides(node.shape);
  let origin = 0;
  sources.forEach((x, index) => {
    const { shape } = node.src[index];
    const at = viewOffsets(shape, strides, origin);
    for (let i = 0; i < at.length; i++) out[at[i]] = x[i];
    origin += shape[node.attrs.dim] * strides[node.attrs.dim];
  });
  return out;
}
