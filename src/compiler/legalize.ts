import { range } from "../base/integers.ts";
import {
  argsort,
  binary,
  cast,
  conv,
  convInputGrad,
  convWeightGrad,
  dot,
  expand,
  extremum,
  flip,
  fullLike,
  iota,
  mul,
  narrow,
  pad,
  permute,
  reduceSum,
  reshape,
  slice,
  transpose,
  where,
  window,
} from "../ir/build.ts";
import { composedAttention, composedAttentionGrad } from "../ir/composed-attention.ts";
import type { Graph } from "../ir/graph.ts";
import { rewrite } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import type { ConvAttrs, ConvGradAttrs } from "../ir/ops.ts";
import { convByProduct, weightGradByProduct } from "./convolution-product.ts";
import { wasmTraits } from "./device-traits.ts";
import type { DeviceTraits } from "./device-traits.ts";

const isHalf = (node: Node): boolean => node.dtype === "f16" || node.dtype === "bf16";

/** First index of the maximum: the smallest index whose element equals it (or is NaN). */
function legalizeArgmax(node: NodeOf<"argmax">): Node {
  const [x] = node.src;
  const { dim } = node.attrs;
  const maximum = expand(extremum("reduceMax", x, [dim]), x.shape);
  const nan = binary("ne", x, x);
  const hit = binary("or", binary("eq", x, maximum), nan);
  const position = iota(x.shape, dim);
  return extremum("reduceMin", where(hit, position, fullLike(position, 2 ** 31 - 1)), [dim]);
}

/** Interior padding as reshape [.., n, 1] → pad → reshape [.., n·d] → cut. */
function legalizeInteriorPad(node: NodeOf<"pad">): Node {
  const { low, high, interior, value } = node.attrs;
  let x = node.src[0];
  x.shape.forEach((size, dim) => {
    const period = interior[dim] + 1;
    if (period === 1 || size < 2) return;
    const split = [...x.shape.slice(0, dim), size, 1, ...x.shape.slice(dim + 1)];
    const none = split.map(() => 0);
    const spread = pad(reshape(x, split), none, none.with(dim + 1, period - 1), value);
    const merged = reshape(spread, x.shape.with(dim, size * period));
    x = narrow(merged, dim, 0, (size - 1) * period + 1);
  });
  return pad(x, low, high, value);
}

/** Matrix product as multiply and sum, for dtypes the GEMM library does not have. */
function dotByReduction(a: Node, b: Node): Node {
  const rank = a.shape.length;
  const [m, k, n] = [a.shape[rank - 2], a.shape[rank - 1], b.shape[rank - 1]];
  const batch = a.shape.slice(0, -2);
  const left = expand(reshape(a, [...batch, m, 1, k]), [...batch, m, n, k]);
  const right = reshape(transpose(b, rank - 2, rank - 1), [...batch, 1, n, k]);
  const products = mul(left, expand(right, [...batch, m, n, k]));
  return reshape(reduceSum(products, [rank]), [...batch, m, n]);
}

function legalizeDot(node: NodeOf<"dot">): Node {
  const [a, b] = node.src;
  if (isHalf(node)) return cast(dot(cast(a, "f32"), cast(b, "f32")), node.dtype);
  return dotByReduction(a, b);
}

function padSpatial(x: Node, low: readonly number[], high: readonly number[]): Node {
  return pad(x, [0, 0, ...low], [0, 0, ...high]);
}

/** Convolution as windows times kernel, summed; for dtypes the library does not have. */
function convByReduction(x: Node, w: Node, attrs: ConvAttrs): Node {
  const rank = attrs.stride.length;
  const { groups } = attrs;
  const [batch, channels] = x.shape;
  const outputs = w.shape[0];
  const size = w.shape.slice(2);
  const dims = range(rank).map((i) => i + 2);
  const padded = padSpatial(x, attrs.padLow, attrs.padHigh);
  const windows = window(padded, { dims, size, stride: attrs.stride, dilation: attrs.dilation });
  const sizes = windows.shape.slice(2, 2 + rank);
  // [N, G, C/G, P…, K…] → [N, G, 1, P…, C/G, K…]
  const split = reshape(windows, [batch, groups, channels / groups, ...sizes, ...size]);
  const order = [
    0,
    1,
    ...range(rank).map((i) => i + 3),
    2,
    ...range(rank).map((i) => i + 3 + rank),
  ];
  const moved = permute(split, order);
  const inner = [channels / groups, ...size];
  const domain = [batch, groups, outputs / groups, ...sizes, ...inner];
  const left = expand(reshape(moved, domain.with(2, 1)), domain);
  const ones = sizes.map(() => 1);
  const right = expand(reshape(w, [1, groups, outputs / groups, ...ones, ...inner]), domain);
  const axes = range(inner.length).map((i) => 3 + rank + i);
  return reshape(reduceSum(mul(left, right), axes), [batch, outputs, ...sizes]);
}

