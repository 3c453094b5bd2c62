import { range } from "../base/integers.ts";
import {
  add,
  binary,
  flip,
  full,
  fullLike,
  gather,
  iota,
  mul,
  narrow,
  pad,
  permute,
  reduceSum,
  reshape,
  scatter,
  slice,
  where,
} from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import type { OperandRule, VjpTable } from "./vjp-rule.ts";

/** Places elements `step` apart from `start` on in a line of `size` zeros along `dim`. */
function spread(g: Node, dim: number, start: number, step: number, size: number): Node {
  const count = g.shape[dim];
  const gap = count > 1 ? step - 1 : 0;
  const at = (value: number): number[] => g.shape.map((_, i) => (i === dim ? value : 0));
  return pad(g, at(start), at(size - start - (count - 1) * (gap + 1) - 1), 0, at(gap));
}

const sliceRule: OperandRule<"slice"> = ({ src: [x], attrs }, g) => {
  if (numel(g.shape) === 0) return null;
  const { start, step, shape } = attrs;
  const dims = range(shape.length);
  const ends = dims.map((dim) => start[dim] + step[dim] * (shape[dim] - 1));
  const low = dims.map((dim) => Math.min(start[dim], ends[dim]));
  const high = dims.map((dim) => x.shape[dim] - 1 - Math.max(start[dim], ends[dim]));
  const interior = dims.map((dim) => (shape[dim] > 1 ? Math.abs(step[dim]) - 1 : 0));
  return pad(
    flip(
      g,
      dims.filter((dim) => step[dim] < 0),
    ),
    low,
    high,
    0,
    interior,
  );
};

const concatRule: OperandRule<"concat"> = ({ src, attrs: { dim } }, g, operand) => {
  const start = src.slice(0, operand).reduce((sum, node) => sum + node.shape[dim], 0);
  return narrow(g, dim, start, src[operand].shape[dim]);
};

/** Undoes one windowed dim whose window dim is the last one of g. */
function closeWindow(
  g: Node,
  dim: number,
  size: number,
  window: { readonly size: number; readonly stride: number; readonly dilation: number },
): Node {
  const last = g.shape.length - 1;
  const count = g.shape[dim];
  if (window.size === window.stride && window.dilation === 1) {
    // Windows that tile the dim: putting each window behind its index restores the line.
    const order = range(last);
    const tiled = permute(g, [...order.slice(0, dim + 1), last, ...order.slice(dim + 1)]);
    const shape = g.shape.slice(0, last).with(dim, count * window.size);
    return spread(reshape(tiled, shape), dim, 0, 1, size);
  }
  const terms = range(window.size).map((offset) => {
    const column = reshape(narrow(g, last, offset, 1), g.shape.slice(0, last));
    return spread(column, dim, offset * window.dilation, window.stride, size);
  });
  return terms.reduce((sum, term) => add(sum, term));
}

/** Dim by dim, so that the number of terms is the sum of the window sizes, not their product. */
const windowRule: OperandRule<"window"> = ({ src: [x], attrs }, g) => {
  if (numel(g.shape) === 0) return null;
  let open = g;
  for (let i = attrs.dims.length - 1; i >= 0; i--) {
    const dim = attrs.dims[i];
    const window = { size: attrs.size[i], stride: attrs.stride[i], dilation: attrs.dilation[i] };
    open = closeWindow(open, dim, x.shape[dim], window);
  }
  return open;
};

/** Flat index of every element, i32: tells writers to the same place apart. */
function flatIndex(shape: readonly number[]): Node {
  let index = full(shape, 0, "i32");
  let stride = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const term = iota(shape, dim);
    index = add(index, mul(term, fullLike(term, stride)));
    stride *= shape[dim];
  }
  return index;
}

/** With "set" only the update that was written last receives; torch leaves that undefined. */
const scatterUpdates: OperandRule<"scatter"> = ({ src: [base, index], attrs }, g) => {
  const { dim, mode } = attrs;
  const received = gather(g, index, dim);
  if (mode === "add") return received;
  const writer = flatIndex(index.shape);
  const nobody = full(base.shape, -1, "i32");
  const winner = gather(scatter(nobody, index, writer, dim, "set"), index, dim);
  return where(binary("eq", winner, writer), received, fullLike(received, 0));
};

/** Gradients of the movement and indexing ops: each is the adjoint of a linear map. */
export const movementVjp: Pick<
  VjpTable,
  | "reshape"
  | "permute"
  | "expand"
  | "slice"
  | "pad"
  | "concat"
  | "window"
  | "gather"
  | "scatter"
  | "argsort"
  | "topk"
> = {
  reshape: ({ src: [x] }, g) => reshape(g, x.shape),
  permute: ({ attrs: { perm } }, g) =>
    permute(
      g,
      perm.map((_, dim) => perm.indexOf(dim)),
    ),
  expand: ({ src: [x], shape }, g) =>
    reduceSum(
      g,
      range(shape.length).filter((dim) => x.shape[dim] !== shape[dim]),
    ),
  slice: sliceRule,
  pad: ({ src: [x], attrs: { low, interior } }, g) =>
    slice(
      g,
      low,
      x.shape,
      interior.map((gap) => gap + 1),
    ),
  concat: concatRule,
  window: windowRule,
  gather: [
    ({ src: [x, index], attrs: { dim } }, g) => scatter(fullLike(x, 0), index, g, dim, "add"),
    null,
  ],
  scatter: [
    ({ src: [, index], attrs: { dim, mode } }, g) =>
      mode === "add" ? g : scatter(g, index, full(index.shape, 0, g.dtype), dim, "set"),
    null,
    scatterUpdates,
  ],
  argsort: "none",
  topk: "none",
};
