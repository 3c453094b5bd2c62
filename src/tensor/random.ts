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
import type { Tensor, TensorLike, TensorOptions } from "./tensor.ts";
import { derive, operand } from "./tensor.ts";

export { Generator, defaultGenerator, manualSeed } from "./generator.ts";

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

/** Standard normal values. */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  return normal(shape, options);
}

/** Uniform values in [0, 1). */
export function rand(shape: Shape, options: RandomOptions = {}): Tensor {
  return uniform(shape, options);
}
