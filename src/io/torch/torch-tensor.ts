import { CheckpointError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { StoredDType } from "../stored-dtype.ts";
import { storedBytes } from "../stored-dtype.ts";
import { swapByteOrder } from "../swap-byte-order.ts";
import { tensorFromBytes } from "../tensor-bytes.ts";
import type { TensorInfo } from "../tensor-source.ts";

/** A block of elements that tensors are views of. */
export interface TorchStorage {
  readonly key: string;
  readonly dtype: StoredDType;
  /** First element of this storage in the block of the key. */
  readonly offset: number;
  readonly numel: number;
}

/** What a torch file says about one tensor: a view of a storage. */
export interface TorchTensorInfo extends TensorInfo {
  readonly dtype: StoredDType;
  /** Elements between neighbours along each dim. */
  readonly strides: readonly number[];
  readonly requiresGrad: boolean;
}

/** Reads bytes of storages. */
export interface StorageReader {
  readonly isBigEndian: boolean;
  read(storage: TorchStorage, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A tensor of a torch file that was not read yet. */
export class TorchTensor implements TorchTensorInfo {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly requiresGrad: boolean;
  readonly #storage: TorchStorage;
  readonly #offset: number;

  /**
   * @param offset - first element, counted in the storage.
   * @throws {CheckpointError} if the view leaves its storage; `file` names the place.
   */
  constructor(
    storage: TorchStorage,
    view: {
      readonly dtype: StoredDType;
      readonly offset: number;
      readonly shape: readonly number[];
      readonly strides: readonly number[];
      readonly requiresGrad: boolean;
    },
    file: string,
  ) {
    this.dtype = view.dtype;
    this.shape = view.shape;
    this.strides = view.strides;
    this.requiresGrad = view.requiresGrad;
    this.#storage = storage;
    this.#offset = view.offset;
    const room = storedBytes(storage.dtype, storage.numel) / storedBytes(view.dtype, 1);
    const isEmpty = product(this.shape) === 0;
    if (!Number.isSafeInteger(product(this.shape)) || (!isEmpty && this.#end > room)) {
      throw new CheckpointError(
        `torch: a tensor must lie in its storage, got shape [${this.shape.join(", ")}], strides ` +
          `[${this.strides.join(", ")}] and offset ${this.#offset} of ${room} elements in ${file}; ` +
          "the file is damaged, download or save it again",
        { details: { file } },
      );
    }
  }

  /** The same elements under other flags. */
  withGrad(requiresGrad: boolean, file: string): TorchTensor {
    const { dtype, shape, strides } = this;
    const view = { dtype, shape, strides, offset: this.#offset, requiresGrad };
    return new TorchTensor(this.#storage, view, file);
  }

  /** One past the last element. */
  get #end(): number {
    return this.shape.reduce(
      (end, size, dim) => end + (size - 1) * this.strides[dim],
      this.#offset + 1,
    );
  }

  /** Bytes of memory that reading takes: dims that repeat elements (stride 0) stay views. */
  get bytes(): number {
    return storedBytes(this.dtype, product(this.#storedShape));
  }

  get #storedShape(): number[] {
    return this.shape.map((size, dim) => (this.strides[dim] === 0 ? Math.min(size, 1) : size));
  }

  /** Reads the elements. @throws {CheckpointError} if the dtype or a value has no counterpart. */
  async read(reader: StorageReader, name: string, file: string, device?: string): Promise<Tensor> {
    const width = storedBytes(this.dtype, 1);
    const shape = this.#storedShape;
    const count = product(shape);
    const begin = this.#offset * width;
    const end = count === 0 ? begin : this.#end * width;
    if (width * count > maxOverlap * (end - begin) + 2 ** 20) {
      throw new CheckpointError(
        `torch: a view may repeat its elements ${maxOverlap} times, got ${count} of ` +
          `${(end - begin) / width} for "${name}" in ${file}; save x.contiguous()`,
      );
    }
    const block = await reader.read(this.#storage, begin, end);
    if (reader.isBigEndian) swapByteOrder(block, width);
    const bytes = isContiguous(shape, this.strides)
      ? block
      : gather(block, width, shape, this.strides);
    const stored = { dtype: this.dtype, shape };
    const where = `"${name}" in ${file}`;
    const tensor = tensorFromBytes(bytes.buffer, stored, { format: "torch", where, device });
    return count === product(this.shape) ? tensor : tensor.expand(this.shape);
  }
}

/** Sliding windows repeat elements; many more repeats are a small file that asks for much memory. */
const maxOverlap = 64;

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    if (shape[dim] !== 1 && strides[dim] !== expected) return product(shape) === 0;
    expected *= shape[dim];
  }
  return true;
}

/** Elements of a strided view in row-major order. */
function gather(
  block: Uint8Array<ArrayBuffer>,
  width: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(product(shape) * width);
  const source = elements(block, width);
  const target = elements(result, width);
  const last = shape.length - 1;
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < target.length; to += shape[last]) {
    for (let i = 0; i < shape[last]; i++) target[to + i] = source[from + i * strides[last]];
    for (let dim = last - 1; dim >= 0; dim--) {
      from += strides[dim];
      if (++index[dim] < shape[dim]) break;
      from -= shape[dim] * strides[dim];
      index[dim] = 0;
    }
  }
  return result;
}

/** Elements as integers, because copying floats may change the bits of a NaN. */
function elements(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array | BigUint64Array {
  switch (width) {
    case 1:
      return bytes;
    case 2:
      return new Uint16Array(bytes.buffer) as unknown as Uint8Array;
    case 4:
      return new Uint32Array(bytes.buffer) as unknown as Uint8Array;
    default:
      return new BigUint64Array(bytes.buffer);
  }
}
