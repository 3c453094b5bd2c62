import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import type { Shape } from "../../ir/shape.ts";
import { formatShape } from "../../ir/shape.ts";
import { add, mul } from "./arithmetic.ts";
import { inComputeDType } from "./operands.ts";

/** Options of {@link dropout}. */
export interface DropoutOptions {
  /** Probability of becoming 0, in [0, 1]. @defaultValue 0.5 */
  readonly p?: number | undefined;
  /** Without it x passes unchanged. @defaultValue true */
  readonly training?: boolean | undefined;
}

/** Bool of `shape`, true with probability 1 − p. */
function keepMask(key: Node, shape: Shape, p: number): Node {
  const bits = ir.randomBits(key, shape);
  return ir.binary("le", ir.fullLike(bits, Math.round(p * 2 ** 32)), bits);
}

function dropMasked(
  op: string,
  x: Node,
  key: Node,
  { p = 0.5, training = true }: DropoutOptions,
  maskShape: Shape,
): Node {
  if (!(p >= 0 && p <= 1)) throw new ConfigError(`${op}: p must be in [0, 1], got ${p}`);
  if (!training || p === 0) return x;
  const zero = ir.fullLike(x, 0);
  // Beyond the largest u32 nothing is kept.
  if (Math.round(p * 2 ** 32) >= 2 ** 32) return mul(x, 0);
  const mask = ir.broadcastTo(keepMask(key, maskShape, p), x.shape);
  return ir.where(mask, mul(x, 1 / (1 - p)), zero);
}

/** Sets elements to 0 with probability p and divides the others by 1 − p. */
export function dropout(x: Node, key: Node, options: DropoutOptions = {}): Node {
  return dropMasked("dropout", x, key, options, x.shape);
}

/**
 * Mask shape of whole channels of x [N, C, …]. `dims` spatial dims tell a batch from none: x of
 * rank dims + 1 is [C, …] (for 2 dims as in torch [N, C, L]).
 */
function channelMask(op: string, x: Node, dims: number | undefined): number[] {
  const rank = x.shape.length;
  if (rank < 2) throw new ShapeError(`${op}: x must be [N, C, …], got ${formatShape(x.shape)}`);
  const lead = dims !== undefined && dims !== 2 && rank === dims + 1 ? 1 : 2;
  return x.shape.map((size, dim) => (dim < lead ? size : 1));
}

/** Dropout of whole channels of x [N, C, …]. Its names in torch are dropout1d, 2d and 3d. */
export function featureDropout(
  x: Node,
  key: Node,
  options: DropoutOptions & { readonly dims?: number } = {},
): Node {
  const mask = channelMask("featureDropout", x, options.dims);
  return dropMasked("featureDropout", x, key, options, mask);
}

/** Where a dropped element of alpha dropout goes: the negative saturation of selu. */
const saturation = -1.7580993408473766;

function alphaMasked(
  op: string,
  x: Node,
  key: Node,
  { p = 0.5, training = true }: DropoutOptions,
  maskShape: Shape,
): Node {
  if (!(p >= 0 && p <= 1)) throw new ConfigError(`${op}: p must be in [0, 1], got ${p}`);
  if (!training || p === 0) return x;
  if (Math.round(p * 2 ** 32) >= 2 ** 32) return mul(x, 0);
  // The affine map that gives zero mean and unit variance back to inputs that had them.
  const scale = 1 / Math.sqrt((saturation ** 2 * p + 1) * (1 - p));
  const shift = -scale * saturation * p;
  const mask = ir.broadcastTo(keepMask(key, maskShape, p), x.shape);
  return inComputeDType(x, (a) =>
    ir.where(mask, add(mul(a, scale), shift), ir.fullLike(a, saturation * scale + shift)),
  );
}

/**
 * Dropout that keeps mean and variance of selu's outputs: elements become selu's saturation with
 * probability p, and all are scaled and shifted.
 * @see Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
 */
export function alphaDropout(x: Node, key: Node, options: DropoutOptions = {}): Node {
  return alphaMasked("alphaDropout", x, key, options, x.shape);
}

/** {@link alphaDropout} of whole channels of x [N, C, …]. */
export function featureAlphaDropout(x: Node, key: Node, options: DropoutOptions = {}): Node {
  const mask = channelMask("featureAlphaDropout", x, undefined);
  return alphaMasked("featureAlphaDropout", x, key, options, mask);
}
