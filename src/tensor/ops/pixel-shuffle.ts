import { ConfigError, ShapeError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";

/** Leading dims, channels, height and width of x [..., C, H, W]. */
function planes(op: string, x: Node): { lead: number[]; size: [number, number, number] } {
  if (x.shape.length < 3) {
    throw new ShapeError(`${op}: x must be [..., C, H, W], got ${formatShape(x.shape)}`);
  }
  const [c, h, w] = x.shape.slice(-3);
  return { lead: x.shape.slice(0, -3), size: [c, h, w] };
}

function requireFactor(op: string, name: string, factor: number): void {
  if (Number.isInteger(factor) && factor >= 1) return;
  throw new ConfigError(`${op}: ${name} must be an integer ≥ 1, got ${factor}`);
}

/** Splits the last dims of x, reorders the parts and joins them again. */
function rearrange(
  x: Node,
  lead: readonly number[],
  split: readonly number[],
  perm: readonly number[],
  joined: readonly number[],
): Node {
  const parts = ir.reshape(x, [...lead, ...split]);
  const order = [...range(lead.length), ...perm.map((dim) => dim + lead.length)];
  return ir.reshape(ir.permute(parts, order), [...lead, ...joined]);
}

/**
 * Channels become pixels: x [..., C·r², H, W] → [..., C, H·r, W·r].
 * @see Shi et al. 2016, https://arxiv.org/abs/1609.05158
 */
export function pixelShuffle(x: Node, upscaleFactor: number): Node {
  const { lead, size } = planes("pixelShuffle", x);
  const [c, h, w] = size;
  const r = upscaleFactor;
  requireFactor("pixelShuffle", "upscaleFactor", r);
  if (c % r ** 2 !== 0) {
    throw new ShapeError(
      `pixelShuffle: channels must be a multiple of ${r}², got ${formatShape(x.shape)}`,
    );
  }
  const out = c / r ** 2;
  return rearrange(x, lead, [out, r, r, h, w], [0, 3, 1, 4, 2], [out, h * r, w * r]);
}

/** Pixels become channels, the inverse of {@link pixelShuffle}: [..., C, H·r, W·r] → [..., C·r², H, W]. */
export function pixelUnshuffle(x: Node, downscaleFactor: number): Node {
  const { lead, size } = planes("pixelUnshuffle", x);
  const [c, height, width] = size;
  const r = downscaleFactor;
  requireFactor("pixelUnshuffle", "downscaleFactor", r);
  if (height % r !== 0 || width % r !== 0) {
    throw new ShapeError(
      `pixelUnshuffle: height and width must be multiples of ${r}, got ${formatShape(x.shape)}`,
    );
  }
  const [h, w] = [height / r, width / r];
  return rearrange(x, lead, [c, h, r, w, r], [0, 2, 4, 1, 3], [c * r * r, h, w]);
}

/**
 * Interleaves groups of channels of x [N, C, …]: channel j of group g comes to place j · groups + g.
 * @see Zhang et al. 2017, https://arxiv.org/abs/1707.01083
 */
export function channelShuffle(x: Node, groups: number): Node {
  requireFactor("channelShuffle", "groups", groups);
  if (x.shape.length < 3 || x.shape[1] % groups !== 0) {
    throw new ShapeError(
      `channelShuffle: x must be [N, C, …] with channels a multiple of ${groups}, got ${formatShape(x.shape)}`,
    );
  }
  const [n, c, ...space] = x.shape;
  const split = [groups, c / groups, ...space];
  const perm = [1, 0, ...space.map((_, i) => i + 2)];
  return rearrange(x, [n], split, perm, [c, ...space]);
}
