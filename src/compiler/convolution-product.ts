import { product, range } from "../base/integers.ts";
import { dot, expand, pad, permute, reshape, window } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { ConvAttrs, ConvGradAttrs } from "../ir/ops.ts";

/** Everything the kernel meets: x [N, C, …] → [N, C, P…, K…]. */
function windowsOf(x: Node, size: readonly number[], attrs: ConvAttrs): Node {
  const dims = range(size.length).map((i) => i + 2);
  const { padLow, padHigh, stride, dilation } = attrs;
  return window(pad(x, [0, 0, ...padLow], [0, 0, ...padHigh]), { dims, size, stride, dilation });
}

/**
 * Convolution as a batched product over patches that are laid out in memory: w [O/G, C/G·K] times
 * patches [C/G·K, P] for every image and group. For devices with products and no convolutions.
 */
export function convByProduct(x: Node, w: Node, attrs: ConvAttrs): Node {
  const { groups } = attrs;
  const rank = attrs.stride.length;
  const [batch, channels] = x.shape;
  const outputs = w.shape[0];
  const size = w.shape.slice(2);
  const windows = windowsOf(x, size, attrs);
  const places = windows.shape.slice(2, 2 + rank);
  const split = reshape(windows, [batch, groups, channels / groups, ...places, ...size]);
  // [N, G, C/G, P…, K…] → [N, G, C/G, K…, P…]
  const kernelDims = range(rank).map((i) => 3 + rank + i);
  const placeDims = range(rank).map((i) => 3 + i);
  const depth = (channels / groups) * product(size);
  const patches = reshape(permute(split, [0, 1, 2, ...kernelDims, ...placeDims]), [
    batch,
    groups,
    depth,
    product(places),
  ]);
  const rows = outputs / groups;
  const weight = expand(reshape(w, [1, groups, rows, depth]), [batch, groups, rows, depth]);
  return reshape(dot(weight, patches), [batch, outputs, ...places]);
}

/** Gradient of a convolution by its kernel as a product: g [O/G, N·P] times patches [N·P, C/G·K]. */
export function weightGradByProduct(x: Node, g: Node, attrs: ConvGradAttrs): Node {
  const { groups, sizes } = attrs;
  const rank = sizes.length;
  const [batch, channels] = x.shape;
  const outputs = g.shape[1];
  const places = g.shape.slice(2);
  const windows = windowsOf(x, sizes, attrs);
  const split = reshape(windows, [batch, groups, channels / groups, ...places, ...sizes]);
  // [N, G, C/G, P…, K…] → [G, N, P…, C/G, K…]
  const placeDims = range(rank).map((i) => 3 + i);
  const kernelDims = range(rank).map((i) => 3 + rank + i);
  const count = batch * product(places);
  const patches = reshape(permute(split, [1, 0, ...placeDims, 2, ...kernelDims]), [
    groups,
    count,
    (channels / groups) * product(sizes),
  ]);
  const gradient = reshape(g, [batch, groups, outputs / groups, ...places]);
  const rows = reshape(permute(gradient, [1, 2, 0, ...placeDims]), [
    groups,
    outputs / groups,
    count,
  ]);
  return reshape(dot(rows, patches), [outputs, channels / groups, ...sizes]);
}
