import type { CheckpointError } from "../../base/errors.ts";
import { ByteCursor } from "../byte-cursor.ts";
import type { ByteSource } from "../byte-source.ts";
import { crc32 } from "./crc32.ts";
import { inflate } from "./deflate.ts";

/** One file in an archive, as the central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  readonly isCompressed: boolean;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Where the entry's own header begins. */
  readonly headerOffset: number;
}

const endBytes = 22;
const maxCommentBytes = 65_535;
const locatorBytes = 20;
const localBytes = 30;
const centralBytes = 46;
const chunkBytes = 2 ** 18;
/** Deflate cannot do better: 258 bytes from 2 bits. */
const maxDeflateRatio = 1032;

/**
 * The directory of a zip file, whose entries are read when asked for. Zip64 is understood;
 * encryption and several disks are not.
 *
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3 and 4.5.3.
 */
export class ZipArchive {
  readonly format: string;
  readonly source: ByteSource;
  readonly entries: ReadonlyMap<string, ZipEntry>;

  private constructor(format: string, source: ByteSource, entries: ReadonlyMap<string, ZipEntry>) {
    this.format = format;
    this.source = source;
    this.entries = entries;
  }

  /**
   * Reads the central directory. The source stays open, also on failure.
   *
   * @param format - names the kind of file in errors.
   * @throws {CheckpointError} if it is damaged.
   */
  static async open(source: ByteSource, format: string): Promise<ZipArchive> {
    const { begin, end, count } = await findDirectory(source, format);
    const cursor = new ByteCursor(await source.read(begin, end), format, source.name);
    const entries = new Map<string, ZipEntry>();
    for (let i = 0; i < count; i++) {
      const entry = readEntry(cursor);
      if (entries.has(entry.name)) {
        throw cursor.damaged("every entry stands once", `"${entry.name}" twice`);
      }
      entries.set(entry.name, entry);
    }
    if (cursor.remaining > 0) {
      throw cursor.damaged(`the directory has ${count} entries`, `${cursor.remaining} bytes more`);
    }
    checkPlaces([...entries.values()], begin, cursor);
    return new ZipArchive(format, source, entries);
  }

  /** Where the data of an entry lies, compressed or not. */
  async place(entry: ZipEntry): Promise<{ readonly begin: number; readonly end: number }> {
    const { headerOffset, compressedSize } = entry;
    const header = await this.source.read(headerOffset, headerOffset + localBytes);
    const cursor = new ByteCursor(header, this.format, this.source.name);
    if (cursor.u32() !== 0x04034b50) {
      throw cursor.damaged(`"${entry.name}" must begin with a zip header`, "other bytes");
    }
    cursor.at = 26;
    const begin = headerOffset + localBytes + cursor.u16() + cursor.u16();
    if (begin + compressedSize > this.source.size) {
      throw cursor.damaged(`"${entry.name}" must lie in the file`, `its end past the end`);
    }
    return { begin, end: begin + compressedSize };
  }

  /** The contents of an entry, checked against its CRC. */
  async read(entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
    const contents = await this.readRange(entry, 0, entry.size);
    const crc = crc32(contents);
    if (crc === entry.crc) return contents;
    throw this.#damaged(entry, `CRC ${entry.crc.toString(16)}`, crc.toString(16));
  }

  /** Some bytes of an entry. No CRC is checked, as it would take the whole entry. */
  async readRange(entry: ZipEntry, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const place = await this.place(entry);
    if (!entry.isCompressed) return this.source.read(place.begin + begin, place.begin + end);
    const contents = await inflate(this.#chunks(place.begin, place.end), entry.size, end);
    if (contents !== undefined) return begin === 0 ? contents : contents.slice(begin);
    throw this.#damaged(entry, `${entry.size} bytes after inflating`, "damaged data");
  }

  async *#chunks(begin: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = begin; at < end; at += chunkBytes) {
      yield await this.source.read(at, Math.min(end, at + chunkBytes));
    }
  }

  #damaged(entry: ZipEntry, wanted: string, got: string): CheckpointError {
    const cursor = new ByteCursor(new Uint8Array(0), this.format, this.source.name);
    return cursor.damaged(`"${entry.name}" must have ${wanted}`, got);
  }
}

interface Directory {
  readonly begin: number;
  readonly end: number;
  readonly count: number;
}

