import { ConfigError, ShapeError, UsageError } from "../../base/errors.ts";
import { dtypeBytes, hostView } from "../../ir/dtype.ts";
import type { DType, HostArray } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import type { WasmProgramCode, WasmTarget } from "../../compiler/wasm/program-code.ts";
import type { Backend, Buffer, DeviceInfo, MemoryStats, Program } from "../../runtime/backend.ts";
import { requireWithin } from "../../runtime/write-range.ts";
import { WasmBuffer } from "./buffer.ts";
import { Arena, DeviceMemory } from "./device-memory.ts";
import { hasRelaxedSimd } from "./features.ts";
import { compileScalarMath, Instantiator } from "./instance.ts";
import { detectPlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";
import { WasmProgram } from "./program.ts";
import type { ProgramHost } from "./program.ts";
import { ThreadPool } from "./thread-pool.ts";

/** Options of the WebAssembly backend. */
export interface WasmBackendOptions {
  /**
   * Threads, the calling one included; 1 where memory cannot be shared.
   * @defaultValue the environment's ATHANOR_THREADS, else the number of cores, at most 8
   */
  readonly threads?: number;
  /** Most bytes of memory, at most 4 GiB. */
  readonly memoryLimitBytes?: number;
  /** Whether to share memory with workers; `false` gives one thread. */
  readonly shared?: boolean;
  /** Whether to use fused multiply-add where the engine has it. @defaultValue true */
  readonly fma?: boolean;
}

/** Graph → program bytes; a parameter, so that tests can bring hand-assembled programs. */
export type CompileGraph = (graph: Graph, target: WasmTarget) => WasmProgramCode;

const DEFAULT_THREAD_LIMIT = 8;
const LARGEST_THREAD_COUNT = 64;

/** The calling thread and its workers over one memory. */
export class WasmBackend implements Backend {
  readonly name: string = "wasm";
  readonly info: DeviceInfo;
  readonly target: WasmTarget;
  private readonly memoryOfDevice: DeviceMemory;
  private readonly host: ProgramHost;
  private readonly compileGraph: CompileGraph;
  private readonly buffers: Set<WasmBuffer> = new Set();
  private liveBytes: number = 0;
  private peakBytes: number = 0;
  private isDisposed: boolean = false;

  constructor(options: WasmBackendOptions, compileGraph: CompileGraph) {
    const platform = detectPlatform();
    const shared = (options.shared ?? true) && platform.canShare;
    const threads = shared ? threadCount(options, platform) : 1;
    const fma = (options.fma ?? true) && hasRelaxedSimd(platform);
    this.target = { fma, shared, threads };
    this.compileGraph = compileGraph;
    const { memoryLimitBytes: limitBytes } = options;
    const memory = new DeviceMemory(limitBytes === undefined ? { shared } : { shared, limitBytes });
    this.memoryOfDevice = memory;
    const scalarMath = compileScalarMath();
    const { target } = this;
    this.host = {
      memory,
      threads,
      pool: new ThreadPool({ memory: memory.memory, scalarMath, threads, platform }),
      arena: new Arena(memory.heap),
      workspace: new Arena(memory.heap),
      instantiator: new Instantiator(memory.memory, { platform, target, scalarMath }),
      freeSlots: [],
      slotCount: 0,
      isLibraryLoaded: false,
      isRunning: false,
      isDisposed: false,
    };
    this.info = { name: "WebAssembly", threads, features: features(this.target) };
  }

  /** Resolves when all threads can work. Only browsers need it: before, programs run on one. */
  async ready(): Promise<void> {
    await this.host.pool.ready();
  }

  supports(_dtype: DType): boolean {
    return true;
  }

  allocate(bytes: number): Buffer {
    this.throwIfDisposed("allocate");
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new UsageError(`allocate: bytes must be an integer ≥ 0, got ${bytes}`);
    }
    const buffer = new WasmBuffer(bytes, this.memoryOfDevice.heap.allocate(bytes, this.liveBytes));
    this.buffers.add(buffer);
    this.liveBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    return buffer;
  }

  free(buffer: Buffer): void {
    if (this.isDisposed) return;
    const own = this.own(buffer, "free");
    this.memoryOfDevice.heap.free(own.take());
    this.buffers.delete(own);
    this.liveBytes -= own.bytes;
  }

  write(buffer: Buffer, data: HostArray): void {
    const { address, bytes } = this.own(buffer, "write");
    if (data.byteLength !== bytes) {
      throw new ShapeError(
        `write: data must have the buffer's ${bytes} bytes, got ${data.byteLength}`,
      );
    }
    this.memoryOfDevice.write(address, data);
  }

  writePart(buffer: Buffer, offset: number, data: HostArray): void {
    const { address } = this.own(buffer, "writePart");
    requireWithin(buffer, offset, data);
    this.memoryOfDevice.write(address + offset, data);
  }

  readSync(buffer: Buffer, dtype: DType): HostArray {
    const { address, bytes } = this.own(buffer, "read");
    const { buffer: memory } = this.memoryOfDevice.bytes;
    return hostView(dtype, memory, address, bytes / dtypeBytes(dtype)).slice();
  }

  async read(buffer: Buffer, dtype: DType): Promise<HostArray> {
    return this.readSync(buffer, dtype);
  }

  copy(from: Buffer, to: Buffer): void {
    const source = this.own(from, "copy");
    const target = this.own(to, "copy");
    if (source.bytes !== target.bytes) {
      throw new ShapeError(
        `copy: buffers must have equal sizes, got ${source.bytes} and ${target.bytes} bytes`,
      );
    }
    const { address, bytes } = source;
    this.memoryOfDevice.bytes.copyWithin(target.address, address, address + bytes);
  }

  compile(graph: Graph): Program {
    this.throwIfDisposed("compile");
    if (this.host.isRunning) {
      throw new UsageError("compile: a custom kernel must not compile; do it before or after");
    }
    return new WasmProgram(this.host, graph, this.compileGraph(graph, this.target));
  }

  memory(): MemoryStats {
    return {
      liveBytes: this.liveBytes,
      peakBytes: this.peakBytes,
      liveBuffers: this.buffers.size,
      reservedBytes: this.memoryOfDevice.bytes.byteLength,
    };
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.host.isDisposed = true;
    this.host.pool.dispose();
    this.buffers.clear();
    this.liveBytes = 0;
  }

  private own(buffer: Buffer, operation: string): WasmBuffer {
    this.throwIfDisposed(operation);
    if (buffer instanceof WasmBuffer && this.buffers.has(buffer)) return buffer;
    throw new UsageError(
      `${operation}: buffer must be live on this device, got a freed or foreign one of ` +
        `${buffer.bytes} bytes; keep its tensor until you are done`,
    );
  }

  private throwIfDisposed(operation: string): void {
    if (this.isDisposed) {
      throw new UsageError(`${operation}: the wasm device must not be disposed; make a new one`);
    }
  }
}

function threadCount(options: WasmBackendOptions, platform: Platform): number {
  const variable = platform.variable("ATHANOR_THREADS");
  const wanted = options.threads ?? (variable ? Number(variable) : undefined);
  if (wanted === undefined) return Math.min(platform.cores, DEFAULT_THREAD_LIMIT);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > LARGEST_THREAD_COUNT) {
    throw new ConfigError(
      `wasm: threads must be an integer from 1 to ${LARGEST_THREAD_COUNT}, got ` +
        `${options.threads ?? variable}; set threads or ATHANOR_THREADS`,
    );
  }
  return wanted;
}

function features({ fma, shared }: WasmTarget): string[] {
  return ["simd128", ...(fma ? ["relaxed-simd"] : []), ...(shared ? ["shared-memory"] : [])];
}
