import { ShapeError, UsageError } from "../../base/errors.ts";
import { dtypeBytes, hostView } from "../../ir/dtype.ts";
import type { DType, HostArray } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import type { CudaTarget } from "../../compiler/cuda/kernel-code.ts";
import { errorWords } from "../../compiler/cuda/kernel-code.ts";
import type { CudaProgramCode } from "../../compiler/cuda/program-code.ts";
import type {
  Backend,
  Buffer,
  CompileOptions,
  DeviceInfo,
  MemoryStats,
  Program,
} from "../../runtime/backend.ts";
import { requireWithin } from "../../runtime/write-range.ts";
import { createArena } from "./arena.ts";
import type { Arena } from "./arena.ts";
import type { CudaCommunication } from "./communication.ts";
import { CudaBuffer } from "./buffer.ts";
import { CudaDevice } from "./device.ts";
import { ErrorWords } from "./error-words.ts";
import type { Ffi } from "./ffi.ts";
import { KernelCache } from "./kernel-cache.ts";
import type { LibraryExecutorFactories } from "./library-executor.ts";
import { LibraryExecutors } from "./library-executors.ts";
import { LibrarySearch } from "./library-search.ts";
import { libraryContext } from "./library-context.ts";
import { describeLibraries } from "./library-versions.ts";
import { MemoryPool } from "./memory-pool.ts";
import { ModuleCache } from "./module-cache.ts";
import { outOfMemory } from "./out-of-memory.ts";
import { CudaProgram } from "./program.ts";
import type { ProgramHost } from "./program.ts";
import { Staging } from "./staging.ts";
import type { PinnedMemory } from "./staging.ts";

/** Options of the CUDA backend. */
export interface CudaBackendOptions {
  readonly ffi: Ffi;
  /** Number of the card. @defaultValue 0 */
  readonly ordinal?: number;
  /** @defaultValue a search of this machine */
  readonly libraries?: LibrarySearch;
  /** What does the calls of vendor libraries. @defaultValue none */
  readonly executors?: LibraryExecutorFactories;
  /** Compiled kernels on disk, or null for none. @defaultValue in the person's cache folder */
  readonly cache?: KernelCache | null;
  /**
   * Whether every launch is waited for: slow, but errors name the kernel.
   * @defaultValue whether ATHANOR_CUDA_SYNC is 1
   */
  readonly synchronous?: boolean;
  /**
   * Whether a run that may meet a wrong index waits and throws; else the next read does.
   * @defaultValue `synchronous`
   */
  readonly checksAtOnce?: boolean;
  /**
   * Whether recorded steps keep their launches one after the other; else those that do not depend
   * on each other may run at once. @defaultValue whether ATHANOR_CUDA_CHAIN is 1
   */
  readonly chain?: boolean;
  /**
   * Whether a program is recorded in its first run; else when addresses come again. For tests of
   * recordings. @defaultValue false
   */
  readonly recordsAtOnce?: boolean;
}

/** Graph → launches; a parameter, so that tests can bring programs of their own. */
export type CompileGraph = (
  graph: Graph,
  target: CudaTarget,
  options: CompileOptions,
) => CudaProgramCode;

const exact: CompileOptions = { allowTf32: false };

/** Reads larger than this go through a block of pinned memory in parts, and are waited for. */
const LARGEST_ASYNC_READ = 64 * 1024 ** 2;
const READ_PART = 4 * 1024 ** 2;
/** How long a read looks for its data in every task, before it waits for timers. */
const EAGER_MILLISECONDS = 2;

/** One card. */
export class CudaBackend implements Backend {
  readonly name: string;
  readonly fusesAttention: boolean = true;
  readonly gathersFast: boolean = true;
  private readonly ffi: Ffi;
  private readonly device: CudaDevice;
  private readonly libraries: LibrarySearch;
  private readonly pool: MemoryPool;
  private readonly arena: Arena;
  private readonly staging: Staging;
  private readonly modules: ModuleCache;
  private readonly executors: LibraryExecutors;
  private readonly errors: ErrorWords;
  private readonly host: ProgramHost;
  private readonly compileGraph: CompileGraph;
  private readonly buffers: Set<CudaBuffer> = new Set();
  /** Events of finished reads, for the next ones. */
  private readonly events: number[] = [];
  private knownTarget: CudaTarget | null = null;
  private knownInfo: DeviceInfo | null = null;
  private liveBytes: number = 0;
  private peakBytes: number = 0;
  private isDisposed: boolean = false;

