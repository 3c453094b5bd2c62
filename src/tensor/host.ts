import { DTypeError, ShapeError } from "../base/errors.ts";
import type { DType, HostArray } from "../ir/dtype.ts";
import {
  bf16FromNumber,
  bf16ToNumber,
  dtypeBytes,
  f16FromNumber,
  f16ToNumber,
  hostView,
  isInteger,
} from "../ir/dtype.ts";
import type { Shape } from "../ir/shape.ts";
import { formatShape, numel } from "../ir/shape.ts";

/** Numbers or booleans in nested arrays, all rows of one length. */
export type NestedData = number | boolean | readonly NestedData[];

/** What reads return: the dtype's typed array; f16 and bf16 widened to f32, bool as 0 and 1. */
export type TensorData =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array;

/** Typed arrays tensors are made from. */
export type HostData = HostArray | Uint8ClampedArray | Int16Array;

const integerRange: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i8: [-128, 127],
  u8: [0, 255],
};

/** Shape and flat values of nested arrays. @throws {ShapeError} naming the first ragged path. */
export function flattenNested(data: NestedData): {
  readonly shape: number[];
  readonly values: number[];
  readonly isBool: boolean;
} {
  const shape: number[] = [];
  for (let at: NestedData = data; Array.isArray(at); at = at[0]) {
    shape.push(at.length);
    if (at.length === 0) break;
  }
  const values: number[] = [];
  let booleans = 0;
  const walk = (item: NestedData, depth: number, path: string): void => {
    if (!isList(item)) {
      if (depth < shape.length) refuseRagged(path, `a row of ${shape[depth]}`, String(item));
      if (typeof item === "boolean") booleans++;
      values.push(Number(item));
      return;
    }
    if (depth >= shape.length) refuseRagged(path, "a number", `a row of ${item.length}`);
    if (item.length !== shape[depth]) {
      refuseRagged(path, `a row of ${shape[depth]}`, `a row of ${item.length}`);
    }
    item.forEach((entry, i) => walk(entry, depth + 1, `${path}[${i}]`));
  };
  walk(data, 0, "data");
  return { shape, values, isBool: booleans > 0 && booleans === values.length };
}

function isList(item: NestedData): item is readonly NestedData[] {
  return Array.isArray(item);
}

function refuseRagged(path: string, wanted: string, got: string): never {
  throw new ShapeError(
    `tensor: nested arrays must be rectangular, got ${got} where ${wanted} is expected at ${path}`,
    { details: { path } },
  );
}

/** Dtype a typed array has by itself. @throws {DTypeError} for 16-bit data of unknown meaning. */
export function naturalDType(data: HostData): DType {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Float64Array) return "f64";
  if (data instanceof Uint32Array) return "u32";
  if (data instanceof Int8Array) return "i8";
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return "u8";
  if (data instanceof Int32Array || data instanceof Int16Array) return "i32";
  throw new DTypeError(
    'tensor: a Uint16Array holds raw half-precision bits; give { dtype: "f16" } or "bf16"',
  );
}

/** Numbers in the dtype's storage format. @throws {DTypeError} if an integer does not fit. */
export function encode(values: HostData | readonly number[], dtype: DType): HostArray {
  const result = hostView(dtype, new ArrayBuffer(values.length * dtypeBytes(dtype)));
  if (dtype === "f16" && !(values instanceof Uint16Array)) {
    for (let i = 0; i < values.length; i++) result[i] = f16FromNumber(values[i]);
  } else if (dtype === "bf16" && !(values instanceof Uint16Array)) {
    for (let i = 0; i < values.length; i++) result[i] = bf16FromNumber(values[i]);
  } else if (dtype === "bool") {
    for (let i = 0; i < values.length; i++) result[i] = values[i] === 0 ? 0 : 1;
  } else {
    if (isInteger(dtype)) requireRange(values, dtype);
    result.set(values);
  }
  return result;
}

function requireRange(values: ArrayLike<number>, dtype: DType): void {
  const [low, high] = integerRange[dtype] ?? [-Infinity, Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = Math.trunc(values[i]);
    if (value >= low && value <= high) continue;
    throw new DTypeError(
      `tensor: values must fit ${dtype} (${low} … ${high}), got ${values[i]} at index ${i}`,
      { details: { index: i } },
    );
  }
}

/** Storage format as numbers a person works with. */
export function decode(raw: HostArray, dtype: DType): TensorData {
  if (!(raw instanceof Uint16Array)) return raw;
  const convert = dtype === "f16" ? f16ToNumber : bf16ToNumber;
  return Float32Array.from(raw, convert);
}

/** Flat data as nested arrays; bool as booleans. */
export function toNested(data: TensorData, shape: Shape, dtype: DType): NestedData {
  const entry = (i: number): number | boolean => (dtype === "bool" ? data[i] !== 0 : data[i]);
  const build = (dim: number, offset: number, count: number): NestedData => {
    if (dim === shape.length) return entry(offset);
    const inner = shape[dim] === 0 ? 0 : count / shape[dim];
    return Array.from({ length: shape[dim] }, (_, i) => build(dim + 1, offset + i * inner, inner));
  };
  return build(0, 0, numel(shape));
}

/** Short text of the values, with the middle of long dims left out. */
export function formatData(data: TensorData, shape: Shape, dtype: DType): string {
  const edge = 3;
  const entry = (i: number): string =>
    dtype === "bool" ? String(data[i] !== 0) : String(Number(data[i].toPrecision(5)));
  const build = (dim: number, offset: number, count: number): string => {
    if (dim === shape.length) return entry(offset);
    const size = shape[dim];
    const inner = size === 0 ? 0 : count / size;
    const parts: string[] = [];
    for (let i = 0; i < size; i++) {
      if (size > 2 * edge + 1 && i === edge) {
        parts.push("…");
        i = size - edge;
      }
      parts.push(build(dim + 1, offset + i * inner, inner));
    }
    return `[${parts.join(dim === shape.length - 1 ? ", " : `,\n${" ".repeat(dim + 1)}`)}]`;
  };
  return `${dtype}${formatShape(shape)} ${build(0, 0, numel(shape))}`;
}
