import type { Tensor } from "../../tensor/tensor.ts";
import type { ByteSource, FileInput } from "../byte-source.ts";
import { openSource } from "../byte-source.ts";
import { damagedFile } from "../damaged-file.ts";
import type { LoadOptions, TensorSource } from "../tensor-source.ts";
import { missingTensor } from "../tensor-source.ts";
import { ZipArchive } from "../zip/zip-archive.ts";
import { isLegacyTorch, readLegacyParts } from "./legacy-storages.ts";
import type { TorchLeaf } from "./torch-contents.ts";
import { nameLeaves, plainContents, readContents, requireModestSize } from "./torch-contents.ts";
import type { UnknownClasses } from "./torch-globals.ts";
import { isTar, readTarParts } from "./tar-storages.ts";
import type { StorageReader, TorchTensorInfo } from "./torch-tensor.ts";
import type { TorchParts } from "./zip-storages.ts";
import { readZipParts } from "./zip-storages.ts";

const format = "torch";

/** How a torch file is opened. */
export interface TorchOptions {
  /**
   * What happens to classes other than tensors and plain data: an error, or `{ $class, … }` with
   * their attributes. Neither runs anything.
   * @defaultValue "refuse"
   */
  readonly unknownClasses?: UnknownClasses;
}

/** An open `.pt` or `.pth` file. Tensors are named by their path: `model.conv.weight`. */
export class TorchFile implements TensorSource<TorchTensorInfo> {
  readonly metadata: Readonly<Record<string, unknown>> = {};
  /** Everything that was saved, with a {@link TorchTensorInfo} in place of each tensor. */
  readonly contents: unknown;
  readonly #source: ByteSource;
  readonly #reader: StorageReader;
  readonly #storageBytes: number;
  readonly #leaves: ReadonlyMap<string, TorchLeaf>;

  private constructor(source: ByteSource, parts: TorchParts) {
    this.contents = plainContents(parts.value, source.name);
    this.#source = source;
    this.#reader = parts.reader;
    this.#storageBytes = parts.storageBytes;
    this.#leaves = nameLeaves(this.contents, source.name);
  }

  /** Reads the pickle of a source, which is closed with the file. @throws {CheckpointError} */
  static async over(
    source: ByteSource,
    { unknownClasses = "refuse" }: TorchOptions = {},
  ): Promise<TorchFile> {
    try {
      const start = await source.read(0, Math.min(source.size, 512));
      const parts = isLegacyTorch(start)
        ? await readLegacyParts(source, unknownClasses)
        : await readZip(source, start, unknownClasses);
      return new TorchFile(source, parts);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  keys(): string[] {
    return [...this.#leaves.keys()];
  }

  has(name: string): boolean {
    return this.#leaves.has(name);
  }

  info(name: string): TorchTensorInfo {
    return this.#leaf(name);
  }

  get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    return this.#read(name, this.#leaf(name), options);
  }

  /**
   * Everything that was saved, with all tensors read.
   *
   * @throws {CheckpointError} if a tensor cannot be represented.
   */
  load(options: LoadOptions = {}): Promise<unknown> {
    this.requireModestSize();
    return readContents(this.contents, this.#leaves, (name, leaf) =>
      this.#read(name, leaf, options),
    );
  }

  /** @throws {CheckpointError} if many views of few bytes would take much memory. @internal */
  requireModestSize(): void {
    requireModestSize(this.#leaves, this.#storageBytes, this.#source.name);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  /** As `close`, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #leaf(name: string): TorchLeaf {
    const leaf = this.#leaves.get(name);
    if (leaf === undefined) throw missingTensor(format, name, this.keys(), this.#source.name);
    return leaf;
  }

  #read(name: string, leaf: TorchLeaf, { device }: LoadOptions): Promise<Tensor> {
    return leaf.read(this.#reader, name, this.#source.name, device);
  }
}

async function readZip(
  source: ByteSource,
  start: Uint8Array,
  unknownClasses: UnknownClasses,
): Promise<TorchParts> {
  if (start[0] === 0x50 && start[1] === 0x4b) {
    return readZipParts(await ZipArchive.open(source, format), unknownClasses);
  }
  if (isTar(start)) return readTarParts(source, unknownClasses);
  throw damagedFile(
    format,
    source.name,
    "a file must be a zip, a legacy stream or a tar of torch.save",
    "other bytes",
  );
}

/**
 * Opens a file of `torch.save` without running anything in it: the zip format and those before
 * torch 1.6. The pickle is read, tensors are read when `get` asks for them.
 *
 * @throws {CheckpointError} if the file is missing or damaged, or holds classes other than tensors
 *   and plain data, which it names.
 * @example
 * await using file = await openTorch("checkpoint.pth");
 * const weight = await file.get("model.conv1.weight");
 */
export async function openTorch(input: FileInput, options: TorchOptions = {}): Promise<TorchFile> {
  return TorchFile.over(await openSource(input, format), options);
}

/**
 * Loads what `torch.save` saved: dicts become objects (Maps if their keys are neither text nor whole
 * numbers), lists and tuples arrays, None null, integers beyond 2^53 bigints, tensors and NumPy
 * arrays tensors. Nothing in the file is run. The caller states the type, which is not checked.
 *
 * @throws {CheckpointError} as {@link openTorch}, and if a tensor cannot be represented.
 */
export async function loadTorch<State = unknown>(
  input: FileInput,
  options: LoadOptions & TorchOptions = {},
): Promise<State> {
  await using file = await openTorch(input, options);
  return (await file.load(options)) as State;
}