  /** @throws {DeviceError} if the driver, the card or koffi is missing or too old. */
  constructor(options: CudaBackendOptions, compileGraph: CompileGraph) {
    const { cache = new KernelCache(), executors = {}, ffi, ordinal = 0 } = options;
    const isSynchronous = options.synchronous ?? process.env["ATHANOR_CUDA_SYNC"] === "1";
    this.name = ordinal === 0 ? "cuda" : `cuda:${ordinal}`;
    this.ffi = ffi;
    this.libraries = options.libraries ?? new LibrarySearch(ffi);
    this.compileGraph = compileGraph;
    this.device = new CudaDevice(ffi, this.libraries, ordinal);
    this.pool = new MemoryPool(this.device);
    this.arena = createArena(this.device);
    this.staging = new Staging(this.device, ffi);
    this.modules = new ModuleCache(ffi, this.device, this.libraries, cache);
    const { arena, device, libraries, pool, staging } = this;
    const take = (bytes: number): number => this.take(bytes, "workspace");
    const context = libraryContext({ ffi, device, libraries, pool, take });
    this.executors = new LibraryExecutors(context, executors);
    this.errors = new ErrorWords(device, this.take(errorWords.bytes, "error words"));
    this.host = {
      device,
      pool,
      arena,
      staging,
      modules: this.modules,
      errors: this.errors,
      binder: { ffi, device, staging, libraries: this.executors },
      isSynchronous,
      isChain: options.chain ?? process.env["ATHANOR_CUDA_CHAIN"] === "1",
      recordsAtOnce: options.recordsAtOnce ?? false,
      checksAtOnce: options.checksAtOnce ?? isSynchronous,
      reserveArena: (bytes) => this.reserveArena(bytes),
      isRunning: false,
      isDisposed: false,
      programCount: 0,
    };
  }

  /** What programs are compiled for. */
  get target(): CudaTarget {
    this.knownTarget ??= {
      ...this.device.target,
      libraries: (["cublasLt", "cudnn"] as const).filter(
        (name) => this.libraries.find(name) !== null,
      ),
      doesAttention: (call) => this.executors.supports(call),
    };
    return this.knownTarget;
  }

  get info(): DeviceInfo {
    this.knownInfo ??= {
      name: this.device.name,
      threads: this.device.target.multiprocessors,
      features: [
        `sm_${this.device.target.capability}`,
        ...describeLibraries(this.ffi, this.device.driver.version, this.libraries),
      ],
    };
    return this.knownInfo;
  }

  get memoryBytes(): number {
    return this.device.totalBytes;
  }

  /** What is needed to move buffers of this card to others. */
  communication(): CudaCommunication {
    this.enter("communication");
    const { device, ffi, libraries } = this;
    return {
      ffi,
      libraries,
      driver: device.driver,
      stream: device.stream,
      activate: () => this.enter("communication"),
      address: (buffer) => this.own(buffer, "communication").address,
    };
  }

  supports(_dtype: DType): boolean {
    return true;
  }

