import { ConfigError, DTypeError } from "../base/errors.ts";
import * as ir from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { normalizeDim } from "../ir/shape.ts";
import type { Generator } from "./generator.ts";
import { defaultGenerator } from "./generator.ts";
import { lt } from "./ops/logic.ts";
import { argmax } from "./ops/reduce.ts";
import { searchsorted } from "./ops/searching.ts";
import type { Tensor, TensorLike, TensorOptions } from "./tensor.ts";
import { derive, operand } from "./tensor.ts";

export { Generator, defaultGenerator, initialSeed, manualSeed } from "./generator.ts";

/** Options every draw takes. */
export interface RandomOptions extends TensorOptions {
  /** @defaultValue the default generator of the device */
  readonly generator?: Generator | undefined;
}

/** Random bits a dtype's significand holds: more would round up to 1. */
const significandBits: Readonly<Partial<Record<DType, number>>> = { f16: 11, bf16: 8 };

const shifted = (bits: Node, by: number): Node =>
  by === 0 ? bits : ir.binary("shr", bits, ir.fullLike(bits, by));

const scaled = (x: Node, factor: number): Node => ir.mul(x, ir.fullLike(x, factor));

/** Uniform values in [0, 1) from the key's bits, `streams` of them per element. */
function unitValues(key: Node, shape: Shape, dtype: DType, streams: number): Node[] {
  const words = dtype === "f64" ? 2 : 1;
  const bits = ir.randomBits(key, [streams * words, ...shape]);
  const word = (i: number): Node => ir.reshape(ir.narrow(bits, 0, i, 1), shape);
  return Array.from({ length: streams }, (_, i) => {
    if (dtype === "f64") {
      const high = scaled(ir.cast(shifted(word(2 * i), 5), "f64"), 2 ** -27);
      return ir.add(high, scaled(ir.cast(shifted(word(2 * i + 1), 6), "f64"), 2 ** -53));
    }
    const count = significandBits[dtype] ?? 24;
    return scaled(ir.cast(shifted(word(i), 32 - count), "f32"), 2 ** -count);
  });
}

function draw(options: RandomOptions, make: (key: Node) => Node): Tensor {
  const { generator = defaultGenerator(options.device) } = options;
  const key = generator.nextKey();
  const result = derive([key], make(key.node));
  key.dispose();
  result.requiresGrad = options.requiresGrad ?? false;
  return result;
}

function floatDType(op: string, { dtype = "f32" }: RandomOptions): DType {
  if (!isFloat(dtype)) throw new DTypeError(`random.${op}: dtype must be a float, got ${dtype}`);
  return dtype;
}

/**
 * Uniform values: low ≤ x < high.
 * DTypes: floats; f16 and bf16 hold as many random bits as their significand.
 */
export function uniform(
  shape: Shape,
  options: RandomOptions & { readonly low?: number; readonly high?: number } = {},
): Tensor {
  const { low = 0, high = 1 } = options;
  const dtype = floatDType("uniform", options);
  return draw(options, (key) => {
    const [unit] = unitValues(key, shape, dtype, 1);
    const value = scaled(unit, high - low);
    return ir.cast(low === 0 ? value : ir.add(value, ir.fullLike(value, low)), dtype);
  });
}

/**
 * Normal values by the Box-Muller transform: mean + std · √(−2 ln u) · cos 2πv.
 * DTypes: floats; f16 and bf16 are drawn in f32 and rounded.
 */
export function normal(
  shape: Shape,
  options: RandomOptions & { readonly mean?: number; readonly std?: number } = {},
): Tensor {
  const { mean = 0, std = 1 } = options;
  const dtype = floatDType("normal", options);
  return draw(options, (key) => {
    const [u, v] = unitValues(key, shape, dtype === "f64" ? "f64" : "f32", 2);
    // 1 − u lies in (0, 1], so the logarithm stays finite.
    const positive = ir.sub(ir.fullLike(u, 1), u);
    const radius = ir.unary("sqrt", scaled(ir.unary("log", positive), -2));
    const value = scaled(ir.mul(radius, ir.unary("cos", scaled(v, 2 * Math.PI))), std);
    return ir.cast(mean === 0 ? value : ir.add(value, ir.fullLike(value, mean)), dtype);
  });
}

