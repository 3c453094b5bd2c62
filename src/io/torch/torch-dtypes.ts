import type { StoredDType } from "../stored-dtype.ts";

/** Names of torch's storage classes without "Storage". Complex and quantised ones are missing. */
const storageDTypes: Readonly<Record<string, StoredDType>> = {
  Double: "F64",
  Float: "F32",
  Half: "F16",
  BFloat16: "BF16",
  Long: "I64",
  Int: "I32",
  Short: "I16",
  Char: "I8",
  Byte: "U8",
  Bool: "BOOL",
  ComplexFloat: "C64",
  Untyped: "U8",
};

const dtypesByName: Readonly<Record<string, StoredDType>> = {
  float64: "F64",
  double: "F64",
  float32: "F32",
  float: "F32",
  float16: "F16",
  half: "F16",
  bfloat16: "BF16",
  int64: "I64",
  long: "I64",
  int32: "I32",
  int: "I32",
  int16: "I16",
  short: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
  complex64: "C64",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  float8_e4m3fnuz: "F8_E4M3FNUZ",
  float8_e5m2fnuz: "F8_E5M2FNUZ",
  float8_e8m0fnu: "F8_E8M0",
};

const storageNames: Readonly<Partial<Record<StoredDType, string>>> = {
  F64: "DoubleStorage",
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I32: "IntStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
};

/** Elements of a storage class by its global, such as `torch.FloatStorage`. */
export function dtypeOfStorage(global: string): StoredDType | undefined {
  const [, name] = /^torch\.(?:cuda\.|storage\.)?(\w+)Storage$/.exec(global) ?? [];
  return Object.hasOwn(storageDTypes, name ?? "") ? storageDTypes[name] : undefined;
}

/** A dtype by its global, such as `torch.float32`. */
export function dtypeOfGlobal(global: string): StoredDType | undefined {
  const [, name] = /^torch\.(\w+)$/.exec(global) ?? [];
  return Object.hasOwn(dtypesByName, name ?? "") ? dtypesByName[name] : undefined;
}

/** The storage class that torch has for a dtype; u32 has none. */
export function storageOfDType(dtype: StoredDType): string | undefined {
  return storageNames[dtype];
}
