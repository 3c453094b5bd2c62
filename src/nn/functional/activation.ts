import { lower } from "../../tensor/autocast.ts";
import * as ops from "../../tensor/ops/activation.ts";
import * as softmaxes from "../../tensor/ops/softmax.ts";
import * as trigonometry from "../../tensor/ops/trigonometry.ts";
import type { Generator } from "../../tensor/random.ts";
import { uniform } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import { unary, wideUnary } from "./apply.ts";

/** max(x, 0); the gradient at 0 is 0. */
export const relu: (x: Tensor) => Tensor = unary(ops.relu);

/** min(max(x, 0), 6). */
export const relu6: (x: Tensor) => Tensor = unary(ops.relu6);

/** x limited to [minVal, maxVal], −1 and 1 by default. */
export const hardtanh: (
  x: Tensor,
  options?: { readonly minVal?: number; readonly maxVal?: number },
) => Tensor = unary(ops.hardtanh);

/** 1 / (1 + e⁻ˣ), without overflow. */
export const sigmoid: (x: Tensor) => Tensor = unary(ops.sigmoid);

/** ln sigmoid(x). */
export const logSigmoid: (x: Tensor) => Tensor = unary(ops.logSigmoid);

/** {@link logSigmoid}, as torch spells it. */
export const logsigmoid: (x: Tensor) => Tensor = logSigmoid;

/** Hyperbolic tangent. */
export const tanh: (x: Tensor) => Tensor = unary(trigonometry.tanh);

/** x · sigmoid(x), also called swish. */
export const silu: (x: Tensor) => Tensor = unary(ops.silu);

/** x · tanh(softplus(x)). */
export const mish: (x: Tensor) => Tensor = unary(ops.mish);

/** Gaussian error linear unit, exact or by its tanh approximation. */
export const gelu: (x: Tensor, options?: ops.GeluOptions) => Tensor = unary(ops.gelu);

/** ln(1 + e^(β·x)) / β. */
export const softplus: (x: Tensor, options?: ops.SoftplusOptions) => Tensor = wideUnary(
  ops.softplus,
);

/** x above 0, α·(eˣ − 1) below. */
export const elu: (x: Tensor, options?: ops.EluOptions) => Tensor = unary(ops.elu);

/** x above 0, α·(e^(x/α) − 1) below. */
export const celu: (x: Tensor, options?: ops.EluOptions) => Tensor = unary(ops.celu);

/** Scaled elu with the constants of self-normalising networks. */
export const selu: (x: Tensor) => Tensor = unary(ops.selu);

/** x above 0, negativeSlope·x below; the slope is 0.01 by default. */
export const leakyRelu: (x: Tensor, options?: { readonly negativeSlope?: number }) => Tensor =
  unary(ops.leakyRelu);

/** leakyRelu with learned slopes: weight [1], or [C] for x [N, C, …]. */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  return derive([x, weight], ops.prelu(lower(x), lower(weight)));
}

/** x · hardsigmoid(x). */
export const hardswish: (x: Tensor) => Tensor = unary(ops.hardswish);

/** min(max(x + 3, 0), 6) / 6. */
export const hardsigmoid: (x: Tensor) => Tensor = unary(ops.hardsigmoid);

/** x / (1 + |x|). */
export const softsign: (x: Tensor) => Tensor = unary(ops.softsign);

/** x − tanh(x). */
export const tanhshrink: (x: Tensor) => Tensor = unary(ops.tanhshrink);

/** x moved towards 0 by λ, 0 in [−λ, λ]. */
export const softshrink: (x: Tensor, options?: ops.ShrinkOptions) => Tensor = unary(ops.softshrink);

/** x with [−λ, λ] set to 0. */
export const hardshrink: (x: Tensor, options?: ops.ShrinkOptions) => Tensor = unary(ops.hardshrink);

/** x where it exceeds a limit, otherwise `value`. */
export const threshold: (x: Tensor, limit: number, value: number) => Tensor = unary(ops.threshold);

/** a · sigmoid(b) for the halves a and b of x along `dim`, the last by default. */
export const glu: (x: Tensor, options?: { readonly dim?: number }) => Tensor = unary(ops.glu);

/** eˣ / Σ eˣ along `dim`, computed in f32 for half types. */
export const softmax: (x: Tensor, dim: number, options?: softmaxes.SoftmaxOptions) => Tensor =
  wideUnary(softmaxes.softmax);

/** e⁻ˣ / Σ e⁻ˣ along `dim`. */
export const softmin: (x: Tensor, dim: number, options?: softmaxes.SoftmaxOptions) => Tensor =
  wideUnary(softmaxes.softmin);

/** ln softmax(x) along `dim`. */
export const logSoftmax: (x: Tensor, dim: number, options?: softmaxes.SoftmaxOptions) => Tensor =
  wideUnary(softmaxes.logSoftmax);

/** {@link softmax} over the channels of x [N, C, H, W] or [C, H, W]. */
export const softmax2d: (x: Tensor) => Tensor = unary(ops.softmax2d);

/** Source of the randomness of an activation. */
export interface RandomActivationOptions {
  /** @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

/** Options of {@link rrelu}. */
export interface RReluOptions extends ops.RReluOptions, RandomActivationOptions {
  /** Whether slopes are drawn; otherwise all are the mean. @defaultValue false */
  readonly training?: boolean | undefined;
}

/** Applies an operation that needs one uniform number per element. */
function withUniform<Options>(
  op: (x: Tensor["node"], draws: Tensor["node"], options: Options) => Tensor["node"],
  x: Tensor,
  options: Options & RandomActivationOptions,
): Tensor {
  const { generator } = options;
  const draws = uniform(x.shape, { device: x.device, generator });
  const result = derive([x, draws], op(x.node, draws.node, options));
  draws.dispose();
  return result;
}

/** leakyRelu with slopes drawn from [lower, upper), 1/8 and 1/3 by default, in training. */
export function rrelu(x: Tensor, { training = false, ...options }: RReluOptions = {}): Tensor {
  if (!training) return derive([x], ops.rreluMean(x.node, options));
  return withUniform(ops.rrelu, x, options);
}

/** Options of {@link gumbelSoftmax}. */
export interface GumbelSoftmaxOptions extends ops.GumbelSoftmaxOptions, RandomActivationOptions {}

/**
 * A differentiable draw from the categorical distributions of the logits along `dim`.
 * @see Jang et al. 2016, "Categorical Reparameterization with Gumbel-Softmax"
 */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  return withUniform(ops.gumbelSoftmax, logits, options);
}
