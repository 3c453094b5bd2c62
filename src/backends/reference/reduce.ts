import { isFloat } from "../../ir/dtype.ts";
import type { OpNode } from "../../ir/node.ts";
import { contiguousStrides } from "../../ir/shape.ts";
import { viewOffsets } from "./movement.ts";
import type { Values } from "./values.ts";
import { makeValues, roundToStorage } from "./values.ts";

type ReduceOp = "reduceSum" | "reduceProd" | "reduceMax" | "reduceMin";
type Kind = "sum" | "prod" | "max" | "min";
type Fold = (total: number, value: number) => number;

const floatFolds: Readonly<Record<Kind, Fold>> = {
  sum: (total, value) => total + value,
  prod: (total, value) => total * value,
  max: Math.max,
  min: Math.min,
};

const integerFolds: Readonly<Record<Kind, Fold>> = {
  sum: (total, value) => (total + value) | 0,
  prod: Math.imul,
  max: Math.max,
  min: Math.min,
};

const kinds: Readonly<Record<ReduceOp, Kind>> = {
  reduceSum: "sum",
  reduceProd: "prod",
  reduceMax: "max",
  reduceMin: "min",
};

const starts: Readonly<Record<Kind, number>> = { sum: 0, prod: 1, max: -Infinity, min: Infinity };

/** Reduction over axes. Floats accumulate in double and are rounded once. */
export function evaluateReduce(node: OpNode<ReduceOp>, [x]: readonly Values[]): Values {
  const { shape } = node.src[0];
  const strides = contiguousStrides(shape);
  const rows = viewOffsets(node.shape, strides);
  const inside = shape.map((size, dim) => (node.attrs.axes.includes(dim) ? size : 1));
  const columns = viewOffsets(inside, strides);
  const kind = kinds[node.op];
  const fold = (isFloat(node.dtype) ? floatFolds : integerFolds)[kind];
  const out = makeValues(node.dtype, rows.length);
  for (let i = 0; i < out.length; i++) {
    let total = starts[kind];
    for (let j = 0; j < columns.length; j++) total = fold(total, x[rows[i] + columns[j]]);
    out[i] = total;
  }
  return roundToStorage(node.dtype, out);
}

/** Lines of a tensor along one dim: element k of line i is at `starts[i] + k * stride`. */
export interface Lines {
  readonly starts: Int32Array;
  readonly stride: number;
  readonly size: number;
}

/** The lines of a tensor of the given shape along `dim`. */
export function linesAlong(shape: readonly number[], dim: number): Lines {
  const strides = contiguousStrides(shape);
  return {
    starts: viewOffsets(shape.with(dim, 1), strides),
    stride: strides[dim],
    size: shape[dim],
  };
}

/** First index of the maximum; NaN counts as largest. */
export function evaluateArgmax(node: OpNode<"argmax">, [x]: readonly Values[]): Values {
  const lines = linesAlong(node.src[0].shape, node.attrs.dim);
  const out = makeValues("i32", lines.starts.length);
  for (let i = 0; i < out.length; i++) {
    let best = x[lines.starts[i]];
    for (let k = 1; k < lines.size && best === best; k++) {
      const value = x[lines.starts[i] + k * lines.stride];
      if (value > best || value !== value) {
        best = value;
        out[i] = k;
      }
    }
  }
  return out;
}

/** Inclusive running reduction; the running value of floats stays in double. */
export function evaluateScan(node: OpNode<"scan">, [x]: readonly Values[]): Values {
  const { kind, dim } = node.attrs;
  const lines = linesAlong(node.shape, dim);
  const fold = (isFloat(node.dtype) ? floatFolds : integerFolds)[kind];
  const out = makeValues(node.dtype, x.length);
  for (const start of lines.starts) {
    let total = starts[kind];
    for (let k = 0; k < lines.size; k++) {
      const at = start + k * lines.stride;
      total = fold(total, x[at]);
      out[at] = total;
    }
  }
  return roundToStorage(node.dtype, out);
}
