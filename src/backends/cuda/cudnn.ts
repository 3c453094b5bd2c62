import { DeviceError } from "../../base/errors.ts";
import type { Ffi, ForeignFunction, ForeignLibrary } from "./ffi.ts";

/** Kinds of descriptors of the backend graph API. */
export const cudnnKind = {
  pointwise: 0,
  convolution: 1,
  engine: 2,
  engineConfig: 3,
  heuristics: 4,
  plan: 5,
  knobChoice: 7,
  convolutionForward: 10,
  convolutionWeightGrad: 11,
  convolutionInputGrad: 12,
  pointwiseOperation: 13,
  operationGraph: 15,
  variantPack: 16,
  tensor: 17,
  matmul: 18,
  matmulOperation: 19,
  reduction: 21,
  reductionOperation: 22,
  reshapeOperation: 31,
  deviceProperties: 38,
} as const;

/** Types of attribute values. */
export const cudnnType = {
  handle: 0,
  dataType: 1,
  bool: 2,
  i64: 3,
  f32: 4,
  pointer: 6,
  convolutionMode: 7,
  heuristicMode: 8,
  knob: 9,
  numericalNote: 11,
  pointwiseMode: 14,
  descriptor: 15,
  reduction: 18,
  behaviorNote: 19,
  i32: 23,
  char: 24,
} as const;

/** `cudnnDataType_t` of what tensors and computations can be. */
export const cudnnData = { f32: 0, f64: 1, f16: 2, i32: 4, bf16: 9, i64: 10, bool: 11 } as const;

const statusSuccess = 0;
/** 3000 … 3999: this library or card cannot do what was described. */
const isUnsupported = (status: number): boolean => status >= 3000 && status < 4000;

/** What went wrong in cuDNN. */
export class CudnnError extends DeviceError {
  readonly status: number;
  /** Whether the graph is well formed but no engine takes it. */
  readonly isUnsupported: boolean;

  constructor(what: string, status: number, text: string) {
    const detail = text === "" ? "" : `: ${text}`;
    super(`cuDNN: ${what} failed with status ${status}${detail}`, { details: { status } });
    this.status = status;
    this.isUnsupported = isUnsupported(status);
  }
}

/**
 * cuDNN 9's graph API: descriptors are made, filled by attributes and finalized. One object per
 * device; the handle needs a current context and is made at its first use.
 */
export class Cudnn {
  readonly ffi: Ffi;
  /** Such as 92400 for 9.24.0. */
  readonly version: number;
  private readonly library: ForeignLibrary;
  private readonly functions: Map<string, ForeignFunction> = new Map();
  private context: number | null = null;
  private stream: number | null = null;

  /** @throws {DeviceError} if the library is older than 9.0. */
  constructor(ffi: Ffi, library: ForeignLibrary) {
    this.ffi = ffi;
    this.library = library;
    this.version = this.call("size_t cudnnGetVersion()");
    if (this.version < 90000) {
      throw new DeviceError(
        `cuDNN: version 9 or later is needed, got ${this.version} from ${library.path}; ` +
          "install the wheel nvidia-cudnn-cu13 (or -cu12) and put it first on LD_LIBRARY_PATH",
      );
    }
  }

  /** Calls a function, declared by its prototype. */
  call(prototype: string, ...values: Parameters<ForeignFunction>): number {
    let found = this.functions.get(prototype);
    if (found === undefined) {
      found = this.library.function(prototype);
      this.functions.set(prototype, found);
    }
    return found(...values);
  }

  /** Throws if a call did not succeed. @throws {CudnnError} */
  check(status: number, what: string): void {
    if (status !== statusSuccess) throw new CudnnError(what, status, this.lastError());
  }

  /** The library's own words about the last failure; empty where it has none. */
  lastError(): string {
    const text = new Uint8Array(1024);
    this.call("void cudnnGetLastErrorString(p text, size_t bytes)", text, text.length);
    const end = text.indexOf(0);
    return String.fromCharCode(...text.subarray(0, end < 0 ? text.length : end)).trim();
  }

  /** The library's handle for the current context. */
  get handle(): number {
    if (this.context === null) {
      const out = new BigUint64Array(1);
      this.check(this.call("int cudnnCreate(p handle)", out), "cudnnCreate");
      this.context = Number(out[0]);
    }
    return this.context;
  }

  /** Lets what is executed from now on run on a stream. */
  useStream(stream: number): void {
    if (this.stream === stream) return;
    const status = this.call("int cudnnSetStream(u64 handle, u64 stream)", this.handle, stream);
    this.check(status, "cudnnSetStream");
    this.stream = stream;
  }

  /** Makes an empty descriptor. @throws {CudnnError} */
  descriptor(kind: number): CudnnDescriptor {
    const out = new BigUint64Array(1);
    const status = this.call("int cudnnBackendCreateDescriptor(int kind, p descriptor)", kind, out);
    this.check(status, `making a descriptor of kind ${kind}`);
    return new CudnnDescriptor(this, kind, Number(out[0]));
  }

  /** Gives the handle back. */
  dispose(): void {
    if (this.context !== null) this.call("int cudnnDestroy(u64 handle)", this.context);
    this.context = null;
    this.stream = null;
  }
}

