import { ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { add, div, exp, log, mul, square, sub } from "./arithmetic.ts";
import { gt, where } from "./logic.ts";
import type { LossOptions } from "./loss.ts";
import { reduceLoss } from "./loss.ts";
import { broadcastOperands, inComputeDType } from "./operands.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of {@link poissonNllLoss}. */
export interface PoissonNllLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate. @defaultValue true */
  readonly logInput?: boolean | undefined;
  /** Adds Stirling's approximation of ln target! for targets above 1. @defaultValue false */
  readonly full?: boolean | undefined;
  /** Added to a rate whose logarithm is taken. @defaultValue 1e-8 */
  readonly eps?: number | undefined;
}

/** −ln P(target) of a Poisson distribution: e^input − target · input for logarithms of rates. */
export function poissonNllLoss(
  input: Node,
  target: Node,
  { logInput = true, full = false, eps = 1e-8, reduction }: PoissonNllLossOptions = {},
): Node {
  return inComputeDType(input, (given) => {
    const [x, y] = broadcastOperands("poissonNllLoss", [given, target], given.dtype);
    const loss = logInput ? sub(exp(x), mul(y, x)) : sub(x, mul(y, log(add(x, eps))));
    return reduceLoss(full ? add(loss, stirling(y)) : loss, reduction);
  });
}

/** ln n! ≈ n · ln n − n + ½ · ln 2πn for n > 1, 0 below. */
function stirling(count: Node): Node {
  const isLarge = gt(count, 1);
  const n = where(isLarge, count, 1);
  const value = add(sub(mul(n, log(n)), n), mul(log(mul(n, 2 * Math.PI)), 0.5));
  return where(isLarge, value, 0);
}

/** Options of {@link gaussianNllLoss}. */
export interface GaussianNllLossOptions extends LossOptions {
  /** Adds the constant ½ · ln 2π. @defaultValue false */
  readonly full?: boolean | undefined;
  /** Smallest variance. @defaultValue 1e-6 */
  readonly eps?: number | undefined;
}

/** The variance in a shape that broadcasts with the input, as torch reads it. */
function alignVariance(input: Node, variance: Node): Node {
  const { shape } = variance;
  if (sameShape(shape, input.shape) || shape.length === 0) return variance;
  if (sameShape(shape, input.shape.slice(0, -1))) return ir.reshape(variance, [...shape, 1]);
  const isAligned = shape.length === input.shape.length;
  const different = shape.filter((size, dim) => size !== input.shape[dim]);
  if (isAligned && different.length === 1 && different[0] === 1) return variance;
  throw new ShapeError(
    `gaussianNllLoss: variance must have the input's shape ${formatShape(input.shape)}, or one dim ` +
      `less or of size 1, got ${formatShape(shape)}`,
  );
}

/**
 * ½ · (ln variance + (input − target)² / variance). The variance is at least eps; its gradient
 * ignores that limit, as torch's does.
 */
export function gaussianNllLoss(
  input: Node,
  target: Node,
  variance: Node | number,
  { full = false, eps = 1e-6, reduction }: GaussianNllLossOptions = {},
): Node {
  return inComputeDType(input, (given) => {
    const spread = typeof variance === "number" ? ir.constant(variance, given.dtype) : variance;
    const [x, y, v] = broadcastOperands(
      "gaussianNllLoss",
      [given, target, alignVariance(given, spread)],
      given.dtype,
    );
    const limited = ir.binary("max", v, ir.fullLike(v, eps));
    const safe = add(v, stopGradient(sub(limited, v)));
    const loss = mul(add(log(safe), div(square(sub(x, y)), safe)), 0.5);
    return reduceLoss(full ? add(loss, 0.5 * Math.log(2 * Math.PI)) : loss, reduction);
  });
}
