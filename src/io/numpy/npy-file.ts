import type { Tensor } from "../../tensor/tensor.ts";
import type { FileTarget } from "../byte-sink.ts";
import { writeFile } from "../byte-sink.ts";
import type { ByteSource, FileInput } from "../byte-source.ts";
import { openSource } from "../byte-source.ts";
import { storedBytes } from "../stored-dtype.ts";
import { swapByteOrder } from "../swap-byte-order.ts";
import { describeTensor, tensorFromBytes } from "../tensor-bytes.ts";
import type { LoadOptions, TensorSource } from "../tensor-source.ts";
import { missingTensor } from "../tensor-source.ts";
import type { NpyInfo } from "./npy-header.ts";
import { encodeNpyHeader, npyPrefixBytes, parseNpyHeader } from "./npy-header.ts";

const format = "npy";

/** What the only tensor of an `.npy` file is called. */
const onlyName = "tensor";

/** An `.npy` file, whose one array is called "tensor". */
export class NpyFile implements TensorSource<NpyInfo> {
  readonly metadata: Readonly<Record<string, unknown>> = {};
  readonly #source: ByteSource;
  readonly #info: NpyInfo;

  private constructor(source: ByteSource, info: NpyInfo) {
    this.#source = source;
    this.#info = info;
  }

  /** Reads the header of a source, which is closed with the file. */
  static async over(source: ByteSource): Promise<NpyFile> {
    try {
      const start = await source.read(0, Math.min(source.size, npyPrefixBytes));
      return new NpyFile(source, parseNpyHeader(start, source.size, source.name));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  keys(): string[] {
    return [onlyName];
  }

  has(name: string): boolean {
    return name === onlyName;
  }

  info(name: string): NpyInfo {
    if (name !== onlyName) throw missingTensor(format, name, this.keys(), this.#source.name);
    return this.#info;
  }

  async get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    const { begin, end } = this.info(name);
    const data = await this.#source.read(begin, end);
    return tensorFromNpy(data, this.#info, this.#source.name, options.device);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A tensor from the elements of an `.npy` file; `data` is used up. */
export function tensorFromNpy(
  data: Uint8Array<ArrayBuffer>,
  info: NpyInfo,
  where: string,
  device: string | undefined,
): Tensor {
  const { dtype, shape, isFortranOrder, isBigEndian } = info;
  if (isBigEndian) swapByteOrder(data, storedBytes(dtype, 1));
  const bytes = data.byteLength === data.buffer.byteLength ? data.buffer : data.slice().buffer;
  const isTransposed = isFortranOrder && shape.length > 1;
  const stored = { dtype, shape: isTransposed ? shape.toReversed() : shape };
  const tensor = tensorFromBytes(bytes, stored, { format, where, device });
  return isTransposed ? tensor.T : tensor;
}

/**
 * Loads the array of an `.npy` file: versions 1 to 3, either order of dims and bytes. Dtypes become
 * what {@link loadSafetensors} makes of them.
 *
 * @throws {CheckpointError} if the file is damaged, or holds objects, texts or complex numbers.
 * @example
 * const images = await loadNpy("images.npy");
 */
export async function loadNpy(input: FileInput, options: LoadOptions = {}): Promise<Tensor> {
  await using file = await NpyFile.over(await openSource(input, format));
  return await file.get(onlyName, options);
}

/**
 * Writes a tensor as an `.npy` file (version 1.0, row-major, little-endian), whole or not at all.
 *
 * @throws {CheckpointError} for bf16, which NumPy does not have, or if the file cannot be written.
 */
export async function saveNpy(target: FileTarget, tensor: Tensor): Promise<void> {
  const header = encodeNpyHeader(describeTensor(onlyName, tensor).dtype, tensor.shape);
  await writeFile(target, async (sink) => {
    await sink.write(header);
    await sink.write(await tensor.bytes());
  });
}

/** The whole `.npy` file of a tensor. */
export async function encodeNpy(name: string, tensor: Tensor): Promise<Uint8Array> {
  const header = encodeNpyHeader(describeTensor(name, tensor).dtype, tensor.shape);
  const data = await tensor.bytes();
  const file = new Uint8Array(header.byteLength + data.byteLength);
  file.set(header);
  file.set(data, header.byteLength);
  return file;
}
