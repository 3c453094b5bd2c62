import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { CheckpointError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { errnoOf } from "./atomic-file.ts";
import type { SafetensorsHeader, StoredTensorInfo } from "./safetensors-header.ts";
import { headerLength, lengthBytes, parseHeader } from "./safetensors-header.ts";
import { tensorFromBytes } from "./tensor-bytes.ts";

/** Where tensors go that are read from a file. */
export interface LoadOptions {
  /** @defaultValue the default device */
  readonly device?: string;
}

/** Checkpoint contents by name, read when asked for. Close it (or declare it with `await using`). */
export interface TensorSource extends AsyncDisposable {
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of all tensors. */
  keys(): string[];
  /** Whether there is a tensor of this name. */
  has(name: string): boolean;
  /** Dtype, shape and place of a tensor. @throws {CheckpointError} if there is none. */
  info(name: string): StoredTensorInfo;
  /** Reads one tensor. @throws {CheckpointError} if there is none, or it cannot be represented. */
  get(name: string, options?: LoadOptions): Promise<Tensor>;
  /** Closes the files; nothing can be read after. */
  close(): Promise<void>;
}

/** Node reads at most 2 GiB at once. */
const chunkBytes = 2 ** 30;

/** One safetensors file: its header in memory, its tensors on disk. */
export class SafetensorsFile implements TensorSource {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #header: SafetensorsHeader;

  private constructor(path: string, handle: FileHandle, header: SafetensorsHeader) {
    this.path = path;
    this.#handle = handle;
    this.#header = header;
  }

  /** Reads and checks the header. @throws {CheckpointError} if the file is missing or damaged. */
  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await openForReading(path);
    try {
      const { size } = await handle.stat();
      const start = new Uint8Array(await readRange(handle, 0, Math.min(size, lengthBytes), path));
      const length = headerLength(start, size, path);
      const header = await readRange(handle, lengthBytes, lengthBytes + length, path);
      return new SafetensorsFile(path, handle, parseHeader(new Uint8Array(header), size, path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  keys(): string[] {
    return [...this.#header.tensors.keys()];
  }

  has(name: string): boolean {
    return this.#header.tensors.has(name);
  }

  info(name: string): StoredTensorInfo {
    const info = this.#header.tensors.get(name);
    if (info === undefined) throw missingTensor(name, this.keys(), this.path);
    return info;
  }

  async get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    const info = this.info(name);
    const bytes = await readRange(this.#handle, info.begin, info.end, this.path);
    return tensorFromBytes(bytes, info, `"${name}" in ${this.path}`, options.device);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The error for a name that a checkpoint does not have. */
export function missingTensor(
  name: string,
  names: readonly string[],
  path: string,
): CheckpointError {
  const shown = names.slice(0, 5).map((other) => `"${other}"`);
  if (names.length > shown.length) shown.push(`${names.length - shown.length} more`);
  return new CheckpointError(
    `safetensors: the tensor must be in the file, got "${name}", which is not in ${path}; ` +
      `it has ${shown.join(", ") || "no tensors"}`,
    { details: { file: path, name } },
  );
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new CheckpointError(
      `safetensors: the file must be readable, got ${errnoOf(cause)} for ${path}; check the path`,
      { cause, details: { file: path } },
    );
  }
}

async function readRange(
  handle: FileHandle,
  begin: number,
  end: number,
  path: string,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(end - begin);
  let done = 0;
  while (done < bytes.byteLength) {
    const length = Math.min(chunkBytes, bytes.byteLength - done);
    const { bytesRead } = await handle.read(bytes, done, length, begin + done);
    if (bytesRead === 0) {
      throw new CheckpointError(
        `safetensors: the file must keep its size while it is read, got its end at byte ` +
          `${begin + done} instead of ${end} in ${path}; is it being written?`,
        { details: { file: path } },
      );
    }
    done += bytesRead;
  }
  return bytes.buffer;
}
