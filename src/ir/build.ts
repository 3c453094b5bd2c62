import { range, sameNumbers } from "../base/integers.ts";
import type { DType } from "./dtype.ts";
import type { Node } from "./node.ts";
import { makeNode } from "./node.ts";
import type {
  AttentionAttrs,
  ConvAttrs,
  ConvGradAttrs,
  ExtremumAttrs,
  LoopAttrs,
  OpAttrs,
  WindowAttrs,
} from "./ops.ts";
import type { Shape } from "./shape.ts";
import { sameShape } from "./shape.ts";

/** Ops with one operand and no attributes. */
export type UnaryOp =
  | "neg"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "trunc"
  | "round"
  | "sqrt"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "not";

/** Ops with two operands and no attributes. */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "rem"
  | "pow"
  | "max"
  | "min"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "eq"
  | "ne"
  | "lt"
  | "le";

const none = Object.freeze({});
let nextInput = 0;

/** A new placeholder, distinct from every other. */
export function input(shape: Shape, dtype: DType): Node {
  return makeNode("input", [], { id: nextInput++ }, { shape: [...shape], dtype });
}

/** Scalar constant; broadcast it with `full`. */
export function constant(value: number, dtype: DType): Node {
  return makeNode("constant", [], { value }, { dtype });
}

/** Constant of a given shape. */
export function full(shape: Shape, value: number, dtype: DType): Node {
  return broadcastTo(constant(value, dtype), shape);
}

/** A constant with the shape and dtype of another node. */
export function fullLike(node: Node, value: number): Node {
  return full(node.shape, value, node.dtype);
}

/** 0 … size-1 along `dim` of a tensor of the given shape, i32. */
export function iota(shape: Shape, dim: number): Node {
  const line = makeNode("iota", [], { size: shape[dim] }, undefined);
  return broadcastTo(
    reshape(
      line,
      shape.map((size, i) => (i === dim ? size : 1)),
    ),
    shape,
  );
}

/** Uniform u32 bits from a Threefry key (u32 [2]). */
export function randomBits(key: Node, shape: Shape): Node {
  return makeNode("randomBits", [key], { shape: [...shape] });
}

/** Applies a unary op. */
export function unary(op: UnaryOp, x: Node): Node {
  return makeNode(op, [x], none as OpAttrs[UnaryOp]);
}

/** Applies a binary op to two nodes of one shape and dtype. */
export function binary(op: BinaryOp, a: Node, b: Node): Node {
  return makeNode(op, [a, b], none as OpAttrs[BinaryOp]);
}

/** a + b. */
export const add = (a: Node, b: Node): Node => binary("add", a, b);
/** a − b. */
export const sub = (a: Node, b: Node): Node => binary("sub", a, b);
/** a · b, elementwise. */
export const mul = (a: Node, b: Node): Node => binary("mul", a, b);
/** a / b. */
export const div = (a: Node, b: Node): Node => binary("div", a, b);
/** −x. */
export const neg = (x: Node): Node => unary("neg", x);

/** Elementwise choice. */
export function where(condition: Node, a: Node, b: Node): Node {
  return makeNode("where", [condition, a, b], {});
}

/** Converts the dtype; the node itself if it has it. */
export function cast(x: Node, dtype: DType): Node {
  return x.dtype === dtype ? x : makeNode("cast", [x], { dtype });
}

/** Reinterprets the bits. */
export function bitcast(x: Node, dtype: DType): Node {
  return x.dtype === dtype ? x : makeNode("bitcast", [x], { dtype });
}

/** Sum or product over axes, which stay with size 1. */
export function reduce(op: "reduceSum" | "reduceProd", x: Node, axes: readonly number[]): Node {
  return axes.length === 0 ? x : makeNode(op, [x], { axes: [...axes] });
}

/** Maximum or minimum over axes, which stay with size 1. */
export function extremum(
  op: "reduceMax" | "reduceMin",
  x: Node,
  axes: readonly number[],
  ties: ExtremumAttrs["ties"] = "even",
): Node {
  return axes.length === 0 ? x : makeNode(op, [x], { axes: [...axes], ties });
}

