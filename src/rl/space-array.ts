/** Element types of the arrays that spaces have as values. */
export type SpaceDType = "f32" | "f64" | "i8" | "u8" | "i16" | "u16" | "i32" | "u32";

/** The typed array of each element type. */
export interface SpaceArrays {
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
}

/** Any of them. */
export type SpaceArray = SpaceArrays[SpaceDType];

interface DTypeFacts {
  readonly array: (length: number) => SpaceArray;
  readonly min: number;
  readonly max: number;
  /** Element types whose every value this one holds exactly. */
  readonly holds: readonly SpaceDType[];
}

const small = ["i8", "u8", "i16", "u16"] as const;

const facts: Record<SpaceDType, DTypeFacts> = {
  f32: {
    array: (length) => new Float32Array(length),
    min: -3.4028234663852886e38,
    max: 3.4028234663852886e38,
    holds: ["f32", ...small],
  },
  f64: {
    array: (length) => new Float64Array(length),
    min: -Number.MAX_VALUE,
    max: Number.MAX_VALUE,
    holds: ["f64", "f32", ...small, "i32", "u32"],
  },
  i8: { array: (length) => new Int8Array(length), min: -128, max: 127, holds: ["i8"] },
  u8: { array: (length) => new Uint8Array(length), min: 0, max: 255, holds: ["u8"] },
  i16: {
    array: (length) => new Int16Array(length),
    min: -(2 ** 15),
    max: 2 ** 15 - 1,
    holds: ["i16", "i8", "u8"],
  },
  u16: {
    array: (length) => new Uint16Array(length),
    min: 0,
    max: 2 ** 16 - 1,
    holds: ["u16", "u8"],
  },
  i32: {
    array: (length) => new Int32Array(length),
    min: -(2 ** 31),
    max: 2 ** 31 - 1,
    holds: ["i32", ...small],
  },
  u32: {
    array: (length) => new Uint32Array(length),
    min: 0,
    max: 2 ** 32 - 1,
    holds: ["u32", "u16", "u8"],
  },
};

/** The element types there are. */
export const spaceDTypes = Object.keys(facts) as readonly SpaceDType[];

/** An array of zeros. */
export function spaceArray<D extends SpaceDType>(dtype: D, length: number): SpaceArrays[D] {
  return facts[dtype].array(length) as SpaceArrays[D];
}

/** The smallest and largest finite value. */
export function limitsOf(dtype: SpaceDType): { readonly min: number; readonly max: number } {
  return facts[dtype];
}

/** Whether elements are whole numbers. */
export function isWhole(dtype: SpaceDType): boolean {
  return dtype !== "f32" && dtype !== "f64";
}

/** The element type of a typed array; null for what is none, or one no space uses. */
export function dtypeOf(value: unknown): SpaceDType | null {
  if (value instanceof Float32Array) return "f32";
  if (value instanceof Float64Array) return "f64";
  if (value instanceof Int32Array) return "i32";
  if (value instanceof Uint8Array || value instanceof Uint8ClampedArray) return "u8";
  if (value instanceof Int8Array) return "i8";
  if (value instanceof Int16Array) return "i16";
  if (value instanceof Uint16Array) return "u16";
  return value instanceof Uint32Array ? "u32" : null;
}

/** Why a value is no array of `length` elements that fit `dtype`; null if it is one. */
export function whyNotArray(value: unknown, dtype: SpaceDType, length: number): string | null {
  const expected = facts[dtype].array(0).constructor.name;
  const found = dtypeOf(value);
  if (found === null) {
    const remedy = Array.isArray(value) ? `; write ${expected}.from(values)` : "";
    return `must be a ${expected}, got ${describeValue(value)}${remedy}`;
  }
  const array = value as SpaceArray;
  if (!facts[dtype].holds.includes(found)) {
    return `must be a ${expected}, got ${array.constructor.name}, whose values it cannot all hold`;
  }
  return array.length === length
    ? null
    : `must have ${length} elements, got ${array.length}: ${describeValue(value)}`;
}

/** A value in short, for messages. */
export function describeValue(value: unknown): string {
  if (dtypeOf(value) !== null || Array.isArray(value)) {
    const items = Array.from(value as ArrayLike<unknown>)
      .slice(0, 8)
      .map(String);
    const rest = (value as ArrayLike<unknown>).length > 8 ? ", …" : "";
    return `[${items.join(", ")}${rest}]`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) {
    return `an object with the keys ${Object.keys(value).join(", ") || "(none)"}`;
  }
  return typeof value === "function" ? "a function" : String(value);
}
