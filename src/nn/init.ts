import { ConfigError, ShapeError } from "../base/errors.ts";
import { product } from "../base/integers.ts";
import { erf } from "../base/special-functions.ts";
import { eye as eyeTensor, full } from "../tensor/factories.ts";
import type { Generator } from "../tensor/generator.ts";
import * as random from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { isInitSkipped } from "./skip-init.ts";

export type { OrthogonalOptions, SparseOptions } from "./init-structured.ts";
export { dirac, orthogonal, sparse } from "./init-structured.ts";

/** What follows a layer, for the gain that keeps its variance. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "convTranspose1d"
  | "convTranspose2d"
  | "convTranspose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu";

/** Options of every random initialiser. */
export interface RandomInitOptions {
  /** @defaultValue the default generator of the tensor's device */
  readonly generator?: Generator | undefined;
}

/** Options of the Kaiming initialisers. */
export interface KaimingOptions extends RandomInitOptions {
  /** Negative slope of the leaky relu that follows. @defaultValue 0 */
  readonly a?: number;
  /** Whether the forward or the backward pass keeps its variance. @defaultValue "fanIn" */
  readonly mode?: "fanIn" | "fanOut";
  /** @defaultValue "leakyRelu" */
  readonly nonlinearity?: Nonlinearity;
}

/** Options of the Xavier initialisers. */
export interface XavierOptions extends RandomInitOptions {
  /** @defaultValue 1 */
  readonly gain?: number;
}

/** Number of inputs and outputs of one unit. */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/**
 * Factor that keeps the variance through a nonlinearity.
 * @param param - negative slope of leakyRelu. @defaultValue 0.01
 */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + param ** 2));
    case "selu":
      return 3 / 4;
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "convTranspose1d":
    case "convTranspose2d":
    case "convTranspose3d":
    case "sigmoid":
      return 1;
    default:
      nonlinearity satisfies never;
      throw new ConfigError(`calculateGain: unknown nonlinearity, got "${String(nonlinearity)}"`);
  }
}

/** Fans of a weight [out, in, …kernel]. @throws {ShapeError} below two dims. */
export function calculateFanInAndFanOut({ shape }: Tensor): Fans {
  if (shape.length < 2) {
    throw new ShapeError(`init: fans need at least two dims, got [${shape.join(", ")}]`);
  }
  const kernel = product(shape.slice(2));
  return { fanIn: shape[1] * kernel, fanOut: shape[0] * kernel };
}

const like = ({ dtype, device }: Tensor): Pick<Tensor, "dtype" | "device"> => ({ dtype, device });

/** Fills with uniform values in [a, b). */
export function uniform(
  tensor: Tensor,
  {
    a = 0,
    b = 1,
    generator,
  }: RandomInitOptions & { readonly a?: number; readonly b?: number } = {},
): Tensor {
  if (isInitSkipped()) return tensor;
  const options = { ...like(tensor), low: a, high: b, generator };
  return tensor.assign(random.uniform(tensor.shape, options));
}

/** Fills with normal values. */
export function normal(
  tensor: Tensor,
  {
    mean = 0,
    std = 1,
    generator,
  }: RandomInitOptions & { readonly mean?: number; readonly std?: number } = {},
): Tensor {
  if (isInitSkipped()) return tensor;
  return tensor.assign(random.normal(tensor.shape, { ...like(tensor), mean, std, generator }));
}

/** Fills with one value. */
export function constant(tensor: Tensor, value: number): Tensor {
  return tensor.assign(full(tensor.shape, value, like(tensor)));
}

/** Fills with zeros. */
export function zeros(tensor: Tensor): Tensor {
  return constant(tensor, 0);
}

/** Fills with ones. */
export function ones(tensor: Tensor): Tensor {
  return constant(tensor, 1);
}