/** Sum over axes, which stay with size 1. */
export function reduceSum(x: Node, axes: readonly number[]): Node {
  return reduce("reduceSum", x, axes);
}

/** First index of the maximum along `dim` (kept with size 1), i32. */
export function argmax(x: Node, dim: number): Node {
  return makeNode("argmax", [x], { dim });
}

/** Inclusive running reduction. */
export function scan(x: Node, dim: number, kind: OpAttrs["scan"]["kind"]): Node {
  return makeNode("scan", [x], { dim, kind });
}

/** Same elements in another shape. */
export function reshape(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const base = x.op === "reshape" ? x.src[0] : x;
  if (sameShape(base.shape, shape)) return base;
  return makeNode("reshape", [base], { shape: [...shape] });
}

/** Reorders dims: result dim i is source dim perm[i]. */
export function permute(x: Node, perm: readonly number[]): Node {
  if (sameNumbers(perm, range(x.shape.length))) return x;
  if (x.op === "permute")
    return permute(
      x.src[0],
      perm.map((dim) => x.attrs.perm[dim]),
    );
  return makeNode("permute", [x], { perm: [...perm] });
}

/** Swaps two dims. */
export function transpose(x: Node, a: number, b: number): Node {
  const perm = range(x.shape.length);
  [perm[a], perm[b]] = [perm[b], perm[a]];
  return permute(x, perm);
}

/** Repeats size-1 dims. */
export function expand(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const base = x.op === "expand" ? x.src[0] : x;
  return makeNode("expand", [base], { shape: [...shape] });
}

/** NumPy broadcasting of x to `shape`: leading dims of size 1 are added, then repeated. */
export function broadcastTo(x: Node, shape: Shape): Node {
  const missing = shape.length - x.shape.length;
  return expand(missing > 0 ? reshape(x, [...range(missing).fill(1), ...x.shape]) : x, shape);
}

/** Sums x down to `shape`: the adjoint of broadcastTo. */
export function sumTo(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.shape.length - shape.length;
  const axes = range(x.shape.length).filter(
    (dim) => dim < missing || (shape[dim - missing] === 1 && x.shape[dim] !== 1),
  );
  return reshape(reduceSum(x, axes), shape);
}

/** Strided range per dim: `shape[d]` elements from `start[d]` by `step[d]` (may be negative). */
export function slice(
  x: Node,
  start: readonly number[],
  shape: Shape,
  step: readonly number[] = start.map(() => 1),
): Node {
  if (sameShape(shape, x.shape) && start.every((s) => s === 0) && step.every((s) => s === 1))
    return x;
  return makeNode("slice", [x], { start: [...start], step: [...step], shape: [...shape] });
}

/** `size` elements from `start` along one dim. */
export function narrow(x: Node, dim: number, start: number, size: number): Node {
  const starts = x.shape.map((_, i) => (i === dim ? start : 0));
  return slice(x, starts, x.shape.with(dim, size));
}

/** Reverses the given dims. */
export function flip(x: Node, dims: readonly number[]): Node {
  const live = dims.filter((dim) => x.shape[dim] > 1);
  const start = x.shape.map((size, dim) => (live.includes(dim) ? size - 1 : 0));
  const step = x.shape.map((_, dim) => (live.includes(dim) ? -1 : 1));
  return slice(x, start, x.shape, step);
}

/** Pads each dim before, after and between elements. */
export function pad(
  x: Node,
  low: readonly number[],
  high: readonly number[],
  value = 0,
  interior: readonly number[] = low.map(() => 0),
): Node {
  const zero = (list: readonly number[]): boolean => list.every((n) => n === 0);
  if (zero(low) && zero(high) && zero(interior)) return x;
  return makeNode("pad", [x], { low: [...low], high: [...high], interior: [...interior], value });
}