  allocate(bytes: number): Buffer {
    this.enter("allocate");
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new UsageError(`allocate: bytes must be an integer ≥ 0, got ${bytes}`);
    }
    const buffer = new CudaBuffer(bytes, this.take(bytes, "a tensor"), this.device.ordinal);
    this.buffers.add(buffer);
    this.liveBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    return buffer;
  }

  free(buffer: Buffer): void {
    if (this.isDisposed) return;
    const own = this.own(buffer, "free");
    this.pool.release(own.take(), own.bytes);
    this.buffers.delete(own);
    this.liveBytes -= own.bytes;
  }

  /** Returns when the data may be changed; it reaches the device in the order of the stream. */
  write(buffer: Buffer, data: HostArray): void {
    const { address, bytes } = this.own(buffer, "write");
    if (data.byteLength !== bytes) {
      throw new ShapeError(
        `write: data must have the buffer's ${bytes} bytes, got ${data.byteLength}`,
      );
    }
    this.staging.write(address, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** As `write`: the data goes to pinned memory, and from there in the order of the stream. */
  writePart(buffer: Buffer, offset: number, data: HostArray): void {
    const { address } = this.own(buffer, "writePart");
    requireWithin(buffer, offset, data);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.staging.write(address + offset, bytes);
  }

  readSync(buffer: Buffer, dtype: DType): HostArray {
    const { address, bytes } = this.own(buffer, "read");
    const result = new Uint8Array(bytes);
    const pinned = this.staging.take(Math.min(bytes, READ_PART) + errorWords.bytes);
    try {
      const { driver, stream } = this.device;
      const room = pinned.bytes.length - errorWords.bytes;
      const mustCheck = this.errors.fetch(pinned, room);
      for (let done = 0; done < bytes || done === 0; done += room) {
        const part = Math.min(bytes - done, room);
        if (part > 0) driver.copyToHost(pinned.address, address + done, part, stream);
        this.device.synchronize();
        if (mustCheck && done === 0) this.errors.check(pinned, room);
        result.set(pinned.bytes.subarray(0, part), done);
      }
    } finally {
      this.staging.give(pinned);
    }
    return hostView(dtype, result.buffer, 0, bytes / dtypeBytes(dtype));
  }

  /**
   * The values the buffer has in the order of calls, whatever overwrites it later: the copy is
   * issued on the stream of all other work.
   */
  async read(buffer: Buffer, dtype: DType): Promise<HostArray> {
    const { address, bytes } = this.own(buffer, "read");
    if (bytes > LARGEST_ASYNC_READ) return this.readSync(buffer, dtype);
    const { driver, stream } = this.device;
    const pinned = this.staging.take(bytes + errorWords.bytes);
    const wordsAt = pinned.bytes.length - errorWords.bytes;
    const mustCheck = this.errors.fetch(pinned, wordsAt);
    if (bytes > 0) driver.copyToHost(pinned.address, address, bytes, stream);
    const event = this.events.pop() ?? driver.createEvent({ timing: false });
    driver.record(event, stream);
    await this.reached(event);
    this.events.push(event);
    return this.collect(pinned, bytes, dtype, mustCheck ? wordsAt : null);
  }

  private collect(
    pinned: PinnedMemory,
    bytes: number,
    dtype: DType,
    wordsAt: number | null,
  ): HostArray {
    try {
      if (wordsAt !== null) this.errors.check(pinned, wordsAt);
      return hostView(dtype, pinned.bytes.slice(0, bytes).buffer, 0, bytes / dtypeBytes(dtype));
    } finally {
      this.staging.give(pinned);
    }
  }

  /** Waits for an event without stopping the host. */
  private async reached(event: number): Promise<void> {
    const { driver } = this.device;
    const start = performance.now();
    for (;;) {
      this.enter("read");
      if (driver.isReached(event)) break;
      const isEarly = performance.now() - start < EAGER_MILLISECONDS;
      await new Promise<void>((resolve) => {
        if (isEarly) setImmediate(resolve);
        else setTimeout(resolve, 1);
      });
    }
  }

  copy(from: Buffer, to: Buffer): void {
    const source = this.own(from, "copy");
    const target = this.own(to, "copy");
    if (source.bytes !== target.bytes) {
      throw new ShapeError(
        `copy: buffers must have equal sizes, got ${source.bytes} and ${target.bytes} bytes`,
      );
    }
    const { driver, stream } = this.device;
    driver.copyOnDevice(target.address, source.address, source.bytes, stream);
  }

  compile(graph: Graph, options: CompileOptions = exact): Program {
    this.enter("compile");
    if (this.host.isRunning) {
      throw new UsageError("compile: a custom kernel must not compile; do it before or after");
    }
    return new CudaProgram(this.host, graph, this.compileGraph(graph, this.target, options));
  }

  memory(): MemoryStats {
    return {
      liveBytes: this.liveBytes,
      peakBytes: this.peakBytes,
      liveBuffers: this.buffers.size,
      reservedBytes: this.isDisposed ? 0 : this.pool.reservedBytes + this.arena.bytes,
    };
  }

  /** Waits for all work. @throws {ShapeError} if a program met a wrong index. */
  synchronize(): void {
    this.enter("synchronize");
    this.errors.checkNow(this.staging);
    this.device.synchronize();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.host.isDisposed = true;
    this.buffers.clear();
    this.liveBytes = 0;
    try {
      if (!this.device.driver.isDead) this.disposeMemory();
    } finally {
      this.device.dispose();
    }
  }

  private disposeMemory(): void {
    this.device.activate();
    this.device.synchronize();
    for (const event of this.events) this.device.driver.destroyEvent(event);
    this.executors.dispose();
    this.modules.dispose();
    this.staging.dispose();
    this.arena.dispose();
    this.pool.dispose();
  }

  /** Memory from the pool, after everything kept for later was given up if need be. */
  private take(bytes: number, purpose: string): number {
    const address =
      this.pool.tryAllocate(bytes) ?? (this.makeRoom(bytes) ? this.pool.tryAllocate(bytes) : null);
    if (address === null) throw this.memoryError(bytes, purpose);
    return address;
  }

  /** Gives the driver all that no tensor holds; false if that cannot be enough. */
  private makeRoom(bytes: number): boolean {
    if (bytes > this.device.totalBytes) return false;
    this.device.synchronize();
    this.pool.trim();
    this.arena.release();
    return true;
  }

  private reserveArena(bytes: number): void {
    if (this.arena.tryReserve(bytes)) return;
    this.device.synchronize();
    this.pool.trim();
    if (!this.arena.tryReserve(bytes)) {
      throw this.memoryError(bytes, "the temporaries of a program");
    }
  }

  private memoryError(requested: number, purpose: string): Error {
    const { free, total } = this.device.driver.memoryInfo();
    return outOfMemory({
      requested,
      purpose,
      card: this.device.name,
      freeBytes: free,
      totalBytes: total,
      liveBytes: this.liveBytes,
      reservedBytes: this.pool.reservedBytes,
      arenaBytes: this.arena.bytes,
      buffers: this.buffers,
    });
  }

  private own(buffer: Buffer, operation: string): CudaBuffer {
    this.enter(operation);
    if (buffer instanceof CudaBuffer && this.buffers.has(buffer)) return buffer;
    throw new UsageError(
      `${operation}: buffer must be live on this device, got a freed or foreign one of ` +
        `${buffer.bytes} bytes; keep its tensor until you are done`,
    );
  }

  /** Refuses a disposed device; makes the card the one that calls go to. */
  private enter(operation: string): void {
    if (this.isDisposed) {
      throw new UsageError(`${operation}: the cuda device must not be disposed; make a new one`);
    }
    this.device.activate();
  }
}
