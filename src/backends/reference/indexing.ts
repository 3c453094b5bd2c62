import { ShapeError } from "../../base/errors.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node, OpNode } from "../../ir/node.ts";
import { contiguousStrides, formatShape } from "../../ir/shape.ts";
import { viewOffsets } from "./movement.ts";
import { linesAlong } from "./reduce.ts";
import type { Values } from "./values.ts";
import { makeValues, roundToStorage } from "./values.ts";

/** Flat positions in `data` that an index tensor points at. @throws {ShapeError} out of range. */
function indexedOffsets(op: string, data: Node, index: Node, dim: number, at: Values): Int32Array {
  const strides = contiguousStrides(data.shape);
  const size = data.shape[dim];
  const offsets = viewOffsets(index.shape, strides.with(dim, 0));
  for (let i = 0; i < offsets.length; i++) {
    if (at[i] < 0 || at[i] >= size) {
      throw new ShapeError(
        `${op}: index must be in 0 … ${size - 1}, got ${at[i]} at position ${i} for dim ${dim} ` +
          `of ${formatShape(data.shape)}`,
        { details: { index: at[i], size } },
      );
    }
    offsets[i] += at[i] * strides[dim];
  }
  return offsets;
}

/** Picks elements along a dim. */
export function evaluateGather(node: OpNode<"gather">, [x, index]: readonly Values[]): Values {
  const at = indexedOffsets("gather", node.src[0], node.src[1], node.attrs.dim, index);
  const out = makeValues(node.dtype, at.length);
  for (let i = 0; i < out.length; i++) out[i] = x[at[i]];
  return out;
}

/** Writes or adds updates along a dim, in row-major order of the index. */
export function evaluateScatter(
  node: OpNode<"scatter">,
  [base, index, updates]: readonly Values[],
): Values {
  const at = indexedOffsets("scatter", node.src[0], node.src[1], node.attrs.dim, index);
  const out = makeValues(node.dtype, base.length);
  if (node.attrs.mode === "set") {
    out.set(base);
    for (let i = 0; i < at.length; i++) out[at[i]] = updates[i];
    return out;
  }
  // Floats accumulate in double; integers wrap when they are stored.
  const total = isFloat(node.dtype) ? new Float64Array(base) : base.slice();
  for (let i = 0; i < at.length; i++) total[at[i]] += updates[i];
  out.set(total);
  return roundToStorage(node.dtype, out);
}

/** Negative when `a` sorts before `b` in ascending order with NaN as the largest. */
function compare(a: number, b: number): number {
  if (a !== a) return b !== b ? 0 : 1;
  if (b !== b) return -1;
  return a < b ? -1 : Number(a > b);
}

/** The first `count` entries of the stable sorting permutation of each line. */
function sortedIndices(
  node: OpNode<"argsort" | "topk">,
  x: Values,
  count: number,
  descending: boolean,
): Values {
  const from = linesAlong(node.src[0].shape, node.attrs.dim);
  const to = linesAlong(node.shape, node.attrs.dim);
  const out = makeValues("i32", to.starts.length * count);
  const order = new Int32Array(from.size);
  const line = new Float64Array(from.size);
  const sign = descending ? -1 : 1;
  const byValue = (a: number, b: number): number => sign * compare(line[a], line[b]) || a - b;
  for (let i = 0; i < to.starts.length; i++) {
    for (let k = 0; k < from.size; k++) {
      order[k] = k;
      line[k] = x[from.starts[i] + k * from.stride];
    }
    order.sort(byValue);
    for (let k = 0; k < count; k++) out[to.starts[i] + k * to.stride] = order[k];
  }
  return out;
}

/** Stable sorting permutation. */
export function evaluateArgsort(node: OpNode<"argsort">, [x]: readonly Values[]): Values {
  return sortedIndices(node, x, node.shape[node.attrs.dim], node.attrs.descending);
}

/** Indices of the extreme elements, best first, equal ones by index. */
export function evaluateTopk(node: OpNode<"topk">, [x]: readonly Values[]): Values {
  return sortedIndices(node, x, node.attrs.k, node.attrs.largest);
}
