import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim } from "../../ir/shape.ts";
import {
  abs,
  add,
  div,
  exp,
  expm1,
  log,
  log1p,
  maximum,
  minimum,
  mul,
  neg,
  square,
  sub,
} from "./arithmetic.ts";
import { ge, gt, le, lt, where } from "./logic.ts";
import { inComputeDType } from "./operands.ts";
import { softmax } from "./softmax.ts";
import { stopGradient } from "./stop-gradient.ts";
import { tanh } from "./trigonometry.ts";

/** max(x, 0); the gradient at 0 is 0, NaN stays NaN. */
export function relu(x: Node): Node {
  return where(le(x, 0), 0, x);
}

/** min(max(x, 0), 6). */
export function relu6(x: Node): Node {
  return hardtanh(x, { minVal: 0, maxVal: 6 });
}

/** x limited to [minVal, maxVal], −1 and 1 by default; the gradient at the limits is 0. */
export function hardtanh(
  x: Node,
  { minVal = -1, maxVal = 1 }: { readonly minVal?: number; readonly maxVal?: number } = {},
): Node {
  return where(le(x, minVal), minVal, where(ge(x, maxVal), maxVal, x));
}

/**
 * 1 / (1 + e⁻ˣ). One exponential of −|x|, which cannot overflow, serves both signs; selecting
 * instead of |x| keeps the gradient at 0.
 */
export function sigmoid(x: Node): Node {
  return inComputeDType(x, (a) => {
    const negative = lt(a, 0);
    const power = exp(where(negative, a, neg(a)));
    return div(where(negative, power, 1), add(power, 1));
  });
}

/** ln sigmoid(x) = min(x, 0) − ln(1 + e^−|x|). */
export function logSigmoid(x: Node): Node {
  return inComputeDType(x, (a) => sub(minimum(a, 0), log1p(exp(neg(abs(a))))));
}

/** x · sigmoid(x), also called swish. */
export function silu(x: Node): Node {
  return inComputeDType(x, (a) => mul(a, sigmoid(a)));
}

/** x · tanh(softplus(x)). */
export function mish(x: Node): Node {
  return inComputeDType(x, (a) => mul(a, tanh(softplus(a))));
}

/** Which formula {@link gelu} uses. */
export interface GeluOptions {
  /** `"none"`: x · Φ(x) by erf; `"tanh"`: its tanh approximation. @defaultValue "none" */
  readonly approximate?: "none" | "tanh";
}

/** Gaussian error linear unit: x · Φ(x). */
export function gelu(x: Node, { approximate = "none" }: GeluOptions = {}): Node {
  return inComputeDType(x, (a) => {
    if (approximate === "none") {
      return mul(mul(a, 0.5), add(ir.unary("erf", mul(a, Math.SQRT1_2)), 1));
    }
    const cubic = add(a, mul(mul(square(a), a), 0.044715));
    return mul(mul(a, 0.5), add(tanh(mul(cubic, Math.sqrt(2 / Math.PI))), 1));
  });
}

/** Options of {@link softplus}. */
export interface SoftplusOptions {
  /** @defaultValue 1 */
  readonly beta?: number;
  /** Above it β·x counts as its own softplus. @defaultValue 20 */
  readonly threshold?: number;
}