/** Joins nodes along a dim. */
export function concat(nodes: readonly Node[], dim: number): Node {
  return nodes.length === 1 ? nodes[0] : makeNode("concat", [...nodes], { dim });
}

/** Sliding windows; the window dims come last. */
export function window(x: Node, attrs: WindowAttrs): Node {
  return attrs.dims.length === 0 ? x : makeNode("window", [x], attrs);
}

/** torch.gather. */
export function gather(x: Node, index: Node, dim: number): Node {
  return makeNode("gather", [x, index], { dim });
}

/** torch.scatter / torch.scatter_add; bools are added by "or". */
export function scatter(
  base: Node,
  index: Node,
  updates: Node,
  dim: number,
  mode: "add" | "set",
): Node {
  if (mode === "add" && base.dtype === "bool" && updates.dtype === "bool") {
    const count = scatter(cast(base, "i32"), index, cast(updates, "i32"), dim, mode);
    return cast(count, "bool");
  }
  return makeNode("scatter", [base, index, updates], { dim, mode });
}

/** Stable sorting permutation, i32. */
export function argsort(x: Node, dim: number, descending: boolean): Node {
  return makeNode("argsort", [x], { dim, descending });
}

/** Indices of the k extreme elements, i32. */
export function topk(x: Node, dim: number, k: number, largest: boolean): Node {
  return makeNode("topk", [x], { dim, k, largest });
}

/** Batched matrix product [B…, M, K] · [B…, K, N]. */
export function dot(a: Node, b: Node): Node {
  return makeNode("dot", [a, b], {});
}

/** N-d convolution. */
export function conv(x: Node, w: Node, attrs: ConvAttrs): Node {
  return makeNode("conv", [x, w], attrs);
}

/** Gradient of a convolution by its input; `attrs.sizes` are the input's spatial sizes. */
export function convInputGrad(g: Node, w: Node, attrs: ConvGradAttrs): Node {
  return makeNode("convInputGrad", [g, w], attrs);
}

/** Gradient of a convolution by its kernel; `attrs.sizes` are the kernel's spatial sizes. */
export function convWeightGrad(x: Node, g: Node, attrs: ConvGradAttrs): Node {
  return makeNode("convWeightGrad", [x, g], attrs);
}

/** Attention over [q, k, v, (bias)]; `part` 0 is its result, 1 the logarithms of rows' totals. */
export function attention(src: readonly Node[], attrs: AttentionAttrs): Node {
  return makeNode("attention", [...src], attrs);
}

/** Gradients of attention over [q, k, v, (bias), out, stats, gradient]: parts 0 … 2 for q, k, v. */
export function attentionGrad(src: readonly Node[], attrs: AttentionAttrs): Node {
  return makeNode("attentionGrad", [...src], attrs);
}

/** In-place update of an input when the program ends. */
export function assign(target: Node, value: Node): Node {
  return makeNode("assign", [target, value], {});
}

/** Host function over whole buffers. */
export function custom(src: readonly Node[], attrs: OpAttrs["custom"]): Node {
  return makeNode("custom", src, attrs);
}

/** x, not before `after`, never merged with a twin. */
export function barrier(x: Node, after: readonly Node[]): Node {
  return makeNode("barrier", [x, ...after], {});
}

/** x, with the gradient of a registered rule with respect to the operands. */
export function customGradient(x: Node, operands: readonly Node[], rule: number): Node {
  return makeNode("customGradient", [x, ...operands], { rule });
}

/** Marks the output of a checkpointed region. */
export function checkpoint(x: Node, boundary: number): Node {
  return makeNode("checkpoint", [x], { boundary });
}

/** Trips of a body over [initial carries, slice operands, whole operands]; read it with `part`. */
export function loop(src: readonly Node[], attrs: LoopAttrs): Node {
  return makeNode("loop", [...src], attrs);
}

/**
 * A result of a node that has several: of a loop, the last value of a carry or a stacked result.
 */
export function part(of: Node, index: number): Node {
  return makeNode("part", [of], { index });
}
