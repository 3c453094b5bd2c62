import { ConfigError } from "../base/errors.ts";
import { range } from "../base/integers.ts";
import type { TensorOptions } from "./tensor.ts";
import { Tensor } from "./tensor.ts";

/** Options of windows. */
export interface WindowOptions extends TensorOptions {
  /** Whether copies side by side are smooth, for `fft.stft`; otherwise symmetric. @defaultValue true */
  readonly periodic?: boolean;
}

/** Numbers of a window by their place in −1 … 1; computed on the host in f64. */
function windowOf(
  op: string,
  length: number,
  { periodic = true, dtype = "f32", ...options }: WindowOptions,
  value: (place: number) => number,
): Tensor {
  if (!Number.isInteger(length) || length < 0) {
    throw new ConfigError(`${op}: length must be an integer ≥ 0, got ${length}`);
  }
  const last = periodic ? length : length - 1;
  const values = range(length).map((k) => (length === 1 ? 1 : value((2 * k) / last - 1)));
  return Tensor.from(Float64Array.from(values), [length], { dtype, ...options });
}

/** a₀ + a₁ cos πx + a₂ cos 2πx … */
const cosines =
  (...weights: readonly number[]): ((x: number) => number) =>
  (x) =>
    weights.reduce((sum, weight, k) => sum + weight * Math.cos(Math.PI * k * x), 0);

/** cos² of half a period: ½ + ½ cos πx for x from −1 to 1. */
export function hannWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("hannWindow", length, options, cosines(0.5, 0.5));
}

/** alpha + beta cos πx for x from −1 to 1. */
export function hammingWindow(
  length: number,
  {
    alpha = 0.54,
    beta = 0.46,
    ...options
  }: WindowOptions & { readonly alpha?: number; readonly beta?: number } = {},
): Tensor {
  return windowOf("hammingWindow", length, options, cosines(alpha, beta));
}

/** 0.42 + ½ cos πx + 0.08 cos 2πx for x from −1 to 1. */
export function blackmanWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("blackmanWindow", length, options, cosines(0.42, 0.5, 0.08));
}

/** 1 − |x| for x from −1 to 1. */
export function bartlettWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("bartlettWindow", length, options, (x) => 1 - Math.abs(x));
}

/** The modified Bessel function of order 0: Σ (x²/4)ᵏ / k!². */
function besselI0(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x * x) / (4 * k * k);
    sum += term;
  }
  return sum;
}

/** I₀(beta √(1 − x²)) / I₀(beta) for x from −1 to 1. */
export function kaiserWindow(
  length: number,
  { beta = 12, ...options }: WindowOptions & { readonly beta?: number } = {},
): Tensor {
  const whole = besselI0(beta);
  return windowOf("kaiserWindow", length, options, (x) => {
    return besselI0(beta * Math.sqrt(Math.max(1 - x * x, 0))) / whole;
  });
}
