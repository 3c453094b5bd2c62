import { CheckpointError } from "../base/errors.ts";
import { product } from "../base/integers.ts";
import type { HostData } from "../tensor/host.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TensorToStore } from "./safetensors-header.ts";
import type { StoredDType } from "./stored-dtype.ts";
import { storedBytes } from "./stored-dtype.ts";

type DType = Tensor["dtype"];

interface Reading {
  readonly dtype: DType;
  /** The bytes as data for the dtype. */
  readonly decode: (bytes: ArrayBuffer, place: TensorPlace) => HostData;
}

/** What errors name, and where the tensor goes. */
export interface TensorPlace {
  readonly format: string;
  /** The tensor and the file. */
  readonly where: string;
  readonly device: string | undefined;
}

/** How each stored element type becomes a tensor; the missing ones cannot. */
const readings: Readonly<Partial<Record<StoredDType, Reading>>> = {
  F64: { dtype: "f64", decode: (bytes) => new Float64Array(bytes) },
  F32: { dtype: "f32", decode: (bytes) => new Float32Array(bytes) },
  F16: { dtype: "f16", decode: (bytes) => new Uint16Array(bytes) },
  BF16: { dtype: "bf16", decode: (bytes) => new Uint16Array(bytes) },
  I64: { dtype: "i32", decode: (bytes, place) => narrow(new BigInt64Array(bytes), "i32", place) },
  U64: { dtype: "u32", decode: (bytes, place) => narrow(new BigUint64Array(bytes), "u32", place) },
  I32: { dtype: "i32", decode: (bytes) => new Int32Array(bytes) },
  U32: { dtype: "u32", decode: (bytes) => new Uint32Array(bytes) },
  I16: { dtype: "i32", decode: (bytes) => Int32Array.from(new Int16Array(bytes)) },
  U16: { dtype: "i32", decode: (bytes) => Int32Array.from(new Uint16Array(bytes)) },
  I8: { dtype: "i8", decode: (bytes) => new Int8Array(bytes) },
  U8: { dtype: "u8", decode: (bytes) => new Uint8Array(bytes) },
  BOOL: { dtype: "bool", decode: (bytes, place) => requireBools(new Uint8Array(bytes), place) },
};

const writings = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  i32: "I32",
  u32: "U32",
  i8: "I8",
  u8: "U8",
  bool: "BOOL",
} as const satisfies Record<DType, StoredDType>;

function narrow(
  values: BigInt64Array | BigUint64Array,
  dtype: "i32" | "u32",
  { format, where }: TensorPlace,
): Int32Array | Uint32Array {
  const [low, high] = dtype === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const result = dtype === "i32" ? new Int32Array(values.length) : new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (value < low || value > high) {
      throw new CheckpointError(
        `${format}: 64-bit integers are read as ${dtype}, so they must be ${low} … ${high}, ` +
          `got ${values[i]} at index ${i} of ${where}; store them as floats or smaller numbers`,
      );
    }
    result[i] = value;
  }
  return result;
}

function requireBools(values: Uint8Array, { format, where }: TensorPlace): Uint8Array {
  const index = values.findIndex((value) => value > 1);
  if (index < 0) return values;
  throw new CheckpointError(
    `${format}: BOOL bytes must be 0 or 1, got ${values[index]} at index ${index} of ${where}; ` +
      "the file is damaged, download or save it again",
  );
}

/**
 * A tensor from the bytes a file holds for it.
 *
 * @throws {CheckpointError} if the dtype cannot be represented, or a value cannot.
 */
export function tensorFromBytes(
  bytes: ArrayBuffer,
  info: { readonly dtype: StoredDType; readonly shape: readonly number[] },
  place: TensorPlace,
): Tensor {
  const { format, where, device } = place;
  const reading = readings[info.dtype];
  if (reading === undefined) {
    throw new CheckpointError(
      `${format}: dtype must be one of ${Object.keys(readings).join(", ")}, ` +
        `got ${info.dtype} for ${where}; convert the file, or load its other tensors by name`,
    );
  }
  const { dtype, decode } = reading;
  return Tensor.from(decode(bytes, place), info.shape, {
    dtype,
    ...(device !== undefined && { device }),
  });
}

/** What a header says about a tensor to save under this name. */
export function describeTensor(name: string, tensor: Tensor): TensorToStore {
  const dtype = writings[tensor.dtype];
  return { name, dtype, shape: tensor.shape, bytes: storedBytes(dtype, product(tensor.shape)) };
}
