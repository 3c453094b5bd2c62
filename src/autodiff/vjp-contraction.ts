import { conv, convInputGrad, convWeightGrad, dot, slice, transpose } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { ConvAttrs, ConvGradAttrs } from "../ir/ops.ts";
import type { VjpTable } from "./vjp-rule.ts";

const transposeLast = (x: Node): Node => transpose(x, x.shape.length - 2, x.shape.length - 1);

function isTransposed(x: Node): boolean {
  if (x.op !== "permute") return false;
  const { perm } = x.attrs;
  const last = perm.length - 1;
  return perm[last] === last - 1 && perm[last - 1] === last;
}

/**
 * a·b as the cotangent of `operand`. For a transposed operand it is built as (bᵀ·aᵀ)ᵀ, so that the
 * gradient of what was transposed is a plain product in the layout of that tensor.
 */
function dotLike(operand: Node, a: Node, b: Node): Node {
  if (!isTransposed(operand)) return dot(a, b);
  return transposeLast(dot(transposeLast(b), transposeLast(a)));
}

const spatial = (node: Node): readonly number[] => node.shape.slice(2);

/** Only the geometry: stray attributes would make twins of equal nodes. */
function geometry({ stride, padLow, padHigh, dilation, groups }: ConvAttrs): ConvAttrs {
  return { stride, padLow, padHigh, dilation, groups };
}

function withSizes(attrs: ConvAttrs, of: Node): ConvGradAttrs {
  return { ...geometry(attrs), sizes: spatial(of) };
}

/** A transposed convolution with output padding meets fewer positions than `conv` would visit. */
function convAt(positions: Node, x: Node, w: Node, attrs: ConvAttrs): Node {
  const all = conv(x, w, geometry(attrs));
  return slice(
    all,
    all.shape.map(() => 0),
    positions.shape,
  );
}

/** Contractions are linear in each operand, so the three convolutions derive into each other. */
export const contractionVjp: Pick<VjpTable, "dot" | "conv" | "convInputGrad" | "convWeightGrad"> = {
  dot: [
    ({ src: [a, b] }, g) => dotLike(a, g, transposeLast(b)),
    ({ src: [a, b] }, g) => dotLike(b, transposeLast(a), g),
  ],
  conv: [
    ({ src: [x, w], attrs }, g) => convInputGrad(g, w, withSizes(attrs, x)),
    ({ src: [x, w], attrs }, g) => convWeightGrad(x, g, withSizes(attrs, w)),
  ],
  convInputGrad: [
    ({ src: [out, w], attrs }, g) => convAt(out, g, w, attrs),
    ({ src: [out, w], attrs }, g) => convWeightGrad(g, out, withSizes(attrs, w)),
  ],
  convWeightGrad: [
    ({ src: [x, out], attrs }, g) => convInputGrad(out, g, withSizes(attrs, x)),
    ({ src: [x, out], attrs }, g) => convAt(out, x, g, attrs),
  ],
};