/** w [O, C/G, K…] → [C, O/G, K…] with flipped kernels. */
function adjointWeight(w: Node, groups: number): Node {
  const [outputs, channels, ...size] = w.shape;
  const split = reshape(w, [groups, outputs / groups, channels, ...size]);
  const swapped = transpose(split, 1, 2);
  const merged = reshape(swapped, [groups * channels, outputs / groups, ...size]);
  return flip(
    merged,
    range(size.length).map((i) => i + 2),
  );
}

/** Input gradient as a stride-1 convolution of the stretched gradient with the adjoint kernel. */
function inputGradByConv(g: Node, w: Node, attrs: ConvGradAttrs): Node {
  const size = w.shape.slice(2);
  const rank = size.length;
  const reach = size.map((k, i) => attrs.dilation[i] * (k - 1));
  const none = [0, 0, ...range(rank).map(() => 0)];
  const stretched = pad(g, none, none, 0, [0, 0, ...attrs.stride.map((s) => s - 1)]);
  const low = reach.map((r, i) => r - attrs.padLow[i]);
  const high = attrs.sizes.map((n, i) => n + reach[i] - low[i] - stretched.shape[2 + i]);
  const cut = cropSpatial(stretched, low, high);
  const positive = (list: readonly number[]): number[] => list.map((n) => Math.max(n, 0));
  return conv(cut, adjointWeight(w, attrs.groups), {
    stride: size.map(() => 1),
    padLow: positive(low),
    padHigh: positive(high),
    dilation: attrs.dilation,
    groups: attrs.groups,
  });
}

/** Negative padding is a cut. */
function cropSpatial(x: Node, low: readonly number[], high: readonly number[]): Node {
  const start = x.shape.map((_, i) => (i < 2 ? 0 : Math.max(0, -low[i - 2])));
  const shape = x.shape.map((n, i) => (i < 2 ? n : n - start[i] - Math.max(0, -high[i - 2])));
  return slice(x, start, shape);
}

/** Kernel gradient: correlate input windows (dilated by the stride) with the gradient. */
function weightGradByReduction(x: Node, g: Node, attrs: ConvGradAttrs): Node {
  const rank = attrs.stride.length;
  const { groups } = attrs;
  const [batch, channels] = x.shape;
  const outputs = g.shape[1];
  const sizes = g.shape.slice(2);
  const dims = range(rank).map((i) => i + 2);
  const padded = padSpatial(x, attrs.padLow, attrs.padHigh);
  const all = window(padded, { dims, size: sizes, stride: attrs.dilation, dilation: attrs.stride });
  const start = all.shape.map(() => 0);
  const cut = all.shape.map((n, i) => (i >= 2 && i < 2 + rank ? attrs.sizes[i - 2] : n));
  const windows = slice(all, start, cut);
  // windows [N, C, K…, P…] → [G, 1, C/G, K…, N, P…]; g → [G, O/G, 1, 1…, N, P…]
  const split = reshape(windows, [batch, groups, channels / groups, ...attrs.sizes, ...sizes]);
  const kernelDims = range(rank).map((i) => i + 3);
  const pixelDims = range(rank).map((i) => i + 3 + rank);
  const left = permute(split, [1, 2, ...kernelDims, 0, ...pixelDims]);
  const domain = [groups, outputs / groups, channels / groups, ...attrs.sizes, batch, ...sizes];
  const leftFull = expand(reshape(left, domain.with(1, 1)), domain);
  const gradient = permute(reshape(g, [batch, groups, outputs / groups, ...sizes]), [
    1,
    2,
    0,
    ...range(rank).map((i) => i + 3),
  ]);
  const ones = attrs.sizes.map(() => 1);
  const rightShape = [groups, outputs / groups, 1, ...ones, batch, ...sizes];
  const rightFull = expand(reshape(gradient, rightShape), domain);
  const axes = range(rank + 1).map((i) => 3 + rank + i);
  const sum = reduceSum(mul(leftFull, rightFull), axes);
  return reshape(sum, [outputs, channels / groups, ...attrs.sizes]);
}

