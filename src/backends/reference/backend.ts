import {
  ConfigError,
  DeviceError,
  OutOfMemoryError,
  ShapeError,
  UsageError,
} from "../../base/errors.ts";
import { formatBytes } from "../../base/integers.ts";
import type { DType, HostArray } from "../../ir/dtype.ts";
import { hostView } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Backend, Buffer, DeviceInfo, MemoryStats, Program } from "../../runtime/backend.ts";
import { requireWithin } from "../../runtime/write-range.ts";
import { ReferenceProgram } from "./program.ts";

/** Settings of the reference backend. */
export interface ReferenceOptions {
  /** Most bytes its buffers may hold together. @defaultValue 4 GiB */
  readonly limitBytes?: number;
}

class ReferenceBuffer implements Buffer {
  readonly bytes: number;
  readonly owner: ReferenceBackend;
  /** Undefined once freed. */
  data: ArrayBuffer | undefined;

  constructor(owner: ReferenceBackend, bytes: number) {
    this.owner = owner;
    this.bytes = bytes;
    this.data = new ArrayBuffer(bytes);
  }
}

/**
 * The oracle: a plain interpreter that other backends are compared with. f64 computes in double,
 * f32 rounds each result once, f16 and bf16 compute in f32 and round to storage, integers wrap.
 */
export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly info: DeviceInfo = { name: "reference interpreter", threads: 1, features: [] };
  readonly #limitBytes: number;
  readonly #live = new Set<ReferenceBuffer>();
  #liveBytes = 0;
  #peakBytes = 0;
  #disposed = false;

  constructor({ limitBytes = 4 * 2 ** 30 }: ReferenceOptions = {}) {
    this.#limitBytes = limitBytes;
  }

  supports(_dtype: DType): boolean {
    return true;
  }

  allocate(bytes: number): Buffer {
    this.#requireAlive("allocate");
    if (!Number.isInteger(bytes) || bytes < 0) {
      throw new ConfigError(`allocate: bytes must be an integer ≥ 0, got ${bytes}`);
    }
    if (this.#liveBytes + bytes > this.#limitBytes) throw this.#outOfMemory(bytes);
    const buffer = new ReferenceBuffer(this, bytes);
    this.#live.add(buffer);
    this.#liveBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return buffer;
  }

  free(buffer: Buffer): void {
    const own = this.#own("free", buffer);
    own.data = undefined;
    this.#live.delete(own);
    this.#liveBytes -= own.bytes;
  }

  write(buffer: Buffer, data: HostArray): void {
    const bytes = this.#bytesOf("write", buffer);
    if (data.byteLength !== bytes.byteLength) {
      throw new ShapeError(
        `write: data must have the buffer's ${bytes.byteLength} bytes, got ${data.byteLength}`,
      );
    }
    new Uint8Array(bytes).set(bytesOfArray(data));
  }

  writePart(buffer: Buffer, offset: number, data: HostArray): void {
    const bytes = this.#bytesOf("writePart", buffer);
    requireWithin(buffer, offset, data);
    new Uint8Array(bytes).set(bytesOfArray(data), offset);
  }

  readSync(buffer: Buffer, dtype: DType): HostArray {
    return hostView(dtype, this.#bytesOf("read", buffer).slice(0));
  }

  async read(buffer: Buffer, dtype: DType): Promise<HostArray> {
    return this.readSync(buffer, dtype);
  }

  copy(from: Buffer, to: Buffer): void {
    const source = this.#bytesOf("copy", from);
    const target = this.#bytesOf("copy", to);
    if (source.byteLength !== target.byteLength) {
      throw new ShapeError(
        `copy: buffers must have equal sizes, got ${source.byteLength} and ${target.byteLength} bytes`,
      );
    }
    new Uint8Array(target).set(new Uint8Array(source));
  }

  compile(graph: Graph): Program {
    this.#requireAlive("compile");
    return new ReferenceProgram(graph, (op, buffer) => this.#bytesOf(op, buffer));
  }

  memory(): MemoryStats {
    return {
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      liveBuffers: this.#live.size,
      reservedBytes: this.#liveBytes,
    };
  }

  dispose(): void {
    for (const buffer of this.#live) buffer.data = undefined;
    this.#live.clear();
    this.#liveBytes = 0;
    this.#disposed = true;
  }

  #bytesOf(op: string, buffer: Buffer): ArrayBuffer {
    const { data } = this.#own(op, buffer);
    // #own refuses freed buffers, so the data is there.
    return data ?? new ArrayBuffer(0);
  }

  #own(op: string, buffer: Buffer): ReferenceBuffer {
    this.#requireAlive(op);
    if (!(buffer instanceof ReferenceBuffer) || buffer.owner !== this) {
      throw new DeviceError(`${op}: buffer must belong to this backend, got one of another`);
    }
    if (buffer.data === undefined) {
      throw new UsageError(
        `${op}: buffer must be live, got one of ${buffer.bytes} bytes already freed`,
      );
    }
    return buffer;
  }

  #requireAlive(op: string): void {
    if (this.#disposed) {
      throw new UsageError(`${op}: backend must not be disposed; create a new one`);
    }
  }

  #outOfMemory(requested: number): OutOfMemoryError {
    const [wanted, live, limit] = [requested, this.#liveBytes, this.#limitBytes].map(formatBytes);
    return new OutOfMemoryError(
      `allocate: must stay within the limit of ${limit}, got a request for ${wanted} with ${live} ` +
        "live; free tensors or raise limitBytes",
      { details: { requested, live: this.#liveBytes, limit: this.#limitBytes } },
    );
  }
}

function bytesOfArray({ buffer, byteOffset, byteLength }: HostArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