/** ln(1 + e^(β·x)) / β. */
export function softplus(x: Node, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Node {
  return inComputeDType(x, (a) => {
    const scaled = mul(a, beta);
    const soft = add(maximum(scaled, 0), log1p(exp(neg(abs(scaled)))));
    return where(gt(scaled, threshold), a, div(soft, beta));
  });
}

/** x above 0, `scale`·(e^(x·`rate`) − 1) below: the family of elu, selu and celu. */
function exponentialUnit(x: Node, scale: number, rate: number): Node {
  return inComputeDType(x, (a) => {
    const positive = gt(a, 0);
    // The unused branch sees 0, so that it cannot overflow.
    const power = expm1(mul(where(positive, 0, a), rate));
    return where(positive, a, mul(power, scale));
  });
}

/** Options of {@link elu} and {@link celu}. */
export interface EluOptions {
  /** @defaultValue 1 */
  readonly alpha?: number;
}

/** x above 0, α·(eˣ − 1) below. */
export function elu(x: Node, { alpha = 1 }: EluOptions = {}): Node {
  return exponentialUnit(x, alpha, 1);
}

/** x above 0, α·(e^(x/α) − 1) below. */
export function celu(x: Node, { alpha = 1 }: EluOptions = {}): Node {
  return exponentialUnit(x, alpha, 1 / alpha);
}

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** Scaled elu with the constants of self-normalising networks. */
export function selu(x: Node): Node {
  return inComputeDType(x, (a) => mul(exponentialUnit(a, seluAlpha, 1), seluScale));
}

/** x above 0, negativeSlope·x below. */
export function leakyRelu(
  x: Node,
  { negativeSlope = 0.01 }: { readonly negativeSlope?: number } = {},
): Node {
  return where(gt(x, 0), x, mul(x, negativeSlope));
}

/** leakyRelu with learned slopes: weight [1], or [C] for x [N, C, …]. */
export function prelu(x: Node, weight: Node): Node {
  const slopes = weight.shape[0] ?? 1;
  const channels = x.shape.length > 1 ? x.shape[1] : 1;
  if (weight.shape.length > 1 || (slopes !== 1 && slopes !== channels)) {
    throw new ShapeError(
      `prelu: weight must be [1] or [${channels}], got ${formatShape(weight.shape)} for ${formatShape(x.shape)}`,
    );
  }
  const shape = slopes === 1 ? [] : [channels, ...x.shape.slice(2).fill(1)];
  return where(gt(x, 0), x, mul(x, ir.reshape(ir.cast(weight, x.dtype), shape)));
}

/** x · hardsigmoid(x). */
export function hardswish(x: Node): Node {
  return inComputeDType(x, (a) => mul(a, hardsigmoid(a)));
}

/** min(max(x + 3, 0), 6) / 6. */
export function hardsigmoid(x: Node): Node {
  return inComputeDType(x, (a) => div(relu6(add(a, 3)), 6));
}

/** x / (1 + |x|). */
export function softsign(x: Node): Node {
  return inComputeDType(x, (a) => div(a, add(abs(a), 1)));
}

/** x − tanh(x). */
export function tanhshrink(x: Node): Node {
  return inComputeDType(x, (a) => sub(a, tanh(a)));
}

/** Options of {@link softshrink} and {@link hardshrink}. */
export interface ShrinkOptions {
  /** Half the width of the interval that becomes 0. @defaultValue 0.5 */
  readonly lambd?: number;
}

/** x moved towards 0 by λ, 0 in [−λ, λ]. */
export function softshrink(x: Node, { lambd = 0.5 }: ShrinkOptions = {}): Node {
  return where(gt(x, lambd), sub(x, lambd), where(lt(x, -lambd), add(x, lambd), mul(x, 0)));
}

/** x with [−λ, λ] set to 0. */
export function hardshrink(x: Node, { lambd = 0.5 }: ShrinkOptions = {}): Node {
  return where(le(abs(x), lambd), 0, x);
}

/** x where it exceeds a threshold, otherwise `value`. */
export function threshold(x: Node, limit: number, value: number): Node {
  return where(le(x, limit), value, x);
}

/** a · sigmoid(b) for the halves a and b of x along `dim`. */
export function glu(x: Node, { dim = -1 }: { readonly dim?: number } = {}): Node {
  const axis = normalizeDim("glu", dim, x.shape.length);
  const half = x.shape[axis] / 2;
  if (!Number.isInteger(half)) {
    throw new ShapeError(`glu: dim ${axis} must have an even size, got ${formatShape(x.shape)}`);
  }
  return mul(ir.narrow(x, axis, 0, half), sigmoid(ir.narrow(x, axis, half, half)));
}

/** Options of {@link rrelu}. */
export interface RReluOptions {
  /** Smallest slope below 0. @defaultValue 1/8 */
  readonly lower?: number | undefined;
  /** Largest slope below 0. @defaultValue 1/3 */
  readonly upper?: number | undefined;
}

function checkSlopes(lower: number, upper: number): void {
  if (lower <= upper) return;
  throw new ConfigError(`rrelu: lower must not exceed upper, got ${lower} and ${upper}`);
}

/** leakyRelu whose slope is drawn for every element below or at 0, uniform in [lower, upper). */
export function rrelu(
  x: Node,
  uniform: Node,
  { lower = 1 / 8, upper = 1 / 3 }: RReluOptions = {},
): Node {
  checkSlopes(lower, upper);
  return inComputeDType(x, (a) => {
    const slopes = add(mul(ir.cast(uniform, a.dtype), upper - lower), lower);
    return where(gt(a, 0), a, mul(a, slopes));
  });
}

/** leakyRelu with the mean of rrelu's slopes: what it is in evaluation. */
export function rreluMean(x: Node, { lower = 1 / 8, upper = 1 / 3 }: RReluOptions = {}): Node {
  checkSlopes(lower, upper);
  return leakyRelu(x, { negativeSlope: (lower + upper) / 2 });
}

/** Options of {@link gumbelSoftmax}. */
export interface GumbelSoftmaxOptions {
  /** Temperature. @defaultValue 1 */
  readonly tau?: number | undefined;
  /** One-hot results with the gradient of the soft ones. @defaultValue false */
  readonly hard?: boolean | undefined;
  /** @defaultValue -1 */
  readonly dim?: number | undefined;
}

/** softmax((logits + g) / τ) of Gumbel noise g = −ln(−ln u) for uniform u in [0, 1). */
export function gumbelSoftmax(
  logits: Node,
  uniform: Node,
  { tau = 1, hard = false, dim = -1 }: GumbelSoftmaxOptions = {},
): Node {
  if (!(tau > 0)) throw new ConfigError(`gumbelSoftmax: tau must be > 0, got ${tau}`);
  const axis = normalizeDim("gumbelSoftmax", dim, logits.shape.length);
  return inComputeDType(logits, (x) => {
    // The middle of the step that u stands for: neither logarithm meets 0.
    const u = add(ir.cast(uniform, x.dtype), 2 ** -25);
    const noise = neg(log(neg(log(u))));
    const soft = softmax(div(add(x, noise), tau), axis);
    if (!hard) return soft;
    const winner = ir.expand(ir.argmax(soft, axis), soft.shape);
    const oneHot = ir.cast(ir.binary("eq", winner, ir.iota(soft.shape, axis)), soft.dtype);
    return add(oneHot, sub(soft, stopGradient(soft)));
  });
}

/** Softmax over the channels of x [N, C, H, W] or [C, H, W]. */
export function softmax2d(x: Node): Node {
  if (x.shape.length !== 3 && x.shape.length !== 4) {
    throw new ShapeError(
      `softmax2d: x must be [N, C, H, W] or [C, H, W], got ${formatShape(x.shape)}`,
    );
  }
  return softmax(x, -3);
}