/** Fills a matrix with the identity. @throws {ShapeError} if it is no matrix. */
export function eye(tensor: Tensor): Tensor {
  const { shape } = tensor;
  if (shape.length !== 2) {
    throw new ShapeError(`init.eye: needs a matrix, got [${shape.join(", ")}]`);
  }
  return tensor.assign(eyeTensor(shape[0], { ...like(tensor), columns: shape[1] }));
}

/** Options of {@link truncNormal}. */
export interface TruncNormalOptions extends RandomInitOptions {
  /** @defaultValue 0 */
  readonly mean?: number;
  /** @defaultValue 1 */
  readonly std?: number;
  /** Smallest value. @defaultValue -2 */
  readonly a?: number;
  /** Largest value. @defaultValue 2 */
  readonly b?: number;
}

/**
 * Fills with normal values of which only those in [a, b] are kept, by inverting the distribution
 * function: $x = μ + σ Φ^{-1}(u)$ for u uniform between Φ((a-μ)/σ) and Φ((b-μ)/σ).
 * @throws {ConfigError} if `a` is not below `b`.
 */
export function truncNormal(
  tensor: Tensor,
  { mean = 0, std = 1, a = -2, b = 2, generator }: TruncNormalOptions = {},
): Tensor {
  if (!(a < b)) throw new ConfigError(`init.truncNormal: a must be below b, got ${a} and ${b}`);
  if (isInitSkipped()) return tensor;
  const [low, high] = [a, b].map((limit) => erf((limit - mean) / std / Math.SQRT2));
  const dtype = tensor.dtype === "f64" ? "f64" : "f32";
  const { shape, device } = tensor;
  const spread = random.uniform(shape, { low, high, dtype, device, generator });
  const value = inverseErf(spread)
    .mul(std * Math.SQRT2)
    .add(mean);
  return tensor.assign(value.clamp({ min: a, max: b }).to(tensor.dtype));
}

const centralErf = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503,
  -0.00417768164, 0.246640727, 1.50140941,
];
const tailErf = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
  0.00943887047, 1.00167406, 2.83297682,
];

/** The inverse of erf to single precision: Giles 2010, "Approximating the erfinv function". */
function inverseErf(x: Tensor): Tensor {
  const polynomial = (w: Tensor, coefficients: readonly number[]): Tensor =>
    coefficients.slice(1).reduce((sum, c) => sum.mul(w).add(c), w.mul(0).add(coefficients[0]));
  const w = x.square().neg().add(1).clamp({ min: 1e-12 }).log().neg();
  const central = polynomial(w.sub(2.5), centralErf);
  const tail = polynomial(w.sqrt().sub(3), tailErf);
  return central.where(w.lt(5), tail).mul(x);
}

function xavierStd(tensor: Tensor, gain: number): number {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/**
 * Uniform values of variance gain² · 2 / (fanIn + fanOut).
 * @see Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
 */
export function xavierUniform(tensor: Tensor, { gain = 1, generator }: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3) * xavierStd(tensor, gain);
  return uniform(tensor, { a: -bound, b: bound, generator });
}

/** Normal values of variance gain² · 2 / (fanIn + fanOut). */
export function xavierNormal(tensor: Tensor, { gain = 1, generator }: XavierOptions = {}): Tensor {
  return normal(tensor, { std: xavierStd(tensor, gain), generator });
}

function kaimingStd(
  tensor: Tensor,
  { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" }: KaimingOptions,
): number {
  return calculateGain(nonlinearity, a) / Math.sqrt(calculateFanInAndFanOut(tensor)[mode]);
}

/**
 * Uniform values of variance gain² / fan.
 * @see He et al. 2015, "Delving Deep into Rectifiers", https://arxiv.org/abs/1502.01852
 */
export function kaimingUniform(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform(tensor, { a: -bound, b: bound, generator: options.generator });
}

/** Normal values of variance gain² / fan. */
export function kaimingNormal(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal(tensor, { std: kaimingStd(tensor, options), generator: options.generator });
}
