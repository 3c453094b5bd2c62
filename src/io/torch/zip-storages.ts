import { CheckpointError } from "../../base/errors.ts";
import { ByteCursor } from "../byte-cursor.ts";
import { storedBytes } from "../stored-dtype.ts";
import type { ZipArchive, ZipEntry } from "../zip/zip-archive.ts";
import { readPickle } from "./pickle-machine.ts";
import { isPickleGlobal, PickleTuple } from "./pickle-values.ts";
import type { UnknownClasses } from "./torch-globals.ts";
import { PickledStorage, torchGlobals } from "./torch-globals.ts";
import { dtypeOfStorage } from "./torch-dtypes.ts";
import type { StorageReader, TorchStorage } from "./torch-tensor.ts";

/** The pickle of a torch file and the storages it refers to. */
export interface TorchParts {
  readonly value: unknown;
  readonly reader: StorageReader;
  /** Bytes of all storages. */
  readonly storageBytes: number;
}

/** Entry of the pickle in an archive that `torch.save` wrote. */
export function findTorchPickle(archive: ZipArchive): ZipEntry | undefined {
  return [...archive.entries.values()].find(({ name }) => /^(?:[^/]+\/)?data\.pkl$/.test(name));
}

/**
 * Reads the pickle of an archive that `torch.save` wrote (torch 1.6 and later); storages stay in
 * the file.
 *
 * @throws {CheckpointError} if it is damaged or holds more than plain data.
 */
export async function readZipParts(
  archive: ZipArchive,
  unknownClasses: UnknownClasses,
): Promise<TorchParts> {
  const file = archive.source.name;
  const pickle = findTorchPickle(archive);
  if (pickle === undefined) {
    throw new CheckpointError(
      `torch: a zip of torch.save has a data.pkl, got none in ${file}; is it another kind of file?`,
      { details: { file } },
    );
  }
  const root = pickle.name.slice(0, -"data.pkl".length);
  if (archive.entries.has(`${root}constants.pkl`)) {
    throw new CheckpointError(
      `torch: a file must hold data, got a TorchScript program in ${file}; ` +
        "save model.state_dict() with torch.save",
      { details: { file } },
    );
  }
  const isBigEndian = await readByteOrder(archive, archive.entries.get(`${root}byteorder`));
  const cursor = new ByteCursor(await archive.read(pickle), "torch", file);
  const value = readPickle(cursor, {
    findGlobal: torchGlobals(file, unknownClasses),
    load: (id) => {
      const storage = parseStorageId(id, cursor);
      const entry = archive.entries.get(`${root}data/${storage.key}`);
      const needed = storedBytes(storage.dtype, storage.numel);
      if (entry === undefined || entry.size < needed) {
        const got = entry === undefined ? "none" : `${entry.size}`;
        throw cursor.damaged(`storage ${storage.key} must have ${needed} bytes`, got);
      }
      return new PickledStorage(storage);
    },
  });
  let storageBytes = 0;
  for (const { name, size } of archive.entries.values()) {
    if (name.startsWith(`${root}data/`)) storageBytes += size;
  }
  const read: StorageReader["read"] = async ({ key }, begin, end) => {
    const entry = archive.entries.get(`${root}data/${key}`);
    if (entry === undefined) throw cursor.damaged("a storage must be in the file", `no ${key}`);
    return archive.readRange(entry, begin, end);
  };
  return { value, storageBytes, reader: { isBigEndian, read } };
}

async function readByteOrder(archive: ZipArchive, entry: ZipEntry | undefined): Promise<boolean> {
  if (entry === undefined) return false;
  const bytes = await archive.readRange(entry, 0, Math.min(entry.size, 16));
  const order = String.fromCharCode(...bytes);
  if (order === "little" || order === "big") return order === "big";
  const cursor = new ByteCursor(bytes, "torch", archive.source.name);
  throw cursor.damaged('the byte order must be "little" or "big"', JSON.stringify(order));
}

/**
 * A persistent id: ("storage", class, key, location, numel), and in legacy files a sixth item for
 * views of storages.
 *
 * @throws {CheckpointError} if it is something else, or the class has no counterpart.
 */
export function parseStorageId(id: unknown, cursor: ByteCursor): TorchStorage {
  const [kind, type, key, , numel, view] = id instanceof PickleTuple ? id.items : [];
  const name = isPickleGlobal(type) ? type.name : "";
  const dtype = dtypeOfStorage(name);
  const isKey = typeof key === "string" || typeof key === "number";
  if (kind !== "storage" || dtype === undefined || !isKey || !isCount(numel)) {
    throw cursor.damaged("a storage must have a type, key and size", name || "others");
  }
  if (!(view instanceof PickleTuple)) return { key: String(key), dtype, offset: 0, numel };
  const [, offset, size] = view.items;
  if (!isCount(offset) || !isCount(size) || offset + size > numel) {
    throw cursor.damaged(`a view of a storage must lie in its ${numel} elements`, "others");
  }
  return { key: String(key), dtype, offset, numel: size };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
