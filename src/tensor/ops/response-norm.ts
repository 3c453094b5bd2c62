import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { add, div, mul, pow } from "./arithmetic.ts";
import { inComputeDType } from "./operands.ts";

/** Options of {@link localResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Weight of the mean square. @defaultValue 1e-4 */
  readonly alpha?: number | undefined;
  /** Exponent. @defaultValue 0.75 */
  readonly beta?: number | undefined;
  /** Added to the weighted mean square. @defaultValue 1 */
  readonly k?: number | undefined;
}

/**
 * x / (k + alpha · m)^beta, where m is the mean square of `size` neighbouring channels of x
 * [N, C, …] (zeros beyond the ends).
 * @see Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks"
 */
export function localResponseNorm(
  x: Node,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
): Node {
  if (x.shape.length < 3) {
    throw new ShapeError(
      `localResponseNorm: x must have at least 3 dims, got ${formatShape(x.shape)}`,
    );
  }
  if (!Number.isInteger(size) || size < 1) {
    throw new ConfigError(`localResponseNorm: size must be an integer ≥ 1, got ${size}`);
  }
  const before = Math.floor(size / 2);
  const at = (n: number): number[] => x.shape.map((_, dim) => (dim === 1 ? n : 0));
  return inComputeDType(x, (a) => {
    const padded = ir.pad(mul(a, a), at(before), at(size - 1 - before));
    const slid = ir.window(padded, { dims: [1], size: [size], stride: [1], dilation: [1] });
    const sums = ir.reshape(ir.reduceSum(slid, [x.shape.length]), x.shape);
    return div(a, pow(add(mul(div(sums, size), alpha), k), beta));
  });
}