/**
 * Integers: low ≤ x < high, i32 unless asked otherwise.
 * @throws {ConfigError} if the range is empty or wider than 2^32.
 */
export function randint(
  low: number,
  high: number,
  shape: Shape,
  options: RandomOptions = {},
): Tensor {
  const width = high - low;
  if (![low, high].every(Number.isInteger) || width < 1 || width > 2 ** 32) {
    throw new ConfigError(`random.randint: needs integers low < high, got ${low} and ${high}`);
  }
  return draw(options, (key) => {
    const bits = ir.randomBits(key, shape);
    const rest = width === 2 ** 32 ? bits : ir.binary("rem", bits, ir.fullLike(bits, width));
    const value = ir.cast(rest, "i32");
    return ir.cast(ir.add(value, ir.fullLike(value, low)), options.dtype ?? "i32");
  });
}

/**
 * True with probability `p`, independently for each element; bool unless asked otherwise.
 * @param p - a number or a tensor that broadcasts to the shape.
 */
export function bernoulli(shape: Shape, p: TensorLike, options: RandomOptions = {}): Tensor {
  const device = options.device ?? (typeof p === "number" ? undefined : p.device);
  const unit = uniform(shape, { ...options, device, dtype: "f32" });
  const node = ir.cast(lt(unit.node, operand(p)), options.dtype ?? "bool");
  const result = derive([unit, p], node);
  unit.dispose();
  return result;
}

/** The integers 0 … count−1 in random order, i32. */
export function permutation(count: number, options: RandomOptions = {}): Tensor {
  return draw(options, (key) => ir.argsort(ir.randomBits(key, [count]), 0, false));
}

/**
 * Indices drawn with the probabilities softmax(logits) along `dim`, i32 without that dim
 * (Gumbel-max: argmax of logits − ln(−ln(1 − u))).
 */
export function categorical(
  logits: Tensor,
  options: RandomOptions & { readonly dim?: number } = {},
): Tensor {
  const dim = normalizeDim("categorical", options.dim ?? -1, logits.ndim);
  const unit = uniform(logits.shape, { ...options, device: logits.device, dtype: "f32" });
  // −ln(1 − u) is exact near 0, where the winners lie; half a step keeps its logarithm finite.
  const exponential = ir.neg(ir.unary("log1p", ir.neg(unit.node)));
  const positive = ir.binary("max", exponential, ir.fullLike(exponential, 2 ** -25));
  const noise = ir.neg(ir.unary("log", positive));
  const scores = ir.add(ir.cast(logits.node, "f32"), noise);
  const result = derive([logits, unit], argmax(scores, { dim }));
  unit.dispose();
  return result;
}

/** Exponential variables: −ln(1 − u) / rate. */
export function exponential(
  shape: Shape,
  options: RandomOptions & { readonly lambd?: number } = {},
): Tensor {
  const { lambd = 1 } = options;
  const dtype = floatDType("exponential", options);
  return draw(options, (key) => {
    const [unit] = unitValues(key, shape, dtype === "f64" ? "f64" : "f32", 1);
    const value = scaled(ir.unary("log1p", ir.neg(unit)), -1 / lambd);
    return ir.cast(value, dtype);
  });
}

/** Cauchy variables: median + sigma · tan π(u − ½). */
export function cauchy(
  shape: Shape,
  options: RandomOptions & { readonly median?: number; readonly sigma?: number } = {},
): Tensor {
  const { median = 0, sigma = 1 } = options;
  const dtype = floatDType("cauchy", options);
  return draw(options, (key) => {
    const [unit] = unitValues(key, shape, dtype === "f64" ? "f64" : "f32", 1);
    // The middle of each step, so that no pole is hit.
    const step = dtype === "f64" ? 2 ** -54 : 2 ** -25;
    const angle = scaled(ir.add(unit, ir.fullLike(unit, step - 0.5)), Math.PI);
    const slope = ir.div(ir.unary("sin", angle), ir.unary("cos", angle));
    return ir.cast(ir.add(scaled(slope, sigma), ir.fullLike(slope, median)), dtype);
  });
}

