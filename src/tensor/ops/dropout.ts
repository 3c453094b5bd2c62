import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import type { Shape } from "../../ir/shape.ts";
import { formatShape } from "../../ir/shape.ts";
import { mul } from "./arithmetic.ts";

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

/** Dropout of whole channels of x [N, C, …]. Its names in torch are dropout1d, 2d and 3d. */
export function featureDropout(x: Node, key: Node, options: DropoutOptions = {}): Node {
  if (x.shape.length < 2) {
    throw new ShapeError(`featureDropout: x must be [N, C, …], got ${formatShape(x.shape)}`);
  }
  const mask = x.shape.map((size, dim) => (dim < 2 ? size : 1));
  return dropMasked("featureDropout", x, key, options, mask);
}