function legalizeContraction(node: Node, traits: DeviceTraits): Node {
  if (traits.hasContraction(node)) return node;
  if (node.op === "dot") return legalizeDot(node);
  const [a, b] = node.src;
  if (traits.convolvesByProducts) return convolutionByProduct(node, traits);
  const narrowed = isHalf(node);
  const [left, right] = narrowed ? [cast(a, "f32"), cast(b, "f32")] : [a, b];
  switch (node.op) {
    case "conv":
      return narrowed
        ? cast(conv(left, right, node.attrs), node.dtype)
        : convByReduction(a, b, node.attrs);
    case "convInputGrad":
      if (narrowed) return cast(convInputGrad(left, right, node.attrs), node.dtype);
      return legalizeDeep(inputGradByConv(a, b, node.attrs), traits);
    case "convWeightGrad":
      if (narrowed) return cast(convWeightGrad(left, right, node.attrs), node.dtype);
      return legalizeDeep(weightGradByReduction(a, b, node.attrs), traits);
    default:
      return node;
  }
}

function convolutionByProduct(node: Node, traits: DeviceTraits): Node {
  const [a, b] = node.src;
  switch (node.op) {
    case "conv":
      return legalizeDeep(convByProduct(a, b, node.attrs), traits);
    case "convInputGrad":
      return legalizeDeep(inputGradByConv(a, b, node.attrs), traits);
    case "convWeightGrad":
      return legalizeDeep(weightGradByProduct(a, b, node.attrs), traits);
    default:
      return node;
  }
}

/** Top-k as the first k of a full sort. */
function legalizeTopk(node: NodeOf<"topk">): Node {
  const { dim, k, largest } = node.attrs;
  const [x] = node.src;
  return narrow(sortAlongLast(x, dim, largest), dim, 0, k);
}

/** The sort kernel works on contiguous rows: bring the dim last, sort, bring it back. */
function sortAlongLast(x: Node, dim: number, descending: boolean): Node {
  const last = x.shape.length - 1;
  const moved = transpose(x, dim, last);
  return transpose(argsortLast(moved, descending), dim, last);
}

function argsortLast(x: Node, descending: boolean): Node {
  const rows = reshape(x, [
    x.shape.slice(0, -1).reduce((a, b) => a * b, 1),
    x.shape[x.shape.length - 1],
  ]);
  return reshape(argsort(rows, 1, descending), x.shape);
}

/** A result of attention, out of products and a softmax where the device has no kernel for it. */
function legalizePart(node: NodeOf<"part">, traits: DeviceTraits): Node {
  const [from] = node.src;
  const { index } = node.attrs;
  if (from.op === "loop" || traits.hasAttention(from)) return node;
  if (from.op === "attention") {
    const { out, stats } = composedAttention(from.src, from.attrs);
    return legalizeDeep([out, stats][index], traits);
  }
  if (from.op !== "attentionGrad") return node;
  const { query, key, value } = composedAttentionGrad(from.src, from.attrs);
  return legalizeDeep([query, key, value][index], traits);
}

function legalizeNode(node: Node, traits: DeviceTraits): Node {
  switch (node.op) {
    case "argmax":
      return legalizeArgmax(node);
    case "topk":
      return legalizeTopk(node);
    case "argsort":
      return node.src[0].shape.length === 2 && node.attrs.dim === 1
        ? node
        : sortAlongLast(node.src[0], node.attrs.dim, node.attrs.descending);
    case "pad":
      return node.attrs.interior.some((n) => n > 0) ? legalizeInteriorPad(node) : node;
    case "dot":
    case "conv":
    case "convInputGrad":
    case "convWeightGrad":
      return legalizeContraction(node, traits);
    case "part":
      return legalizePart(node, traits);
    case "checkpoint":
    case "customGradient":
      return node.src[0];
    default:
      return node;
  }
}

function legalizeDeep(node: Node, traits: DeviceTraits): Node {
  return rewrite([node], (part) => legalizeNode(part, traits))[0];
}

/** Replaces every op the device's kernels do not have by ops they do have. */
export function legalize(graph: Graph, traits: DeviceTraits = wasmTraits): Graph {
  const outputs = rewrite(graph.outputs, (node) => legalizeNode(node, traits));
  return { inputs: graph.inputs, outputs };
}
