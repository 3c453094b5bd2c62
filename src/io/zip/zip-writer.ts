import { crc32 } from "./crc32.ts";
import { deflate } from "./deflate.ts";
import type { ByteSink } from "../byte-sink.ts";

interface WrittenEntry {
  readonly name: Uint8Array;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
  /** Whether the sizes stand in a zip64 field. */
  readonly isWide: boolean;
  /** Whether the offset does. */
  readonly isFar: boolean;
}

/** How an entry is written. */
export interface ZipEntryOptions {
  /** @defaultValue false */
  readonly compress?: boolean;
  /** The data begins at a multiple of this many bytes. @defaultValue 1 */
  readonly alignment?: number;
}

/** 1980-01-01, so that equal contents give equal files. */
const dosDate = 0x21;
const utf8Flag = 0x0800;
/** From here on sizes and offsets go into zip64 fields. */
const wide = 0xffffffff;

/** Writes a zip file entry by entry; `finish` writes the directory. */
export class ZipWriter {
  readonly #sink: ByteSink;
  readonly #widest: number;
  readonly #entries: WrittenEntry[] = [];
  #offset = 0;

  /** @param widest - sizes and offsets from here on go into zip64 fields; smaller only in tests. */
  constructor(sink: ByteSink, widest: number = wide) {
    this.#sink = sink;
    this.#widest = widest;
  }

  /** Adds an entry. */
  async add(name: string, contents: Uint8Array, options: ZipEntryOptions = {}): Promise<void> {
    const { compress = false, alignment = 1 } = options;
    const data = compress ? await deflate(contents) : contents;
    const entry = {
      name: new TextEncoder().encode(name),
      method: compress ? 8 : 0,
      crc: crc32(contents),
      compressedSize: data.byteLength,
      size: contents.byteLength,
      headerOffset: this.#offset,
      isWide: Math.max(data.byteLength, contents.byteLength) >= this.#widest,
      isFar: this.#offset >= this.#widest,
    };
    this.#entries.push(entry);
    await this.#write(localHeader(entry, alignment));
    await this.#write(data);
  }

  /** Writes the directory. */
  async finish(): Promise<void> {
    const begin = this.#offset;
    for (const entry of this.#entries) await this.#write(centralHeader(entry));
    const isWide = this.#entries.length >= 0xffff || this.#offset >= this.#widest;
    await this.#write(endRecords(this.#entries.length, begin, this.#offset - begin, isWide));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#sink.write(bytes);
    this.#offset += bytes.byteLength;
  }
}

/** Little-endian fields, given as [bytes, value]. */
function pack(...fields: readonly (readonly [1 | 2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 8) view.setBigUint64(at, BigInt(value), true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += width;
  }
  return bytes;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function localHeader(entry: WrittenEntry, alignment: number): Uint8Array {
  const { name, method, crc, size, compressedSize, headerOffset, isWide } = entry;
  const zip64 = isWide ? pack([2, 1], [2, 16], [8, size], [8, compressedSize]) : new Uint8Array(0);
  const end = headerOffset + 30 + name.byteLength + zip64.byteLength;
  // Padding is a field of its own, which takes 4 bytes at least; "FB" is the one that torch uses.
  const missing = (alignment - ((end + 4) % alignment)) % alignment;
  const padding =
    alignment === 1
      ? new Uint8Array(0)
      : join(pack([2, 0x4246], [2, missing]), new Uint8Array(missing).fill(0x5a));
  const head = pack(
    [4, 0x04034b50],
    [2, isWide ? 45 : 20],
    [2, utf8Flag],
    [2, method],
    [2, 0],
    [2, dosDate],
    [4, crc],
    [4, isWide ? wide : compressedSize],
    [4, isWide ? wide : size],
    [2, name.byteLength],
    [2, zip64.byteLength + padding.byteLength],
  );
  return join(head, name, zip64, padding);
}

function centralHeader(entry: WrittenEntry): Uint8Array {
  const { name, method, crc, size, compressedSize, headerOffset, isWide, isFar } = entry;
  const fields: [8, number][] = isWide
    ? [
        [8, size],
        [8, compressedSize],
      ]
    : [];
  if (isFar) fields.push([8, headerOffset]);
  const zip64 = fields.length > 0 ? pack([2, 1], [2, 8 * fields.length], ...fields) : pack();
  const head = pack(
    [4, 0x02014b50],
    [2, 45],
    [2, zip64.byteLength > 0 ? 45 : 20],
    [2, utf8Flag],
    [2, method],
    [2, 0],
    [2, dosDate],
    [4, crc],
    [4, isWide ? wide : compressedSize],
    [4, isWide ? wide : size],
    [2, name.byteLength],
    [2, zip64.byteLength],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, isFar ? wide : headerOffset],
  );
  return join(head, name, zip64);
}

function endRecords(count: number, begin: number, size: number, isWide: boolean): Uint8Array {
  const end64 = begin + size;
  const zip64 = isWide
    ? join(
        pack([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0]),
        pack([8, count], [8, count], [8, size], [8, begin]),
        pack([4, 0x07064b50], [4, 0], [8, end64], [4, 1]),
      )
    : new Uint8Array(0);
  const short = isWide ? 0xffff : count;
  const end = pack(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, short],
    [2, short],
    [4, isWide ? wide : size],
    [4, isWide ? wide : begin],
    [2, 0],
  );
  return join(zip64, end);
}
