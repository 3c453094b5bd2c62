import { product, roundUp } from "../../base/integers.ts";
import type { ByteCursor } from "../byte-cursor.ts";
import type { TensorInfo } from "../tensor-source.ts";
import type { GgufType } from "./gguf-types.ts";
import { ggufBytes, ggufTypeOf } from "./gguf-types.ts";

/** A value in the metadata of a GGUF file. 64-bit integers beyond 2^53 are bigints. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

/** What a GGUF file says about one tensor. */
export interface GgufTensorInfo extends TensorInfo {
  readonly dtype: GgufType;
  /** Outermost dim first, which is the reverse of the order in the file. */
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** A checked header: all tensors lie in the file and apart. */
export interface GgufHeader {
  readonly version: number;
  readonly isBigEndian: boolean;
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
}

const magic = 0x46554747;
const maxDims = 8;
const maxArrayDepth = 4;
const defaultAlignment = 32;

/** Whether bytes begin as a GGUF file does. */
export function isGguf(start: Uint8Array): boolean {
  return [...new TextEncoder().encode("GGUF")].every((byte, i) => start[i] === byte);
}

/**
 * Parses a header, versions 2 and 3, little- or big-endian.
 *
 * @throws {CheckpointError} if it is damaged; counts and lengths are checked before anything is
 *   allocated.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function parseGgufHeader(cursor: ByteCursor, fileBytes: number): GgufHeader {
  if (cursor.u32() !== magic) throw cursor.damaged("a file begins with GGUF", "other bytes");
  let version = cursor.u32();
  const isBigEndian = (version & 0xffff) === 0;
  if (isBigEndian) {
    cursor.littleEndian = false;
    cursor.at -= 4;
    version = cursor.u32();
  }
  if (version !== 2 && version !== 3)
    throw cursor.damaged("the version must be 2 or 3", `${version}`);
  const [tensorCount, valueCount] = [cursor.count(), cursor.count()];
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = cursor.text(cursor.count());
    if (metadata.has(key)) throw cursor.damaged("every key stands once", `"${key}" twice`);
    metadata.set(key, readValue(cursor, cursor.u32(), 0));
  }
  const entries: [string, GgufTensorInfo][] = [];
  for (let i = 0; i < tensorCount; i++) entries.push(readTensorInfo(cursor));
  const dataBegin = roundUp(cursor.at, alignmentOf(metadata, cursor));
  const tensors = place(entries, dataBegin, fileBytes, cursor);
  return { version, isBigEndian, metadata: Object.fromEntries(metadata), tensors };
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, cursor: ByteCursor): number {
  const value = metadata.get("general.alignment") ?? defaultAlignment;
  const isPower = typeof value === "number" && value >= 1 && Number.isInteger(Math.log2(value));
  if (!isPower || value > 2 ** 30) {
    throw cursor.damaged("general.alignment must be a power of two", String(value));
  }
  return value;
}

type Read = (cursor: ByteCursor) => GgufValue;

/** Values by the number of their type; 8 is text and 9 an array. */
const scalars: Readonly<Record<number, { readonly bytes: number; readonly read: Read }>> = {
  0: { bytes: 1, read: (c) => c.u8() },
  1: { bytes: 1, read: (c) => c.i8() },
  2: { bytes: 2, read: (c) => c.u16() },
  3: { bytes: 2, read: (c) => c.i16() },
  4: { bytes: 4, read: (c) => c.u32() },
  5: { bytes: 4, read: (c) => c.i32() },
  6: { bytes: 4, read: (c) => c.f32() },
  7: { bytes: 1, read: readBool },
  8: { bytes: 8, read: (c) => c.text(c.count()) },
  10: { bytes: 8, read: (c) => shortest(c.u64()) },
  11: { bytes: 8, read: (c) => shortest(c.i64()) },
  12: { bytes: 8, read: (c) => c.f64() },
};

function shortest(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}

function readBool(cursor: ByteCursor): boolean {
  const byte = cursor.u8();
  if (byte > 1) throw cursor.damaged("a bool must be 0 or 1", `${byte}`);
  return byte === 1;
}

function readValue(cursor: ByteCursor, type: number, depth: number): GgufValue {
  if (type !== 9) {
    if (!Object.hasOwn(scalars, type)) throw cursor.damaged("a value has a known type", `${type}`);
    return scalars[type].read(cursor);
  }
  if (depth >= maxArrayDepth) throw cursor.damaged("arrays have few levels", "more");
  const inner = cursor.u32();
  const count = cursor.count();
  // An array in an array takes 12 bytes at least.
  const least = inner === 9 ? 12 : (scalars[inner]?.bytes ?? 1);
  if (count * least > cursor.remaining && count * least > 2 ** 20) {
    // Also when the rest of the file was not read yet, without making the array first.
    cursor.take(count * least);
  }
  const values: GgufValue[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(cursor, inner, depth + 1));
  return values;
}

function readTensorInfo(cursor: ByteCursor): [string, GgufTensorInfo] {
  const name = cursor.text(cursor.count());
  const dims = cursor.u32();
  if (dims > maxDims) throw cursor.damaged(`"${name}" has at most ${maxDims} dims`, `${dims}`);
  const shape = Array.from({ length: dims }, () => cursor.count()).toReversed();
  const id = cursor.u32();
  const dtype = ggufTypeOf(id);
  if (dtype === undefined) throw cursor.damaged(`"${name}" must have a known type`, `${id}`);
  const bytes = ggufBytes(dtype, shape);
  const begin = cursor.count();
  if (
    bytes === undefined ||
    !Number.isSafeInteger(bytes) ||
    !Number.isSafeInteger(product(shape))
  ) {
    throw cursor.damaged(`rows of "${name}" must be blocks of ${dtype}`, `[${shape.join(", ")}]`);
  }
  return [name, { dtype, shape, begin, end: begin + bytes }];
}

/** Checks that tensors lie in the data and apart, and gives them their places in the file. */
function place(
  entries: readonly (readonly [string, GgufTensorInfo])[],
  dataBegin: number,
  fileBytes: number,
  cursor: ByteCursor,
): Map<string, GgufTensorInfo> {
  const tensors = new Map<string, GgufTensorInfo>();
  for (const [name, info] of entries) {
    if (tensors.has(name)) throw cursor.damaged("every tensor stands once", `"${name}" twice`);
    const [begin, end] = [info.begin + dataBegin, info.end + dataBegin];
    if (end > fileBytes) {
      throw cursor.damaged(
        `"${name}" must lie in the file`,
        `bytes ${begin} to ${end} of ${fileBytes}`,
      );
    }
    tensors.set(name, { ...info, begin, end });
  }
  const sorted = [...tensors].toSorted(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [i, [name, { begin }]] of sorted.entries()) {
    if (i > 0 && begin < sorted[i - 1][1].end) {
      throw cursor.damaged("tensors must lie apart", `"${sorted[i - 1][0]}" over "${name}"`);
    }
  }
  return tensors;
}