/** How many trials of chance `p` it takes until the first succeeds, 1 or more. */
export function geometric(shape: Shape, p: number, options: RandomOptions = {}): Tensor {
  if (!(p > 0 && p < 1)) {
    throw new ConfigError(`random.geometric: p must be in (0, 1), got ${p}`);
  }
  const dtype = floatDType("geometric", options);
  return draw(options, (key) => {
    const [unit] = unitValues(key, shape, dtype === "f64" ? "f64" : "f32", 1);
    const waited = scaled(ir.unary("log1p", ir.neg(unit)), 1 / Math.log1p(-p));
    const trials = ir.unary("ceil", waited);
    return ir.cast(ir.binary("max", trials, ir.fullLike(trials, 1)), dtype);
  });
}

/** e to the power of normal values. */
export function logNormal(
  shape: Shape,
  options: RandomOptions & { readonly mean?: number; readonly std?: number } = {},
): Tensor {
  const { mean = 1, std = 2 } = options;
  return normal(shape, { ...options, mean, std }).exp();
}

/** Options of {@link multinomial}. */
export interface MultinomialOptions extends RandomOptions {
  /** Whether an index may be drawn several times. */
  readonly replacement?: boolean;
}

/**
 * Indices drawn with chances in proportion to weights ≥ 0, i32.
 * Shapes: weights [N] or [B, N] -> [numSamples] or [B, numSamples].
 * Without replacement the indices are distinct: the first arrivals of a race of exponential
 * variables; weights of 0 come last, when there are fewer others than samples.
 * @throws {ConfigError} if more samples are asked for than there are weights, without replacement.
 */
export function multinomial(
  weights: Tensor,
  numSamples: number,
  { replacement = false, ...options }: MultinomialOptions = {},
): Tensor {
  const count = weights.shape[weights.ndim - 1];
  const isFew = replacement || numSamples <= count;
  if (weights.ndim < 1 || weights.ndim > 2 || numSamples < 1 || !isFew) {
    throw new ConfigError(
      `random.multinomial: needs weights [N] or [B, N] and 1 … N samples without replacement, ` +
        `got ${weights.shape.join(" × ")} and ${numSamples}`,
    );
  }
  const chances = weights.to("f32").detach();
  const { device } = weights;
  if (!replacement) {
    const arrivals = exponential(chances.shape, { ...options, device, dtype: "f32" });
    // 2⁻²⁵ stands for a draw of 0, whose quotient with a weight of 0 would be no number.
    return arrivals
      .clampMin(2 ** -25)
      .div(chances)
      .topk(numSamples, { largest: false }).indices;
  }
  const total = chances.cumsum(-1);
  const shape = [...chances.shape.slice(0, -1), numSamples];
  const points = uniform(shape, { ...options, device, dtype: "f32" });
  const wanted = points.mul(total.narrow(-1, count - 1, 1));
  return derive([total, wanted], searchsorted(total.node, wanted.node, { right: true }));
}

/** Options that repeat another tensor's. */
const likeOptions = <Options extends RandomOptions>(x: Tensor, options: Options): Options => ({
  dtype: x.dtype,
  device: x.device,
  ...options,
});

/** Uniform values in [0, 1) with the shape, dtype and device of another tensor. */
export function randLike(x: Tensor, options: RandomOptions = {}): Tensor {
  return uniform(x.shape, likeOptions(x, options));
}

/** Standard normal values with the shape, dtype and device of another tensor. */
export function randnLike(x: Tensor, options: RandomOptions = {}): Tensor {
  return normal(x.shape, likeOptions(x, options));
}

/** Integers low ≤ x < high with the shape, dtype and device of another tensor. */
export function randintLike(
  x: Tensor,
  low: number,
  high: number,
  options: RandomOptions = {},
): Tensor {
  return randint(low, high, x.shape, likeOptions(x, options));
}

/** As {@link permutation}, by torch's name. */
export function randperm(count: number, options: RandomOptions = {}): Tensor {
  return permutation(count, options);
}

/** Standard normal values. */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  return normal(shape, options);
}

/** Uniform values in [0, 1). */
export function rand(shape: Shape, options: RandomOptions = {}): Tensor {
  return uniform(shape, options);
}
