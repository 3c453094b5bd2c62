import { ConfigError, ShapeError } from "../base/errors.ts";
import { resolveDevice } from "../engine/devices.ts";
import * as ir from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { formatShape } from "../ir/shape.ts";
import { distinct, storedCell } from "./cells.ts";
import type { HostData, NestedData } from "./host.ts";
import { encode, flattenNested } from "./host.ts";
import type { TensorOptions } from "./tensor.ts";
import { Tensor, derive } from "./tensor.ts";

/**
 * A tensor of nested arrays, a number, or a typed array. Numbers give f32, booleans bool, typed
 * arrays their own dtype.
 * @throws {ShapeError} naming the path where rows differ in length; {DTypeError} if a value does
 *   not fit the dtype.
 * @example tensor([[1, 2], [3, 4]]).shape // [2, 2]
 */
export function tensor(data: NestedData | HostData, options: TensorOptions = {}): Tensor {
  if (ArrayBuffer.isView(data)) return Tensor.from(data, [data.length], options);
  const { shape, values, isBool } = flattenNested(data);
  const { dtype = isBool ? "bool" : "f32", device, requiresGrad = false } = options;
  const cell = storedCell(encode(values, dtype), shape, dtype, resolveDevice(device));
  cell.requiresGrad = requiresGrad;
  return new Tensor(cell);
}

function lazy(node: Node, options: TensorOptions): Tensor {
  const result = derive([], distinct(node), resolveDevice(options.device));
  result.requiresGrad = options.requiresGrad ?? false;
  return result;
}

function requireShape(op: string, shape: Shape): void {
  if (Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0)) return;
  const text = Array.isArray(shape) ? formatShape(shape) : String(shape);
  throw new ShapeError(`${op}: shape must be an array of integers ≥ 0, got ${text}`);
}

/** A tensor of one value everywhere; takes no memory until it is needed. */
export function full(shape: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  requireShape("full", shape);
  const dtype = options.dtype ?? (typeof value === "boolean" ? "bool" : "f32");
  return lazy(ir.full(shape, Number(value), dtype), options);
}

/** Zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** Ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

const like = (x: Tensor, options: TensorOptions): TensorOptions => ({
  dtype: x.dtype,
  device: x.device,
  ...options,
});

/** A tensor of one value with the shape, dtype and device of another. */
export function fullLike(x: Tensor, value: number | boolean, options: TensorOptions = {}): Tensor {
  return full(x.shape, value, like(x, options));
}

/** Zeros with the shape, dtype and device of another tensor. */
export function zerosLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return fullLike(x, 0, options);
}

/** Ones with the shape, dtype and device of another tensor. */
export function onesLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return fullLike(x, 1, options);
}

/** start + i · step for i < count, exact in the integers and rounded once in floats. */
function progression(start: number, step: number, count: number, dtype: DType): Node {
  const isWhole = Number.isInteger(start) && Number.isInteger(step);
  const steps = ir.iota([count], 0);
  if (isWhole && Math.abs(start) + Math.abs(step) * count < 2 ** 31) {
    const scaled = ir.mul(steps, ir.fullLike(steps, step));
    return ir.cast(ir.add(scaled, ir.fullLike(steps, start)), dtype);
  }
  const floats = ir.cast(steps, dtype === "f64" ? "f64" : "f32");
  const scaled = ir.mul(floats, ir.fullLike(floats, step));
  return ir.cast(ir.add(scaled, ir.fullLike(floats, start)), dtype);
}

/** Options of {@link arange}. */
export interface ArangeOptions extends TensorOptions {
  /** @defaultValue 1 */
  readonly step?: number;
}

/**
 * start, start + step, … below `end`; `arange(end)` starts at 0. Whole numbers give i32, others f32.
 * @throws {ConfigError} if the step is 0 or leads away from the end.
 */
export function arange(end: number, options?: ArangeOptions): Tensor;
export function arange(start: number, end: number, options?: ArangeOptions): Tensor;
export function arange(
  first: number,
  second: number | ArangeOptions = {},
  third: ArangeOptions = {},
): Tensor {
  const [start, end] = typeof second === "number" ? [first, second] : [0, first];
  const options = typeof second === "number" ? third : second;
  const { step = 1 } = options;
  const count = Math.ceil((end - start) / step);
  if (step === 0 || !Number.isFinite(count) || count < 0) {
    throw new ConfigError(
      `arange: step must lead from start to end, got start ${start}, end ${end}, step ${step}`,
    );
  }
  const isWhole = [start, end, step].every(Number.isInteger);
  return lazy(progression(start, step, count, options.dtype ?? (isWhole ? "i32" : "f32")), options);
}

/** `steps` evenly spaced values from `start` to `end`, both included. */
export function linspace(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions = {},
): Tensor {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new ConfigError(`linspace: steps must be an integer ≥ 0, got ${steps}`);
  }
  const dtype = options.dtype ?? "f32";
  if (steps < 2) return lazy(ir.full([steps], start, dtype), options);
  const step = (end - start) / (steps - 1);
  // Each half counts from its own end, so that both ends are exact.
  const low = progression(start, step, steps, dtype);
  const high = ir.flip(progression(end, -step, steps, dtype), [0]);
  const index = ir.iota([steps], 0);
  const isLow = ir.binary("lt", index, ir.fullLike(index, Math.ceil(steps / 2)));
  return lazy(ir.where(isLow, low, high), options);
}

/** base^x for `steps` evenly spaced x from `start` to `end`; the base is 10 by default. */
export function logspace(
  start: number,
  end: number,
  steps: number,
  { base = 10, ...options }: TensorOptions & { readonly base?: number } = {},
): Tensor {
  const powers = linspace(start, end, steps, { ...options, dtype: "f64" });
  return powers
    .mul(Math.log(base))
    .exp()
    .to(options.dtype ?? "f32");
}

/** Ones on the diagonal, zeros elsewhere. */
export function eye(
  rows: number,
  options: TensorOptions & { readonly columns?: number } = {},
): Tensor {
  const shape = [rows, options.columns ?? rows];
  requireShape("eye", shape);
  const diagonal = ir.binary("eq", ir.iota(shape, 0), ir.iota(shape, 1));
  return lazy(ir.cast(diagonal, options.dtype ?? "f32"), options);
}
