import type { DType, HostArray } from "../../ir/dtype.ts";
import {
  bf16FromNumber,
  bf16ToNumber,
  f16FromNumber,
  f16ToNumber,
  hostView,
  isFloat,
} from "../../ir/dtype.ts";

/** Elements of one node while a program runs; f16 and bf16 are held as numbers, not as bits. */
export type Values =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array;

/** Zeros in the working format of a dtype. Stores round floats to f32 and wrap integers. */
export function makeValues(dtype: DType, length: number): Values {
  switch (dtype) {
    case "f64":
      return new Float64Array(length);
    case "f32":
    case "f16":
    case "bf16":
      return new Float32Array(length);
    case "i32":
      return new Int32Array(length);
    case "u32":
      return new Uint32Array(length);
    case "i8":
      return new Int8Array(length);
    case "u8":
    case "bool":
      return new Uint8Array(length);
    default:
      return dtype satisfies never;
  }
}

/** Rounds f16 and bf16 values in place to what storage can hold; other dtypes are exact already. */
export function roundToStorage(dtype: DType, values: Values): Values {
  if (dtype === "f16") {
    for (let i = 0; i < values.length; i++) values[i] = f16ToNumber(f16FromNumber(values[i]));
  } else if (dtype === "bf16") {
    for (let i = 0; i < values.length; i++) values[i] = bf16ToNumber(bf16FromNumber(values[i]));
  }
  return values;
}

/** Working values from storage format; always a copy, so that later writes do not show through. */
export function fromHost(dtype: DType, data: HostArray): Values {
  const values = makeValues(dtype, data.length);
  if (dtype === "f16") {
    for (let i = 0; i < data.length; i++) values[i] = f16ToNumber(data[i]);
  } else if (dtype === "bf16") {
    for (let i = 0; i < data.length; i++) values[i] = bf16ToNumber(data[i]);
  } else {
    values.set(data);
  }
  return values;
}

/** Writes working values into an array in storage format. */
export function toHost(dtype: DType, values: Values, data: HostArray): void {
  if (dtype === "f16") {
    for (let i = 0; i < data.length; i++) data[i] = f16FromNumber(values[i]);
  } else if (dtype === "bf16") {
    for (let i = 0; i < data.length; i++) data[i] = bf16FromNumber(values[i]);
  } else {
    data.set(values);
  }
}

/** A fresh array in storage format. */
export function makeHost(dtype: DType, length: number): HostArray {
  const bytes = makeValues(dtype, 0).BYTES_PER_ELEMENT * length;
  const half = dtype === "f16" || dtype === "bf16";
  return hostView(dtype, new ArrayBuffer(half ? bytes / 2 : bytes));
}

const integerLimits: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i8: [-128, 127],
  u8: [0, 255],
};

/**
 * Converts values between dtypes. Float to integer truncates and saturates with NaN → 0, integer to
 * integer keeps the low bits, anything to bool is `x ≠ 0`.
 */
export function convertValues(values: Values, from: DType, to: DType): Values {
  const out = makeValues(to, values.length);
  const limits = isFloat(from) ? integerLimits[to] : undefined;
  if (to === "bool") {
    for (let i = 0; i < out.length; i++) out[i] = values[i] !== 0 ? 1 : 0;
  } else if (limits !== undefined) {
    const [low, high] = limits;
    for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(values[i], low), high);
  } else {
    out.set(values);
  }
  return roundToStorage(to, out);
}

/** One number as an element of a dtype, by the rules of a cast from f64. */
export function convertNumber(value: number, dtype: DType): number {
  return convertValues(Float64Array.of(value), "f64", dtype)[0];
}