/** Finds the directory by the record at the end of the file. */
async function findDirectory(source: ByteSource, format: string): Promise<Directory> {
  const tailBegin = Math.max(0, source.size - endBytes - maxCommentBytes - locatorBytes);
  const tail = await source.read(tailBegin, source.size);
  const cursor = new ByteCursor(tail, format, source.name);
  const at = findEnd(tail);
  if (at < 0) throw cursor.damaged("a zip file ends with its directory", "no end record");
  cursor.at = at + 4;
  const disks = [cursor.u16(), cursor.u16()];
  let [, count, size, begin] = [cursor.u16(), cursor.u16(), cursor.u32(), cursor.u32()];
  let limit = tailBegin + at;
  if (at >= locatorBytes) {
    cursor.at = at - locatorBytes;
    if (cursor.u32() === 0x07064b50) {
      cursor.at += 4;
      ({ count, size, begin, limit } = await readEnd64(source, cursor.count(), format));
    }
  }
  if (disks.some((disk) => disk !== 0 && disk !== 0xffff)) {
    throw cursor.damaged("an archive must be one file", `disk ${disks.join(" of ")}`);
  }
  if (begin + size > limit || count * centralBytes > size) {
    const got = `${count} entries in ${size} bytes at ${begin}`;
    throw cursor.damaged("the directory must lie in the file", got);
  }
  return { begin, end: begin + size, count };
}

/** Offset of the end record, whose comment must reach the end of the file; -1 if there is none. */
function findEnd(tail: Uint8Array): number {
  for (let at = tail.length - endBytes; at >= 0; at--) {
    const isRecord =
      tail[at] === 0x50 && tail[at + 1] === 0x4b && tail[at + 2] === 5 && tail[at + 3] === 6;
    if (!isRecord) continue;
    if (at + endBytes + (tail[at + 20] | (tail[at + 21] << 8)) === tail.length) return at;
  }
  return -1;
}

async function readEnd64(
  source: ByteSource,
  at: number,
  format: string,
): Promise<{ count: number; size: number; begin: number; limit: number }> {
  const empty = new ByteCursor(new Uint8Array(0), format, source.name);
  if (at + 56 > source.size) throw empty.damaged("the zip64 record must lie in the file", `${at}`);
  const cursor = new ByteCursor(await source.read(at, at + 56), format, source.name);
  if (cursor.u32() !== 0x06064b50) throw cursor.damaged("a zip64 record must be", "other bytes");
  cursor.at = 32;
  return { count: cursor.count(), size: cursor.count(), begin: cursor.count(), limit: at };
}

function readEntry(cursor: ByteCursor): ZipEntry {
  if (cursor.u32() !== 0x02014b50) throw cursor.damaged("a directory entry must be", "other bytes");
  cursor.at += 4;
  const flags = cursor.u16();
  const method = cursor.u16();
  cursor.at += 4;
  const crc = cursor.u32();
  const [compressedSize, size] = [cursor.u32(), cursor.u32()];
  const [nameBytes, extraBytes, commentBytes] = [cursor.u16(), cursor.u16(), cursor.u16()];
  cursor.at += 8;
  const headerOffset = cursor.u32();
  const name = cursor.text(nameBytes);
  const wide = readWide(cursor.take(extraBytes), [size, compressedSize, headerOffset], cursor);
  cursor.take(commentBytes);
  if ((flags & 0x2041) !== 0) throw cursor.damaged(`"${name}" must not be encrypted`, "flags");
  if (method !== 0 && method !== 8) {
    throw cursor.damaged(`"${name}" must be stored or deflated`, `method ${method}`);
  }
  const entry = {
    name,
    isCompressed: method === 8,
    crc,
    size: wide[0],
    compressedSize: wide[1],
    headerOffset: wide[2],
  };
  const largest = entry.isCompressed ? wide[1] * maxDeflateRatio : wide[1];
  if (entry.size > largest || (!entry.isCompressed && entry.size !== largest)) {
    const got = `${wide[0]} bytes from ${wide[1]}`;
    throw cursor.damaged(`the sizes of "${name}" must be possible`, got);
  }
  return entry;
}

/** Replaces sizes of all ones by those of the zip64 field, which holds only the replaced ones. */
function readWide(
  extra: Uint8Array,
  values: readonly [number, number, number],
  { format, file }: ByteCursor,
): readonly number[] {
  if (!values.includes(0xffffffff)) return values;
  const fields = new ByteCursor(extra, format, file);
  while (fields.remaining >= 4) {
    const id = fields.u16();
    const length = fields.u16();
    if (id === 1) return values.map((value) => (value === 0xffffffff ? fields.count() : value));
    fields.take(length);
  }
  return values;
}

/** Entries lie before the directory and apart, or a small file could give many large entries. */
function checkPlaces(entries: readonly ZipEntry[], limit: number, cursor: ByteCursor): void {
  const sorted = entries.toSorted((a, b) => a.headerOffset - b.headerOffset);
  for (const [i, { name, headerOffset, compressedSize }] of sorted.entries()) {
    const next = sorted[i + 1]?.headerOffset ?? limit;
    if (headerOffset + localBytes + compressedSize > next) {
      throw cursor.damaged(`"${name}" must end before ${next}`, `${compressedSize} bytes`);
    }
  }
}
