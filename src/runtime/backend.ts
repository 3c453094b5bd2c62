import type { DType, HostArray } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";

/** What a tensor is like, for messages. */
export interface BufferContent {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Memory on a device. Opaque to everybody but the backend that made it. */
export interface Buffer {
  readonly bytes: number;
  /** What it was allocated for, where that is known: reports of a full memory name it. */
  content?: BufferContent | undefined;
}

/** What one kernel of a program costs, counted from its definition (not measured). */
export interface KernelFacts {
  readonly name: string;
  /** Bytes read and written once each. */
  readonly bytes: number;
  readonly flops: number;
  readonly threads: number;
}

/** A kernel with its measured time. */
export interface KernelProfile extends KernelFacts {
  readonly milliseconds: number;
  /**
   * Whether it is on the path that takes longest, where kernels of a program may run at once.
   * @defaultValue true
   */
  readonly isOnPath?: boolean;
}

/**
 * A compiled graph. `run` is synchronous in effect: a later `read` of an output sees its values.
 * Assign outputs write the buffer of their target input in place.
 */
export interface Program {
  /** Bytes of temporaries the program needs while it runs. */
  readonly temporaryBytes: number;
  readonly kernels: readonly KernelFacts[];
  /**
   * Runs the program.
   * @param inputs - one buffer per graph input.
   * @param outputs - one buffer per graph output; for assign outputs, the target input's buffer.
   */
  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void;
  /** Runs it kernel by kernel and reports the time of each. */
  profile(inputs: readonly Buffer[], outputs: readonly Buffer[]): KernelProfile[];
  /** Frees what the program owns. Running it afterwards is a UsageError. */
  dispose(): void;
}

/** What a person wants to know about a device (`athanor info`). */
export interface DeviceInfo {
  readonly name: string;
  readonly threads: number;
  readonly features: readonly string[];
}

/** Live and peak memory of a device. */
export interface MemoryStats {
  readonly liveBytes: number;
  readonly peakBytes: number;
  readonly liveBuffers: number;
  /** Bytes the backend took from the system (heap, arenas). */
  readonly reservedBytes: number;
}

/** Settings of the person that a program depends on; equal graphs with others are compiled anew. */
export interface CompileOptions {
  /** Whether products and convolutions of f32 may round their operands to tf32. */
  readonly allowTf32: boolean;
}

/** One device. All values live in contiguous row-major buffers. */
export interface Backend {
  readonly name: string;
  readonly info: DeviceInfo;
  /** Whether programs compute attention in kernels that hold no weights. @defaultValue false */
  readonly fusesAttention?: boolean;
  /** All memory of the device, where tensors do not share the host's. */
  readonly memoryBytes?: number;
  /**
   * Whether elements at computed places cost hardly more than others: then functions look up what
   * they need, where other devices would have views. @defaultValue false
   */
  readonly gathersFast?: boolean;
  supports(dtype: DType): boolean;
  /** @throws {OutOfMemoryError} with requested, live and limit bytes. */
  allocate(bytes: number): Buffer;
  free(buffer: Buffer): void;
  /** Copies host data in; `data.byteLength` must equal the buffer's bytes. */
  write(buffer: Buffer, data: HostArray): void;
  /**
   * Copies host data over the bytes from `offset` on, and leaves the rest of the buffer alone. In the
   * order of calls, as a program is: runs before it see the old bytes, later ones the new. The data
   * may be changed as soon as it returns.
   * @throws {ShapeError} if the data does not lie within the buffer.
   */
  writePart(buffer: Buffer, offset: number, data: HostArray): void;
  /** Copies out into a fresh host array of the dtype. */
  readSync(buffer: Buffer, dtype: DType): HostArray;
  read(buffer: Buffer, dtype: DType): Promise<HostArray>;
  /** Device-to-device copy of equal sizes. */
  copy(from: Buffer, to: Buffer): void;
  /**
   * @param options - without them, the most exact ones; a backend with one way to compute need not
   *   look at them.
   * @throws {UnsupportedOpError} if an op or dtype cannot run here.
   */
  compile(graph: Graph, options?: CompileOptions): Program;
  memory(): MemoryStats;
  /** Ends workers and frees everything. */
  dispose(): void;
}

/** A host function the `custom` op calls: whole arrays in storage format in, one out. */
export type CustomKernel = (inputs: readonly HostArray[], output: HostArray) => void;

const customKernels = new Map<string, CustomKernel>();

/** Names a host function for `custom` ops. The name must be unique. */
export function registerCustomKernel(name: string, kernel: CustomKernel): void {
  customKernels.set(name, kernel);
}

/** The function behind a `custom` op, or undefined. */
export function customKernel(name: string): CustomKernel | undefined {
  return customKernels.get(name);
}
