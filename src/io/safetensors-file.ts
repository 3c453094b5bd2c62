import type { Tensor } from "../tensor/tensor.ts";
import type { ByteSource, FileInput } from "./byte-source.ts";
import { openSource } from "./byte-source.ts";
import type { SafetensorsHeader, StoredTensorInfo } from "./safetensors-header.ts";
import { headerLength, lengthBytes, parseHeader } from "./safetensors-header.ts";
import { tensorFromBytes } from "./tensor-bytes.ts";
import type { LoadOptions, TensorSource } from "./tensor-source.ts";
import { missingTensor } from "./tensor-source.ts";

export type { LoadOptions, TensorSource } from "./tensor-source.ts";

/** An open safetensors file or sharded checkpoint. */
export interface SafetensorsSource extends TensorSource<StoredTensorInfo> {
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

const format = "safetensors";

/** One safetensors file: its header in memory, its tensors where the file is. */
export class SafetensorsFile implements SafetensorsSource {
  readonly #source: ByteSource;
  readonly #header: SafetensorsHeader;

  private constructor(source: ByteSource, header: SafetensorsHeader) {
    this.#source = source;
    this.#header = header;
  }

  /** Reads and checks the header. @throws {CheckpointError} if the file is missing or damaged. */
  static async open(input: FileInput): Promise<SafetensorsFile> {
    return SafetensorsFile.over(await openSource(input, format));
  }

  /** As `open`, for a source that is open already and closed with the file. */
  static async over(source: ByteSource): Promise<SafetensorsFile> {
    const { size, name } = source;
    try {
      const length = headerLength(await source.read(0, Math.min(size, lengthBytes)), size, name);
      const header = await source.read(lengthBytes, lengthBytes + length);
      return new SafetensorsFile(source, parseHeader(header, size, name));
    } catch (error) {
      await source.close();
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
    if (info === undefined) throw missingTensor(format, name, this.keys(), this.#source.name);
    return info;
  }

  async get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    const info = this.info(name);
    const { buffer } = await this.#source.read(info.begin, info.end);
    const where = `"${name}" in ${this.#source.name}`;
    return tensorFromBytes(buffer, info, { format, where, device: options.device });
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
