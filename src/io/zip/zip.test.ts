import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { memorySource } from "../byte-source.ts";
import { crc32 } from "./crc32.ts";
import { deflate, inflate } from "./deflate.ts";
import { ZipArchive } from "./zip-archive.ts";
import { ZipWriter } from "./zip-writer.ts";

const text = (value: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new TextEncoder().encode(value));
const long = text("abc ".repeat(50_000));

interface Options {
  readonly widest?: number;
  readonly compress?: boolean;
  readonly alignment?: number;
}

async function archiveOf(
  files: Readonly<Record<string, Uint8Array>>,
  { widest, ...options }: Options = {},
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
  const zip = new ZipWriter(sink, widest);
  for (const [name, contents] of Object.entries(files)) await zip.add(name, contents, options);
  await zip.finish();
  return new Uint8Array(Buffer.concat(parts));
}

const openZip = (bytes: Uint8Array): Promise<ZipArchive> =>
  ZipArchive.open(memorySource(bytes, "x.zip"), "zip");

async function contentsOf(bytes: Uint8Array): Promise<Record<string, Uint8Array>> {
  const archive = await openZip(bytes);
  const entries = [...archive.entries.values()];
  return Object.fromEntries(
    await Promise.all(
      entries.map(async (entry) => [entry.name, await archive.read(entry)] as const),
    ),
  );
}

describe("crc32", () => {
  it("gives the check value, in one piece or two", () => {
    expect(crc32(text("123456789"))).toBe(0xcbf43926);
    expect(crc32(text("6789"), crc32(text("12345")))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
    expect(crc32(text("The quick brown fox jumps over the lazy dog"))).toBe(0x414fa339);
  });
});

async function* inPieces(bytes: Uint8Array, size = 100): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += size) yield new Uint8Array(bytes.slice(at, at + size));
}

describe("inflate", () => {
  it("gives back what was deflated, whole or the start of it", async () => {
    const packed = await deflate(long);
    expect(packed.length).toBeLessThan(2000);
    expect(await inflate(inPieces(packed), long.length)).toEqual(long);
    expect(await inflate(inPieces(packed), long.length, 10)).toEqual(long.slice(0, 10));
    expect(await inflate(inPieces(await deflate(text(""))), 0)).toEqual(text(""));
  });

  it("gives undefined for damaged data and for another length", async () => {
    const packed = await deflate(long);
    expect(await inflate(inPieces(packed.slice(0, -5)), long.length)).toBeUndefined();
    expect(await inflate(inPieces(packed), long.length - 1)).toBeUndefined();
    expect(await inflate(inPieces(packed), long.length + 1)).toBeUndefined();
    expect(await inflate(inPieces(text("no deflate data")), 100)).toBeUndefined();
    expect(await inflate(inPieces(text("")), 5)).toBeUndefined();
  });

  it("passes on errors of the source", async () => {
    async function* failing(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield (await deflate(long)).slice(0, 50);
      throw new RangeError("mine");
    }
    await expect(inflate(failing(), long.length)).rejects.toThrow(RangeError);
  });
});

describe("zip files", () => {
  const files = { "a/b": text("one"), "ü.txt": long, empty: text("") };

  it.each<[string, Options]>([
    ["stored", {}],
    ["deflated", { compress: true }],
    ["aligned", { alignment: 64 }],
    ["with zip64 fields for everything", { widest: 0 }],
    ["with zip64 fields for everything, aligned", { widest: 0, alignment: 64 }],
    ["with zip64 fields for some", { widest: 100 }],
  ])("can be read again: %s", async (_, options) => {
    expect(await contentsOf(await archiveOf(files, options))).toEqual(files);
  });

  it("may have a comment, and nothing in them", async () => {
    const bytes = await archiveOf({});
    bytes[20] = 5;
    expect(await contentsOf(new Uint8Array([...bytes, ...text("hello")]))).toEqual({});
  });

  /** An archive of "a" and "b", with some bytes replaced. */
  async function patched(
    find: string,
    shift: number,
    bytes: readonly number[],
  ): Promise<Uint8Array> {
    const archive = Buffer.from(await archiveOf({ a: text("one"), b: text("two") }));
    archive.set(bytes, archive.indexOf(find, 0, "latin1") + shift);
    return archive;
  }

  it.each<[string, string, number, readonly number[], string]>([
    ["an encrypted entry", "PK\x01\x02", 8, [1], '"a" must not be encrypted'],
    ["an unknown method", "PK\x01\x02", 10, [99], "stored or deflated, got method 99"],
    ["impossible sizes", "PK\x01\x02", 24, [4], 'the sizes of "a" must be possible'],
    ["overlapping entries", "PK\x01\x02", 20, [50, 0, 0, 0, 50], '"a" must end before'],
    ["a directory elsewhere", "PK\x05\x06", 16, [255, 255], "the directory must lie in the file"],
    ["more entries than bytes", "PK\x05\x06", 10, [255, 0], "the directory must lie in the file"],
    ["fewer entries", "PK\x05\x06", 10, [1, 0], "the directory has 1 entries"],
    ["several disks", "PK\x05\x06", 4, [1], "an archive must be one file"],
    ["another end", "PK\x05\x06", 20, [1], "a zip file ends with its directory"],
  ])("are refused with %s", async (_, find, shift, bytes, message) => {
    const source = await patched(find, shift, bytes);
    await expect(openZip(source)).rejects.toThrow(message);
    await expect(openZip(source)).rejects.toThrow(CheckpointError);
  });

  it("are refused with one name twice", async () => {
    const twice = (await archiveOf({ a: text("1"), b: text("2") })).map((byte) =>
      byte === 0x62 ? 0x61 : byte,
    );
    await expect(openZip(twice)).rejects.toThrow('every entry stands once, got "a" twice');
  });

  it.each<[string, string, number, readonly number[], string]>([
    ["damaged contents", "one", 0, [0], '"a" must have CRC 7a6c86f1'],
    ["no header of the entry", "PK\x03\x04", 0, [0], '"a" must begin with a zip header'],
    ["a header as long as the file", "PK\x03\x04", 28, [255, 255], '"a" must lie in the file'],
  ])("cannot be read with %s", async (_, find, shift, bytes, message) => {
    await expect(contentsOf(await patched(find, shift, bytes))).rejects.toThrow(message);
  });
});