/** A descriptor: a bag of attributes until it is finalized. */
export class CudnnDescriptor {
  readonly cudnn: Cudnn;
  readonly kind: number;
  /** Address of the library's object; 0 once disposed. */
  address: number;

  constructor(cudnn: Cudnn, kind: number, address: number) {
    this.cudnn = cudnn;
    this.kind = kind;
    this.address = address;
  }

  /** Sets 64-bit integers. */
  integers(attribute: number, values: readonly number[]): this {
    return this.set(attribute, cudnnType.i64, BigInt64Array.from(values, BigInt));
  }

  /** Sets one value of an enumeration, or a 32-bit integer. */
  choice(attribute: number, type: number, value: number): this {
    return this.set(attribute, type, Int32Array.of(value));
  }

  /** Sets a truth value. */
  flag(attribute: number, value: boolean): this {
    return this.set(attribute, cudnnType.bool, Uint8Array.of(value ? 1 : 0));
  }

  /** Sets a 32-bit float. */
  float(attribute: number, value: number): this {
    return this.set(attribute, cudnnType.f32, Float32Array.of(value));
  }

  /** Sets other descriptors. */
  descriptors(attribute: number, values: readonly CudnnDescriptor[]): this {
    const addresses = values.map((value) => BigInt(value.address));
    return this.set(attribute, cudnnType.descriptor, BigUint64Array.from(addresses));
  }

  /** Sets addresses of data. */
  pointers(attribute: number, addresses: readonly number[]): this {
    return this.set(attribute, cudnnType.pointer, BigUint64Array.from(addresses, BigInt));
  }

  /** Sets the library's handle. */
  handle(attribute: number): this {
    const values = BigUint64Array.of(BigInt(this.cudnn.handle));
    return this.set(attribute, cudnnType.handle, values);
  }

  /** Sets text. */
  text(attribute: number, value: string): this {
    const bytes = Uint8Array.from(`${value}\0`, (char) => char.charCodeAt(0));
    return this.set(attribute, cudnnType.char, bytes);
  }

  private set(attribute: number, type: number, values: BigOrPlain): this {
    const status = this.cudnn.call(
      "int cudnnBackendSetAttribute(u64 descriptor, int name, int type, i64 count, p values)",
      this.address,
      attribute,
      type,
      values.length,
      values,
    );
    this.cudnn.check(status, `attribute ${attribute} of a descriptor of kind ${this.kind}`);
    return this;
  }

  /** Declares the descriptor complete. @throws {CudnnError} */
  finalize(what: string): this {
    const status = this.cudnn.call("int cudnnBackendFinalize(u64 descriptor)", this.address);
    this.cudnn.check(status, what);
    return this;
  }

  /** Reads 64-bit integers, at most `limit`. */
  readIntegers(attribute: number, limit: number): number[] {
    const values = new BigInt64Array(limit);
    const count = this.read(attribute, cudnnType.i64, values);
    return [...values.subarray(0, count)].map(Number);
  }

  /** Reads values of an enumeration, at most `limit`. */
  readChoices(attribute: number, type: number, limit: number): number[] {
    const values = new Int32Array(limit);
    return [...values.subarray(0, this.read(attribute, type, values))];
  }

  /** How many values an attribute has. */
  count(attribute: number, type: number): number {
    return this.read(attribute, type, new BigUint64Array(0));
  }

  /** Lets the library write other descriptors into fresh ones of a kind; the caller owns them. */
  readDescriptors(attribute: number, kind: number, limit: number): CudnnDescriptor[] {
    const fresh = Array.from({ length: limit }, () => this.cudnn.descriptor(kind));
    const addresses = BigUint64Array.from(fresh, (descriptor) => BigInt(descriptor.address));
    const count = this.read(attribute, cudnnType.descriptor, addresses);
    for (const unused of fresh.slice(count)) unused.dispose();
    return fresh.slice(0, count);
  }

  /** Reads text. */
  readText(attribute: number): string {
    const bytes = new Uint8Array(1 << 16);
    const count = this.read(attribute, cudnnType.char, bytes);
    return new TextDecoder().decode(bytes.subarray(0, count)).replace(/\0+$/, "");
  }

  private read(attribute: number, type: number, into: BigOrPlain): number {
    const count = new BigInt64Array(1);
    const status = this.cudnn.call(
      "int cudnnBackendGetAttribute(u64 descriptor, int name, int type, i64 want, p got, p values)",
      this.address,
      attribute,
      type,
      into.length,
      count,
      into.length === 0 ? null : into,
    );
    this.cudnn.check(status, `reading attribute ${attribute} of kind ${this.kind}`);
    return into.length === 0 ? Number(count[0]) : Math.min(into.length, Number(count[0]));
  }

  /** Gives the library's object back. */
  dispose(): void {
    if (this.address === 0) return;
    this.cudnn.call("int cudnnBackendDestroyDescriptor(u64 descriptor)", this.address);
    this.address = 0;
  }
}

type BigOrPlain = BigInt64Array | BigUint64Array | Int32Array | Uint8Array | Float32Array;
