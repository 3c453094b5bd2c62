import { CheckpointError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { damagedFile } from "./damaged-file.ts";

/** Marks the errors of a cursor that reached the end of its bytes. */
const endMark = "end-of-bytes";

/** Reads numbers and texts one after the other, and never beyond the end. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly format: string;
  readonly file: string;
  /** @defaultValue true */
  littleEndian = true;
  /** Offset of the next byte. */
  at = 0;
  readonly #view: DataView;

  /** @param format - and `file` name the place in errors. */
  constructor(bytes: Uint8Array, format: string, file: string) {
    this.bytes = bytes;
    this.format = format;
    this.file = file;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.bytes.byteLength - this.at;
  }

  /** The next bytes, not copied. @throws {CheckpointError} if there are fewer. */
  take(count: number): Uint8Array {
    const begin = this.#advance(count);
    return this.bytes.subarray(begin, begin + count);
  }

  /** The bytes before the next line feed, which is skipped. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) this.#advance(Infinity);
    const line = this.bytes.subarray(this.at, end);
    this.at = end + 1;
    return line;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), this.littleEndian);
  }

  i16(): number {
    return this.#view.getInt16(this.#advance(2), this.littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), this.littleEndian);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), this.littleEndian);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), this.littleEndian);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#advance(8), this.littleEndian);
  }

  f32(): number {
    return this.#view.getFloat32(this.#advance(4), this.littleEndian);
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8), this.littleEndian);
  }

  /** A 64-bit count or offset. Beyond 2^53 no file has that many bytes. */
  count(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw this.damaged("sizes and counts must be below 2^53", String(value));
    }
    return Number(value);
  }

  /** The next bytes as UTF-8. */
  text(length: number): string {
    const bytes = this.take(length);
    try {
      return decodeUtf8(bytes);
    } catch (cause) {
      throw damagedFile(this.format, this.file, "text must be UTF-8", "other bytes", cause);
    }
  }

  /** The error for contents that break the format. */
  damaged(invariant: string, got: string): CheckpointError {
    return damagedFile(this.format, this.file, invariant, got);
  }

  #advance(count: number): number {
    const begin = this.at;
    if (count > this.remaining) {
      const { message } = this.damaged(
        `the contents go on after byte ${this.bytes.byteLength}`,
        "the end",
      );
      throw new CheckpointError(message, { details: { file: this.file, reason: endMark } });
    }
    this.at += count;
    return begin;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws {TypeError} if the bytes are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

const firstWindow = 2 ** 20;

/**
 * Parses the beginning of a file whose length only the parser knows: it gets a larger part each
 * time it runs out of bytes.
 *
 * @throws what `parse` throws; {CheckpointError} if the whole file is too short for it.
 */
export async function parsePrefix<Value>(
  source: ByteSource,
  format: string,
  parse: (cursor: ByteCursor) => Value,
): Promise<Value> {
  for (let length = firstWindow; ; length *= 4) {
    const bytes = await source.read(0, Math.min(length, source.size));
    try {
      return parse(new ByteCursor(bytes, format, source.name));
    } catch (error) {
      const isShort = error instanceof CheckpointError && error.details["reason"] === endMark;
      if (!isShort || length >= source.size) throw error;
    }
  }
}
