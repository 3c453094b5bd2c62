import { ByteCursor } from "../byte-cursor.ts";
import type { ByteSource } from "../byte-source.ts";
import { damagedFile } from "../damaged-file.ts";
import { storedBytes } from "../stored-dtype.ts";
import { readPickle } from "./pickle-machine.ts";
import { isPickleGlobal, PickleTuple } from "./pickle-values.ts";
import type { UnknownClasses } from "./torch-globals.ts";
import { torchGlobals } from "./torch-globals.ts";
import { dtypeOfStorage } from "./torch-dtypes.ts";
import type { TorchStorage } from "./torch-tensor.ts";
import { TorchTensor } from "./torch-tensor.ts";
import type { TorchParts } from "./zip-storages.ts";

const blockBytes = 512;
/** The pickles between storages take a few hundred bytes. */
const windowBytes = 65_536;

/** Whether bytes begin as a tar file, the first format of torch, does. */
export function isTar(start: Uint8Array): boolean {
  return String.fromCharCode(...start.subarray(257, 262)) === "ustar";
}

interface Range {
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a file of torch before 0.1.10: a tar file of `storages` (a pickle and the elements of each),
 * `tensors` (a pickle, sizes and strides of each) and the `pickle` that refers to the tensors.
 *
 * @throws {CheckpointError} if it is damaged or holds more than plain data.
 */
export async function readTarParts(
  source: ByteSource,
  unknownClasses: UnknownClasses,
): Promise<TorchParts> {
  const reader = new TarReader(source, unknownClasses);
  const files = await reader.files();
  const places = new Map<string, { readonly begin: number; readonly elementBytes: number }>();
  const storages = await reader.storages(files.storages, places);
  const tensors = await reader.tensors(files.tensors, storages);
  const value = await reader.value(files.pickle, tensors);
  return {
    value,
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

class TarReader {
  readonly #source: ByteSource;
  readonly #findGlobal: ReturnType<typeof torchGlobals>;

  constructor(source: ByteSource, unknownClasses: UnknownClasses) {
    this.#source = source;
    this.#findGlobal = torchGlobals(source.name, unknownClasses);
  }

  /** Places of the three files in the archive. */
  async files(): Promise<{ storages: Range; tensors: Range; pickle: Range }> {
    const found = new Map<string, Range>();
    for (let at = 0; at + blockBytes <= this.#source.size;) {
      const cursor = await this.#cursor(at, at + blockBytes);
      const name = fieldOf(cursor.take(100));
      cursor.at = 124;
      const octal = fieldOf(cursor.take(12)).trim();
      if (name === "" && octal === "") break;
      const size = /^[0-7]{1,12}$/.test(octal) ? parseInt(octal, 8) : NaN;
      const begin = at + blockBytes;
      if (!(begin + size <= this.#source.size)) {
        throw cursor.damaged("a file in a tar must lie in it", `${name.slice(0, 20)}, ${octal}`);
      }
      found.set(name.replace(/^\.\//, ""), { begin, end: begin + size });
      at = begin + Math.ceil(size / blockBytes) * blockBytes;
    }
    const get = (name: string): Range => found.get(name) ?? this.#fail(`a file "${name}"`, "none");
    return { storages: get("storages"), tensors: get("tensors"), pickle: get("pickle") };
  }

  /** Storages by key, and where their elements are. */
  async storages(
    { begin, end }: Range,
    places: Map<string, { readonly begin: number; readonly elementBytes: number }>,
  ): Promise<ReadonlyMap<string, TorchStorage>> {
    const storages = new Map<string, TorchStorage>();
    let at = begin;
    const next = async (): Promise<unknown> => {
      const cursor = await this.#cursor(at, Math.min(end, at + windowBytes));
      const value = this.#plain(cursor);
      at += cursor.at;
      return value;
    };
    const count = await next();
    for (let left = this.#count(count); left > 0; left--) {
      const [key, , type] = itemsOf(await next());
      const dtype = isPickleGlobal(type) ? dtypeOfStorage(type.name) : undefined;
      const numel = (await this.#cursor(at, Math.min(end, at + 8))).count();
      if (dtype === undefined) this.#fail("a storage with a known type", "another");
      const elementBytes = storedBytes(dtype, 1);
      if (at + 8 + numel * elementBytes > end) this.#fail("elements in the file", `${numel}`);
      const name = this.#key(key);
      storages.set(name, { key: name, dtype, offset: 0, numel });
      places.set(name, { begin: at + 8, elementBytes });
      at += 8 + numel * elementBytes;
    }
    const views = await next();
    for (const view of Array.isArray(views) ? views : []) {
      const [target, root, offset, numel] = itemsOf(view);
      const storage = storages.get(this.#key(root)) ?? this.#fail("a view of a storage", "none");
      const [from, size] = [this.#count(offset), this.#count(numel)];
      if (storage.offset + from + size > storage.numel) this.#fail("a view in its storage", "more");
      storages.set(this.#key(target), { ...storage, offset: storage.offset + from, numel: size });
    }
    return storages;
  }

  /** Tensors by key. */
  async tensors(
    { begin, end }: Range,
    storages: ReadonlyMap<string, TorchStorage>,
  ): Promise<ReadonlyMap<string, TorchTensor>> {
    const cursor = await this.#cursor(begin, end);
    const tensors = new Map<string, TorchTensor>();
    for (let left = this.#count(this.#plain(cursor)); left > 0; left--) {
      const [key, storageKey] = itemsOf(this.#plain(cursor));
      const storage = storages.get(this.#key(storageKey)) ?? this.#fail("a storage", "none");
      const dims = cursor.u32();
      // The count of dims takes 8 bytes, of which only 4 are set.
      cursor.u32();
      if (dims > 64) throw cursor.damaged("a tensor has at most 64 dims", `${dims}`);
      const shape = Array.from({ length: dims }, () => cursor.count());
      const strides = Array.from({ length: dims }, () => cursor.count());
      const offset = cursor.count();
      const view = { dtype: storage.dtype, offset, shape, strides, requiresGrad: false };
      tensors.set(this.#key(key), new TorchTensor(storage, view, this.#source.name));
    }
    return tensors;
  }

  /** What was saved. A persistent id is the key of a tensor. */
  async value({ begin, end }: Range, tensors: ReadonlyMap<string, TorchTensor>): Promise<unknown> {
    return readPickle(await this.#cursor(begin, end), {
      findGlobal: this.#findGlobal,
      load: (id) => tensors.get(this.#key(id)) ?? this.#fail("a tensor of each key", "none"),
    });
  }

  async #cursor(begin: number, end: number): Promise<ByteCursor> {
    return new ByteCursor(await this.#source.read(begin, end), "torch", this.#source.name);
  }

  #plain(cursor: ByteCursor): unknown {
    const load = (): never => this.#fail("pickles without references", "one");
    return readPickle(cursor, { findGlobal: this.#findGlobal, load });
  }

  #fail(wanted: string, got: string): never {
    throw damagedFile("torch", this.#source.name, `a tar must have ${wanted}`, got);
  }

  #count(value: unknown): number {
    const isCount = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    return isCount ? value : this.#fail("counts", "others");
  }

  /** Keys are addresses: integers of any size, or their text. */
  #key(value: unknown): string {
    if (typeof value === "string") return value;
    const isNumber = typeof value === "number" || typeof value === "bigint";
    return isNumber ? String(value) : this.#fail("keys", "others");
  }
}

function itemsOf(value: unknown): readonly unknown[] {
  return value instanceof PickleTuple ? value.items : [];
}

/** Text of a tar header up to its zero byte. */
function fieldOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}
