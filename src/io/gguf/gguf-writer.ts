import { ConfigError } from "../../base/errors.ts";
import type { GgufValue } from "./gguf-header.ts";

/** Writes the fields of a GGUF header, little-endian. */
export class GgufWriter {
  readonly #parts: Uint8Array[] = [];

  /** Four letters as they are. */
  text4(letters: string): this {
    return this.#add(new TextEncoder().encode(letters));
  }

  u32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: number): this {
    return this.#number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  /** A text after its length. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.byteLength).#add(bytes);
  }

  /** A value after its type. @throws {ConfigError} if GGUF has no type for it. */
  value(value: GgufValue, key: string): this {
    if (typeof value !== "object") {
      const type = typeOf(value, key);
      return this.u32(typeIds[type]).#scalar(value, type);
    }
    this.u32(arrayId);
    const types = new Set(value.map((item) => (Array.isArray(item) ? "array" : typeOf(item, key))));
    const type = unite(types, key);
    this.u32(type === "array" ? arrayId : typeIds[type]).u64(value.length);
    for (const item of value) {
      if (typeof item !== "object") this.#scalar(item, type);
      // An array in an array stands without the type that begins a value.
      else this.#inner(item, key);
    }
    return this;
  }

  /** The header, padded with zeros to a multiple of `alignment`. */
  finish(alignment: number): Uint8Array {
    const length = this.#parts.reduce((sum, part) => sum + part.byteLength, 0);
    const whole = new Uint8Array(Math.ceil(length / alignment) * alignment);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }

  #inner(items: readonly GgufValue[], key: string): void {
    const nested = new GgufWriter().value(items, key).finish(1);
    this.#add(nested.subarray(4));
  }

  #scalar(value: GgufValue, type: ScalarType | "array"): this {
    switch (type) {
      case "text":
        return this.text(String(value));
      case "bool":
        return this.#add(Uint8Array.of(value ? 1 : 0));
      case "u32":
        return this.u32(Number(value));
      case "i32":
        return this.#number(4, (view) => view.setInt32(0, Number(value), true));
      case "f32":
        return this.#number(4, (view) => view.setFloat32(0, Number(value), true));
      case "u64":
        return this.#number(8, (view) => view.setBigUint64(0, wide(value), true));
      case "i64":
        return this.#number(8, (view) => view.setBigInt64(0, wide(value), true));
      default:
        return this;
    }
  }

  #number(bytes: number, set: (view: DataView) => void): this {
    const part = new Uint8Array(bytes);
    set(new DataView(part.buffer));
    return this.#add(part);
  }

  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }
}

const arrayId = 9;
const typeIds = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, u64: 10, i64: 11 } as const;

type ScalarType = keyof typeof typeIds;

function wide(value: GgufValue): bigint {
  return typeof value === "bigint" ? value : BigInt(Number(value));
}

function typeOf(value: GgufValue, key: string): ScalarType {
  switch (typeof value) {
    case "string":
      return "text";
    case "boolean":
      return "bool";
    case "bigint":
      return value >= 0n ? "u64" : "i64";
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) return "f32";
      if (value >= 0) return value < 2 ** 32 ? "u32" : "u64";
      return value >= -(2 ** 31) ? "i32" : "i64";
    default:
      return refuse(typeof value, key);
  }
}

/** The type that holds all elements of an array. */
function unite(types: ReadonlySet<ScalarType | "array">, key: string): ScalarType | "array" {
  const [first = "i32"] = types;
  if (types.size <= 1) return first;
  const integers = ["u32", "i32", "u64", "i64"];
  const all = [...types];
  if (all.every((type) => integers.includes(type))) return "i64";
  if (all.every((type) => integers.includes(type) || type === "f32")) return "f32";
  return refuse(`an array of ${all.join(" and ")}`, key);
}

function refuse(got: string, key: string): never {
  throw new ConfigError(
    `saveGguf: metadata must be numbers, texts, booleans, bigints and arrays of one of them, got ` +
      `${got} for "${key}"`,
  );
}
