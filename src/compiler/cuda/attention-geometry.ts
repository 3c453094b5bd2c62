import { product } from "../../base/integers.ts";
import type { DType } from "../../ir/dtype.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { contiguousStrides, numel } from "../../ir/shape.ts";
import type { StridedView } from "../lower.ts";
import type { Step } from "../schedule.ts";
import type { KernelArgument } from "./kernel-code.ts";

/** A step of a schedule that computes attention or its gradient. */
export type AttentionStep = Extract<Step, { kind: "attention" }>;

/** An operand or result [B, L, H, D] (a bias: [B, H, L, S]) in a buffer, by element strides. */
export interface PlacedTensor {
  readonly value: Node;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly dtype: DType;
}

/** What kernels and calls need to know of an attention step. */
export interface AttentionGeometry {
  readonly dtype: DType;
  readonly causal: boolean;
  readonly scale: number;
  readonly batch: number;
  readonly rows: number;
  readonly keys: number;
  /** Heads of queries, and of keys and values. */
  readonly heads: number;
  readonly groups: number;
  /** Widths of keys and of values. */
  readonly width: number;
  readonly depth: number;
  readonly q: PlacedTensor;
  readonly k: PlacedTensor;
  readonly v: PlacedTensor;
  readonly bias: PlacedTensor | null;
  readonly out: PlacedTensor;
  /** Null where the forward pass need not keep them. */
  readonly stats: PlacedTensor | null;
  /** What the backward pass has besides. */
  readonly grad: {
    readonly out: PlacedTensor;
    readonly q: PlacedTensor;
    readonly k: PlacedTensor;
    readonly v: PlacedTensor;
  } | null;
}

/** What the backward kernels read beside q, k, v and the bias. */
export interface BackwardGeometry extends AttentionGeometry {
  readonly stats: PlacedTensor;
  readonly grad: NonNullable<AttentionGeometry["grad"]>;
}

function operand(view: StridedView, node: Node): PlacedTensor {
  const { value, offset, strides } = view;
  return { value, offset, shape: node.shape, strides, dtype: node.dtype };
}

function result(node: Node, place: StridedView | null): PlacedTensor {
  if (place !== null) return operand(place, node);
  const { shape, dtype } = node;
  return { value: node, offset: 0, shape, strides: contiguousStrides(shape), dtype };
}

/** Sizes and places of an attention step. */
export function attentionGeometry(step: AttentionStep): AttentionGeometry {
  const { node, operands, places, results } = step;
  const placed = operands.map((view, i) => operand(view, node.src[i]));
  const isForward = node.op === "attention";
  const given = isForward ? placed : placed.slice(0, -3);
  const [q, k, v, bias = null] = given;
  const made = results.map((of, i) => (of === null ? null : result(of, places[i])));
  const whole = made.filter((tensor) => tensor !== null);
  const [out, stats] = isForward ? [whole[0], made[1] ?? null] : placed.slice(-3);
  const [batch, rows, heads, width] = q.shape;
  const grad = { out: placed[placed.length - 1], q: whole[0], k: whole[1], v: whole[2] };
  return {
    dtype: q.dtype,
    causal: node.attrs.causal,
    scale: node.attrs.scale,
    batch,
    rows,
    keys: k.shape[1],
    heads,
    groups: k.shape[2],
    width,
    depth: v.shape[3],
    q,
    k,
    v,
    bias,
    out,
    stats,
    grad: isForward ? null : grad,
  };
}

/** The tensor as an argument of a kernel, which adds the offset itself. */
export const valueArgument = ({ value }: PlacedTensor): KernelArgument => ({
  kind: "value",
  value,
});

/** Bytes read and written once, and operations of the products. */
export function attentionFacts(g: AttentionGeometry): { bytes: number; flops: number } {
  const { batch, heads, rows, keys, width, depth } = g;
  const tensors = [g.q, g.k, g.v, g.out, ...(g.grad === null ? [] : Object.values(g.grad))];
  const own = tensors.reduce(
    (sum, { shape, dtype }) => sum + product(shape) * dtypeBytes(dtype),
    0,
  );
  const bias = g.bias === null ? 0 : numel(g.bias.value.shape) * dtypeBytes(g.bias.dtype);
  const pairs = batch * heads * rows * keys * (g.causal ? 0.5 : 1);
  const products = g.grad === null ? width + depth : 3 * width + 2 * depth;
  return { bytes: own + bias, flops: 2 * pairs * products };
}
