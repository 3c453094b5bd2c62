import { CheckpointError } from "../../base/errors.ts";
import { ByteCursor, parsePrefix } from "../byte-cursor.ts";
import type { ByteSource } from "../byte-source.ts";
import { storedBytes } from "../stored-dtype.ts";
import { readPickle } from "./pickle-machine.ts";
import type { UnknownClasses } from "./torch-globals.ts";
import { PickledStorage, torchGlobals } from "./torch-globals.ts";
import type { TorchStorage } from "./torch-tensor.ts";
import type { TorchParts } from "./zip-storages.ts";
import { parseStorageId } from "./zip-storages.ts";

/** First pickle of a legacy file: protocol 2, a 10-byte integer. */
const magic = [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const protocolVersion = 1001;

/** Whether bytes begin as the files of torch before 1.6 do. */
export function isLegacyTorch(start: Uint8Array): boolean {
  return magic.every((byte, i) => start[i] === byte);
}

interface LegacyHeader {
  readonly value: unknown;
  readonly keys: readonly string[];
  readonly storages: ReadonlyMap<string, TorchStorage>;
  readonly end: number;
}

/**
 * Reads the pickles of a file that torch before 1.6 wrote (or a later one with
 * `_use_new_zipfile_serialization=False`): magic, version, machine, value, storage keys; then the
 * storages one after the other, little-endian, each after its 8-byte element count.
 *
 * @throws {CheckpointError} if it is damaged or holds more than plain data.
 */
export async function readLegacyParts(
  source: ByteSource,
  unknownClasses: UnknownClasses,
): Promise<TorchParts> {
  const header = await parsePrefix(source, "torch", (cursor) => parse(cursor, unknownClasses));
  const places = new Map<string, { readonly begin: number; readonly elementBytes: number }>();
  let at = header.end;
  for (const key of header.keys) {
    const storage = header.storages.get(key);
    const start = await source.read(Math.min(at, source.size), Math.min(at + 8, source.size));
    const cursor = new ByteCursor(start, "torch", source.name);
    const numel = cursor.count();
    if (storage === undefined) throw cursor.damaged("every storage has a tensor", `key ${key}`);
    const elementBytes = storedBytes(storage.dtype, 1);
    const end = at + 8 + numel * elementBytes;
    if (numel !== storage.numel || end > source.size) {
      const wanted = `storage ${key} must have ${storage.numel} elements in the file`;
      throw cursor.damaged(wanted, `${numel}`);
    }
    places.set(key, { begin: at + 8, elementBytes });
    at = end;
  }
  const missing = [...header.storages.keys()].find((key) => !places.has(key));
  if (missing !== undefined || at !== source.size) {
    const got = missing === undefined ? `${source.size - at} bytes more` : `no storage ${missing}`;
    const cursor = new ByteCursor(new Uint8Array(0), "torch", source.name);
    throw cursor.damaged("the file ends with its storages", got);
  }
  return {
    value: header.value,
    storageBytes: source.size,
    reader: {
      isBigEndian: false,
      read: ({ key, offset }, begin, end) => {
        const place = places.get(key) ?? { begin: 0, elementBytes: 0 };
        const from = place.begin + offset * place.elementBytes;
        return source.read(from + begin, from + end);
      },
    },
  };
}

function parse(cursor: ByteCursor, unknownClasses: UnknownClasses): LegacyHeader {
  const { file } = cursor;
  const findGlobal = torchGlobals(file, unknownClasses);
  const storages = new Map<string, TorchStorage>();
  const plain = {
    findGlobal,
    load: (): never => {
      throw cursor.damaged("the first pickles refer to nothing", "a persistent id");
    },
  };
  readPickle(cursor, plain);
  const version = readPickle(cursor, plain);
  if (version !== protocolVersion) {
    throw new CheckpointError(
      `torch: a legacy file must have protocol ${protocolVersion}, got another in ` +
        `${file}; load it with torch and save it again`,
      { details: { file } },
    );
  }
  readPickle(cursor, plain);
  const value = readPickle(cursor, {
    findGlobal,
    load: (id) => {
      const storage = parseStorageId(id, cursor);
      const known = storages.get(storage.key);
      const end = storage.offset + storage.numel;
      // Views name the whole block by its key; all of them must agree on its elements.
      if (known !== undefined && known.dtype !== storage.dtype) {
        throw cursor.damaged(`storage ${storage.key} must have one dtype`, storage.dtype);
      }
      storages.set(storage.key, {
        ...storage,
        offset: 0,
        numel: Math.max(end, known?.numel ?? 0, rootSize(id)),
      });
      return new PickledStorage(storage);
    },
  });
  const keys = readPickle(cursor, plain);
  const names = Array.isArray(keys) ? keys.map((key) => keyText(key)) : [undefined];
  if (names.includes(undefined) || new Set(names).size !== names.length) {
    throw cursor.damaged("the keys of the storages must be a list", typeof keys);
  }
  return { value, keys: names.map((name) => name ?? ""), storages, end: cursor.at };
}

function keyText(key: unknown): string | undefined {
  return typeof key === "string" || typeof key === "number" ? String(key) : undefined;
}

/** Elements of the whole block that a persistent id names. */
function rootSize(id: unknown): number {
  const { items } = id as { readonly items: readonly unknown[] };
  return typeof items[4] === "number" ? items[4] : 0;
}
