/** Bits per element of every element type the safetensors format names. */
const storedBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E5M2FNUZ: 8,
  F8_E4M3FNUZ: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** Element type as a safetensors file spells it. */
export type StoredDType = keyof typeof storedBits;

/** Whether a name is an element type of the format. */
export function isStoredDType(name: unknown): name is StoredDType {
  return typeof name === "string" && Object.hasOwn(storedBits, name);
}

/** Every element type of the format. */
export function storedDTypes(): string[] {
  return Object.keys(storedBits);
}

/** Bytes that `count` elements take; a fraction if they do not fill whole bytes. */
export function storedBytes(dtype: StoredDType, count: number): number {
  return (storedBits[dtype] * count) / 8;
}
