import { DTypeError } from "../base/errors.ts";

/** Element types. 64-bit integers are read as i32 with a range check, so no i64 exists. */
export const dtypes = ["f64", "f32", "f16", "bf16", "i32", "u32", "i8", "u8", "bool"] as const;

/** Element type of a tensor. */
export type DType = (typeof dtypes)[number];

/** Host arrays that hold tensor data. f16 and bf16 travel as raw bits in a Uint16Array. */
export type HostArray =
  | Float64Array
  | Float32Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array;

interface DTypeFacts {
  readonly bytes: number;
  readonly kind: "float" | "int" | "uint" | "bool";
}

const facts: Readonly<Record<DType, DTypeFacts>> = {
  f64: { bytes: 8, kind: "float" },
  f32: { bytes: 4, kind: "float" },
  f16: { bytes: 2, kind: "float" },
  bf16: { bytes: 2, kind: "float" },
  i32: { bytes: 4, kind: "int" },
  u32: { bytes: 4, kind: "uint" },
  i8: { bytes: 1, kind: "int" },
  u8: { bytes: 1, kind: "uint" },
  bool: { bytes: 1, kind: "bool" },
};

/** Bytes of one element in memory. */
export function dtypeBytes(dtype: DType): number {
  return facts[dtype].bytes;
}

/** Whether the dtype is f64, f32, f16 or bf16. */
export function isFloat(dtype: DType): boolean {
  return facts[dtype].kind === "float";
}

/** Whether the dtype is an integer type (bool is not). */
export function isInteger(dtype: DType): boolean {
  return facts[dtype].kind === "int" || facts[dtype].kind === "uint";
}

/** Whether the dtype is an unsigned integer type. */
export function isUnsigned(dtype: DType): boolean {
  return facts[dtype].kind === "uint";
}

/** Narrows a string to a DType. @throws {DTypeError} if it names none. */
export function parseDType(name: string): DType {
  const found = dtypes.find((dtype) => dtype === name);
  if (found === undefined) {
    throw new DTypeError(`dtype: must be one of ${dtypes.join(", ")}, got "${name}"`);
  }
  return found;
}

/** Typed array over `length` elements of a buffer, in the dtype's storage format. */
export function hostView(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset = 0,
  length?: number,
): HostArray {
  switch (dtype) {
    case "f64":
      return new Float64Array(buffer, byteOffset, length);
    case "f32":
      return new Float32Array(buffer, byteOffset, length);
    case "f16":
    case "bf16":
      return new Uint16Array(buffer, byteOffset, length);
    case "i32":
      return new Int32Array(buffer, byteOffset, length);
    case "u32":
      return new Uint32Array(buffer, byteOffset, length);
    case "i8":
      return new Int8Array(buffer, byteOffset, length);
    case "u8":
    case "bool":
      return new Uint8Array(buffer, byteOffset, length);
    default:
      return dtype satisfies never;
  }
}

const integerRank: readonly DType[] = ["bool", "u8", "i8", "i32", "u32"];
const floatRank: readonly DType[] = ["f16", "bf16", "f32", "f64"];

/**
 * The dtype two operands meet in, as torch promotes them: floats win over integers, the wider
 * wins within a kind, f16 with bf16 gives f32, u8 with i8 gives i32.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (isFloat(a) !== isFloat(b)) return isFloat(a) ? a : b;
  if (isFloat(a)) {
    const half = (d: DType): boolean => d === "f16" || d === "bf16";
    if (half(a) && half(b)) return "f32";
    return floatRank.indexOf(a) > floatRank.indexOf(b) ? a : b;
  }
  if ((a === "u8" && b === "i8") || (a === "i8" && b === "u8")) return "i32";
  return integerRank.indexOf(a) > integerRank.indexOf(b) ? a : b;
}

const scratchF32 = new Float32Array(1);
const scratchU32 = new Uint32Array(scratchF32.buffer);

/** Bits of the bf16 nearest to `value` (ties to even); NaN stays NaN. */
export function bf16FromNumber(value: number): number {
  scratchF32[0] = value;
  const bits = scratchU32[0];
  if (value !== value) return 0x7fc0 | ((bits >>> 31) << 15);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Value of bf16 bits. */
export function bf16ToNumber(bits: number): number {
  scratchU32[0] = bits << 16;
  return scratchF32[0];
}

/** Bits of the f16 nearest to `value` (ties to even, overflow to infinity, NaN stays NaN). */
export function f16FromNumber(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude !== magnitude) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundTiesToEven(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  const exact = magnitude / 2 ** exponent >= 2 ? exponent + 1 : exponent;
  const power = magnitude < 2 ** exact ? exact - 1 : exact;
  return sign | (((power + 15) << 10) + roundTiesToEven((magnitude / 2 ** power - 1) * 1024));
}

/** Value of f16 bits. */
export function f16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Nearest integer, halves to the even one (IEEE 754 and torch.round); keeps the sign of zero. */
export function roundTiesToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  const down = rest < 0.5 || (rest === 0.5 && floor % 2 === 0);
  const rounded = down ? floor : floor + 1;
  // −0.3 rounds to −0, not to 0.
  return rounded === 0 && value < 0 ? -0 : rounded;
}
