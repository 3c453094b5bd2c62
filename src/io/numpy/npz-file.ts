import { CheckpointError } from "../../base/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { FileTarget } from "../byte-sink.ts";
import { targetName, writeFile } from "../byte-sink.ts";
import type { FileInput } from "../byte-source.ts";
import { openSource } from "../byte-source.ts";
import type { LoadOptions, TensorSource } from "../tensor-source.ts";
import { missingTensor, readAll } from "../tensor-source.ts";
import type { ZipEntry } from "../zip/zip-archive.ts";
import { ZipArchive } from "../zip/zip-archive.ts";
import { ZipWriter } from "../zip/zip-writer.ts";
import { describeTensor } from "../tensor-bytes.ts";
import { encodeNpy, tensorFromNpy } from "./npy-file.ts";
import type { NpyInfo } from "./npy-header.ts";
import { encodeNpyHeader, npyPrefixBytes, parseNpyHeader } from "./npy-header.ts";

const format = "npz";
const suffix = ".npy";

interface Member {
  readonly entry: ZipEntry;
  readonly info: NpyInfo;
}

/** An `.npz` file: a zip archive of `.npy` files, named without their ending. */
export class NpzFile implements TensorSource<NpyInfo> {
  readonly metadata: Readonly<Record<string, unknown>> = {};
  readonly #archive: ZipArchive;
  readonly #members: ReadonlyMap<string, Member>;

  private constructor(archive: ZipArchive, members: ReadonlyMap<string, Member>) {
    this.#archive = archive;
    this.#members = members;
  }

  /** Reads the headers of all arrays. The source is closed with the file. */
  static async over(archive: ZipArchive): Promise<NpzFile> {
    try {
      const members = new Map<string, Member>();
      for (const entry of archive.entries.values()) {
        // NumPy gives other files as bytes; here they are not tensors.
        if (!entry.name.endsWith(suffix)) continue;
        const name = entry.name.slice(0, -suffix.length);
        members.set(name, { entry, info: await readInfo(archive, entry) });
      }
      return new NpzFile(archive, members);
    } catch (error) {
      await archive.source.close();
      throw error;
    }
  }

  keys(): string[] {
    return [...this.#members.keys()];
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  info(name: string): NpyInfo {
    return this.#member(name).info;
  }

  async get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    const { entry, info } = this.#member(name);
    const contents = await this.#archive.read(entry);
    const data = contents.slice(info.begin);
    return tensorFromNpy(data, info, `"${name}" in ${this.#archive.source.name}`, options.device);
  }

  close(): Promise<void> {
    return this.#archive.source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member !== undefined) return member;
    throw missingTensor(format, name, this.keys(), this.#archive.source.name);
  }
}

async function readInfo(archive: ZipArchive, entry: ZipEntry): Promise<NpyInfo> {
  const start = await archive.readRange(entry, 0, Math.min(entry.size, npyPrefixBytes));
  return parseNpyHeader(start, entry.size, `"${entry.name}" in ${archive.source.name}`);
}

/**
 * Opens an `.npz` file and reads the headers; each array is read when `get` asks for it.
 *
 * @throws {CheckpointError} if the file is missing or damaged.
 */
export async function openNpz(input: FileInput): Promise<TensorSource<NpyInfo>> {
  const source = await openSource(input, format);
  try {
    return await NpzFile.over(await ZipArchive.open(source, format));
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Loads all arrays of an `.npz` file by name, stored or compressed.
 *
 * @throws {CheckpointError} if the file is damaged, or an array holds anything but numbers.
 */
export async function loadNpz(
  input: FileInput,
  options: LoadOptions = {},
): Promise<Record<string, Tensor>> {
  return readAll(await openNpz(input), options);
}

/** How `saveNpz` writes. */
export interface NpzOptions {
  /** Deflate, as `numpy.savez_compressed` does. @defaultValue false */
  readonly compress?: boolean;
}

/**
 * Writes tensors as an `.npz` file, whole or not at all. Equal tensors give equal bytes.
 *
 * @throws {CheckpointError} for bf16, which NumPy does not have, or if the file cannot be written.
 */
export async function saveNpz(
  target: FileTarget,
  tensors: Readonly<Record<string, Tensor>>,
  options: NpzOptions = {},
): Promise<void> {
  const { compress = false } = options;
  // NumPy would read "a" and "a.npy" under one name.
  const names = Object.keys(tensors);
  const doubled = names.find((name) => names.includes(`${name}${suffix}`));
  if (doubled !== undefined) {
    throw new CheckpointError(
      `${format}: names must differ by more than "${suffix}", got "${doubled}" twice for ` +
        `${targetName(target)}; rename one`,
    );
  }
  for (const [name, x] of Object.entries(tensors)) {
    encodeNpyHeader(describeTensor(name, x).dtype, x.shape);
  }
  await writeFile(target, async (sink) => {
    const zip = new ZipWriter(sink);
    for (const [name, tensor] of Object.entries(tensors)) {
      // 64 as the header of .npy files, so that the elements are aligned in a mapped file.
      const options = compress ? { compress } : { alignment: 64 };
      await zip.add(`${name}${suffix}`, await encodeNpy(name, tensor), options);
    }
    await zip.finish();
  });
}
