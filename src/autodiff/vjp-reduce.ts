import { product, range } from "../base/integers.ts";
import {
  add,
  binary,
  cast,
  div,
  expand,
  extremum,
  flip,
  full,
  fullLike,
  iota,
  mul,
  narrow,
  pad,
  permute,
  reduceSum,
  reshape,
  scan,
  scatter,
  where,
} from "../ir/build.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import type { OperandRule, VjpTable } from "./vjp-rule.ts";

type ExtremumNode = NodeOf<"reduceMax"> | NodeOf<"reduceMin">;

/** out[i] = x[i + by] along `dim`, `fill` where that leaves x; `by` may be negative. */
function shift(x: Node, dim: number, by: number, fill: number): Node {
  const size = x.shape[dim];
  const gap = Math.min(Math.abs(by), size);
  const kept = narrow(x, dim, by > 0 ? gap : 0, size - gap);
  const amounts = x.shape.map((_, i) => (i === dim ? gap : 0));
  const none = x.shape.map(() => 0);
  return by > 0 ? pad(kept, none, amounts, fill) : pad(kept, amounts, none, fill);
}

/** Product of all elements before (or after) each one along `dim`. */
function exclusiveProduct(x: Node, dim: number, side: "before" | "after"): Node {
  if (side === "before") return shift(scan(x, dim, "prod"), dim, -1, 1);
  return shift(flip(scan(flip(x, [dim]), dim, "prod"), [dim]), dim, 1, 1);
}

/**
 * Product of the others, without a division: right when factors are zero, and a polynomial, so
 * higher orders are right too.
 */
const prodRule: OperandRule<"reduceProd"> = ({ src: [x], attrs }, g) => {
  if (numel(x.shape) === 0) return null;
  const { axes } = attrs;
  const spread = expand(g, x.shape);
  const others = (line: Node, dim: number): Node =>
    mul(exclusiveProduct(line, dim, "before"), exclusiveProduct(line, dim, "after"));
  if (axes.length === 1) return mul(spread, others(x, axes[0]));
  const kept = range(x.shape.length).filter((dim) => !axes.includes(dim));
  const perm = [...kept, ...axes];
  const last = permute(x, perm);
  const line = reshape(last, [
    ...kept.map((dim) => x.shape[dim]),
    product(axes.map((dim) => x.shape[dim])),
  ]);
  const inverse = range(perm.length).map((dim) => perm.indexOf(dim));
  return mul(spread, permute(reshape(others(line, kept.length), last.shape), inverse));
};

/** Row-major position of each element within the reduced axes, i32. */
function positionAlong(axes: readonly number[], x: Node): Node {
  let position: Node | undefined;
  let stride = 1;
  for (const axis of axes.toSorted((a, b) => b - a)) {
    const index = iota(x.shape, axis);
    const term = stride === 1 ? index : mul(index, fullLike(index, stride));
    position = position === undefined ? term : add(term, position);
    stride *= x.shape[axis];
  }
  return position ?? full(x.shape, 0, "i32");
}

/** Compares and counts instead of an index list, so that it fuses with what surrounds it. */
function extremumRule(node: ExtremumNode, g: Node): Node {
  const [x] = node.src;
  const { axes, ties } = node.attrs;
  const isExtreme = binary("eq", x, expand(node, x.shape));
  if (ties === "even") {
    const share = div(g, reduceSum(cast(isExtreme, x.dtype), axes));
    return where(isExtreme, expand(share, x.shape), fullLike(x, 0));
  }
  const position = positionAlong(axes, x);
  const beyond = product(axes.map((axis) => x.shape[axis]));
  const first = extremum("reduceMin", where(isExtreme, position, fullLike(position, beyond)), axes);
  const isFirst = binary("eq", position, expand(first, x.shape));
  return where(isFirst, expand(g, x.shape), fullLike(x, 0));
}

/**
 * y_k = ∏_{i≤k} x_i, so the cotangent of x_i is y_{i−1}·S_i with S_i = g_i + x_{i+1}·S_{i+1}. The
 * recurrence runs by doubling in log2(n) elementwise steps: no division, so zeros are no problem.
 */
function runningProduct(node: NodeOf<"scan">, g: Node): Node {
  const [x] = node.src;
  const { dim } = node.attrs;
  let sum = g;
  let factor = shift(x, dim, 1, 0);
  for (let reach = 1; reach < x.shape[dim]; reach *= 2) {
    sum = add(sum, mul(factor, shift(sum, dim, reach, 0)));
    if (reach * 2 < x.shape[dim]) factor = mul(factor, shift(factor, dim, reach, 0));
  }
  return mul(shift(node, dim, -1, 1), sum);
}

/** The last element so far that equals the running extremum receives, as in torch.cummax. */
function runningExtremum(node: NodeOf<"scan">, g: Node): Node {
  const [x] = node.src;
  const { dim } = node.attrs;
  const position = iota(x.shape, dim);
  const own = where(binary("eq", x, node), position, fullLike(position, 0));
  return scatter(fullLike(x, 0), scan(own, dim, "max"), g, dim, "add");
}

const scanRule: OperandRule<"scan"> = (node, g) => {
  const { dim, kind } = node.attrs;
  if (numel(node.shape) === 0) return null;
  switch (kind) {
    case "sum":
      return flip(scan(flip(g, [dim]), dim, "sum"), [dim]);
    case "prod":
      return runningProduct(node, g);
    case "max":
    case "min":
      return runningExtremum(node, g);
    default:
      return kind satisfies never;
  }
};

/** Gradients of the reductions and scans. */
export const reduceVjp: Pick<
  VjpTable,
  "reduceSum" | "reduceProd" | "reduceMax" | "reduceMin" | "argmax" | "scan"
> = {
  reduceSum: ({ src: [x] }, g) => expand(g, x.shape),
  reduceProd: prodRule,
  reduceMax: extremumRule,
  reduceMin: extremumRule,
  argmax: "none",
  scan: scanRule,
};
