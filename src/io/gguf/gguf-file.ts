import { CheckpointError } from "../../base/errors.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { parsePrefix } from "../byte-cursor.ts";
import type { ByteSource, FileInput } from "../byte-source.ts";
import { openSource } from "../byte-source.ts";
import { storedBytes } from "../stored-dtype.ts";
import { swapByteOrder } from "../swap-byte-order.ts";
import { tensorFromBytes } from "../tensor-bytes.ts";
import type { LoadOptions, TensorSource } from "../tensor-source.ts";
import { missingTensor, readAll } from "../tensor-source.ts";
import { dequantize, dequantizedTypes } from "./dequantize.ts";
import type { GgufHeader, GgufTensorInfo, GgufValue } from "./gguf-header.ts";
import { parseGgufHeader } from "./gguf-header.ts";
import { plainDType } from "./gguf-types.ts";

const format = "gguf";

/** An open GGUF file. */
export class GgufFile implements TensorSource<GgufTensorInfo> {
  readonly #source: ByteSource;
  readonly #header: GgufHeader;

  private constructor(source: ByteSource, header: GgufHeader) {
    this.#source = source;
    this.#header = header;
  }

  /** Reads the header of a source, which is closed with the file. @throws {CheckpointError} */
  static async over(source: ByteSource): Promise<GgufFile> {
    try {
      const header = await parsePrefix(source, format, (cursor) =>
        parseGgufHeader(cursor, source.size),
      );
      return new GgufFile(source, header);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Version of the format. */
  get version(): number {
    return this.#header.version;
  }

  /** Hyper-parameters, tokenizer and notes by name, such as `llama.block_count`. */
  get metadata(): Readonly<Record<string, GgufValue>> {
    return this.#header.metadata;
  }

  keys(): string[] {
    return [...this.#header.tensors.keys()];
  }

  has(name: string): boolean {
    return this.#header.tensors.has(name);
  }

  info(name: string): GgufTensorInfo {
    const info = this.#header.tensors.get(name);
    if (info === undefined) throw missingTensor(format, name, this.keys(), this.#source.name);
    return info;
  }

  /** Reads one tensor; packed types become f32. @throws {CheckpointError} */
  async get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    const { dtype, shape } = this.info(name);
    const { device } = options;
    const where = `"${name}" in ${this.#source.name}`;
    const bytes = await this.bytes(name);
    const plain = plainDType(dtype);
    if (plain !== undefined) {
      if (this.#header.isBigEndian) swapByteOrder(bytes, storedBytes(plain, 1));
      return tensorFromBytes(bytes.buffer, { dtype: plain, shape }, { format, where, device });
    }
    if (this.#header.isBigEndian) {
      throw new CheckpointError(
        `gguf: packed tensors must be little-endian, got ${where} in a big-endian file; convert it`,
      );
    }
    const values = dequantize(dtype, bytes);
    if (values === undefined) {
      throw new CheckpointError(
        `gguf: packed types must be ${dequantizedTypes.join(", ")}, got ${dtype} for ${where}; ` +
          "convert the file, or load its other tensors by name",
      );
    }
    return Tensor.from(values, shape, { device });
  }

  /** The bytes of one tensor as they are in the file. @throws {CheckpointError} */
  bytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { begin, end } = this.info(name);
    return this.#source.read(begin, end);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  /** As `close`, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens a GGUF file, versions 2 and 3, and reads the header: metadata, names, types and places.
 *
 * @throws {CheckpointError} if the file is missing or damaged.
 * @example
 * await using file = await openGguf("model.gguf");
 * console.log(file.metadata["general.architecture"], file.keys().length);
 */
export async function openGguf(input: FileInput): Promise<GgufFile> {
  return GgufFile.over(await openSource(input, format));
}

/**
 * Loads all tensors of a GGUF file: F32, F16, BF16, F64 and integers as they are, packed types
 * (Q4_0 to Q8_0, Q2_K to Q6_K, IQ4, MXFP4) as f32.
 *
 * @throws {CheckpointError} if the file is missing or damaged, or a type cannot be read.
 */
export async function loadGguf(
  input: FileInput,
  options: LoadOptions = {},
): Promise<Record<string, Tensor>> {
  return readAll(await openGguf(input), options);
}
