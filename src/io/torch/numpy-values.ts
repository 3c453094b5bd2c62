import { CheckpointError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { quoted } from "../damaged-file.ts";
import { halfToNumber } from "../half.ts";
import { tensorFromNpy } from "../numpy/npy-file.ts";
import { dtypeOfCode } from "../numpy/npy-header.ts";
import type { StoredDType } from "../stored-dtype.ts";
import { storedBytes } from "../stored-dtype.ts";
import { swapByteOrder } from "../swap-byte-order.ts";
import type { Stateful } from "./pickle-values.ts";
import { PickleTuple } from "./pickle-values.ts";

function refuse(invariant: string): never {
  throw new CheckpointError(
    `torch: ${invariant} of NumPy in the pickle; convert it to a tensor before saving`,
  );
}

/** A dtype of NumPy in a pickle. */
export class NumpyDType implements Stateful {
  readonly dtype: StoredDType;
  isBigEndian = false;

  constructor(code: unknown) {
    const text = typeof code === "string" ? code : "no text";
    const dtype = dtypeOfCode(text.replace(/^[<>|=]/, ""));
    this.dtype = dtype ?? refuse(`a dtype must be a number or bool, got ${quoted(text)}`);
    this.isBigEndian = text.startsWith(">");
  }

  setState(state: unknown): void {
    const order = state instanceof PickleTuple ? state.items[1] : undefined;
    this.isBigEndian = order === ">";
  }
}

/** An array of NumPy in a pickle, which carries its bytes itself. */
export class NumpyArray implements Stateful {
  readonly requiresGrad = false;
  #type: NumpyDType | undefined;
  #shape: readonly number[] = [];
  #isFortranOrder = false;
  #data: Uint8Array = new Uint8Array(0);

  get dtype(): StoredDType {
    return this.#type?.dtype ?? refuse("an array must have contents, got none for one");
  }

  get shape(): readonly number[] {
    return this.#shape;
  }

  get strides(): readonly number[] {
    const strides: number[] = [];
    let stride = 1;
    const shape = this.#isFortranOrder ? this.#shape : this.#shape.toReversed();
    for (const size of shape) {
      strides.push(stride);
      stride *= size;
    }
    return this.#isFortranOrder ? strides : strides.toReversed();
  }

  setState(state: unknown): void {
    const items = state instanceof PickleTuple ? state.items : [];
    const [, shape, type, isFortranOrder, data] = items;
    const sizes = shape instanceof PickleTuple ? shape.items : [-1];
    const isShape = sizes.every((size) => Number.isSafeInteger(size) && Number(size) >= 0);
    const bytes = typeof data === "string" ? Uint8Array.from(data, codeOf) : data;
    if (!isShape || !(type instanceof NumpyDType) || !(bytes instanceof Uint8Array)) {
      return refuse("an array must have a shape, a dtype and bytes, got others for one");
    }
    this.#shape = sizes.map(Number);
    const needed = storedBytes(type.dtype, product(this.#shape));
    if (needed !== bytes.byteLength) {
      refuse(`an array must have ${needed} bytes, got ${bytes.byteLength} for one`);
    }
    this.#type = type;
    this.#isFortranOrder = isFortranOrder === true || isFortranOrder === 1;
    this.#data = bytes;
  }

  /** The elements as a tensor. */
  read(_reader: unknown, name: string, file: string, device?: string): Promise<Tensor> {
    const info = {
      dtype: this.dtype,
      shape: this.#shape,
      isFortranOrder: this.#isFortranOrder,
      isBigEndian: this.#type?.isBigEndian === true,
      begin: 0,
      end: this.#data.byteLength,
    };
    const data = new Uint8Array(this.#data);
    return Promise.resolve(tensorFromNpy(data, info, `"${name}" in ${file}`, device));
  }
}

function codeOf(char: string): number {
  return char.charCodeAt(0);
}

/** A single number of NumPy, as a plain number. */
export function numpyScalar(type: unknown, data: unknown): number | bigint | boolean {
  const bytes = typeof data === "string" ? Uint8Array.from(data, codeOf) : data;
  if (!(type instanceof NumpyDType) || !(bytes instanceof Uint8Array)) {
    return refuse("a number must have a dtype and bytes, got others for one");
  }
  const width = storedBytes(type.dtype, 1);
  if (bytes.byteLength !== width) refuse(`a number must have ${width} bytes, got others for one`);
  const copy = new Uint8Array(bytes);
  if (type.isBigEndian) swapByteOrder(copy, width);
  const view = new DataView(copy.buffer);
  switch (type.dtype) {
    case "F64":
      return view.getFloat64(0, true);
    case "F32":
      return view.getFloat32(0, true);
    case "F16":
      return halfToNumber(view.getUint16(0, true));
    case "I64":
      return narrow(view.getBigInt64(0, true));
    case "U64":
      return narrow(view.getBigUint64(0, true));
    case "I32":
      return view.getInt32(0, true);
    case "U32":
      return view.getUint32(0, true);
    case "I16":
      return view.getInt16(0, true);
    case "U16":
      return view.getUint16(0, true);
    case "I8":
      return view.getInt8(0);
    case "U8":
      return view.getUint8(0);
    case "BOOL":
      return view.getUint8(0) !== 0;
    default:
      return refuse(`a number must be real, got ${type.dtype} for one`);
  }
}

function narrow(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}
