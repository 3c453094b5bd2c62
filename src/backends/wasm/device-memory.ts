import { roundUp } from "../../base/integers.ts";
import { CONTROL_BYTES } from "../../compiler/wasm/control-block.ts";
import { ALIGNMENT, Heap } from "./allocator.ts";
import type { Block } from "./allocator.ts";

const PAGE = 65536;
/** One page less than 4 GiB, so that every address and end fits 32 bits. */
const MAXIMUM_PAGES = 65535;
/** Bytes at both ends that no buffer covers: vector code may read a little past a buffer. */
const GUARD = 64;
const INITIAL_PAGES = 64;
/** Growth is at least this and at least an eighth of what is there. */
const GROWTH_PAGES = 256;

/** Where the heap may end. */
export interface MemoryOptions {
  readonly shared: boolean;
  readonly limitBytes?: number;
}

/** The memory of one backend: buffers, arenas and the control block, with views that follow it. */
export class DeviceMemory {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  /** All of memory. Replaced when it grows: do not keep. */
  bytes: Uint8Array;
  /** All of memory as i32. Replaced when it grows: do not keep. */
  words: Int32Array;
  private readonly maximumPages: number;

  constructor({ shared, limitBytes }: MemoryOptions) {
    const wanted = Math.floor((limitBytes ?? Infinity) / PAGE);
    this.maximumPages = Math.max(Math.min(wanted, MAXIMUM_PAGES), 1);
    const initial = Math.min(INITIAL_PAGES, this.maximumPages);
    this.memory = createMemory(initial, shared);
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
    this.heap = new Heap({
      start: CONTROL_BYTES + GUARD,
      end: initial * PAGE - GUARD,
      limit: this.maximumPages * PAGE - GUARD,
      grow: (end) => this.grow(end),
    });
  }

  /** Copies host bytes to an address. */
  write(address: number, data: ArrayBufferView): void {
    this.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address);
  }

  private grow(end: number): number | null {
    const have = this.memory.buffer.byteLength / PAGE;
    const needed = Math.ceil((end + GUARD) / PAGE) - have;
    const generous = Math.max(needed, GROWTH_PAGES, have >> 3);
    for (const pages of [Math.min(generous, this.maximumPages - have), needed]) {
      try {
        this.memory.grow(pages);
      } catch {
        continue;
      }
      this.bytes = new Uint8Array(this.memory.buffer);
      this.words = new Int32Array(this.memory.buffer);
      return (have + pages) * PAGE - GUARD;
    }
    return null;
  }
}

/** Some hosts refuse to reserve 4 GiB of shared addresses; less will do there. */
function createMemory(initial: number, shared: boolean): WebAssembly.Memory {
  for (let maximum = 65536; maximum > 4096; maximum /= 2) {
    try {
      return new WebAssembly.Memory(shared ? { initial, maximum, shared } : { initial, maximum });
    } catch {
      continue;
    }
  }
  return new WebAssembly.Memory(shared ? { initial, maximum: 4096, shared } : { initial });
}

/** A block that grows to the largest size anybody asked for. Its content does not survive. */
export class Arena {
  private readonly heap: Heap;
  private block: Block | null = null;

  constructor(heap: Heap) {
    this.heap = heap;
  }

  /** Address of the block, 64-byte aligned; may change with `reserve`. */
  get address(): number {
    return this.block === null ? 0 : this.block.address;
  }

  get bytes(): number {
    return this.block === null ? 0 : this.block.size;
  }

  /** Makes the block at least so large. @throws {OutOfMemoryError} and keeps the old size. */
  reserve(bytes: number): void {
    const before = this.bytes;
    if (bytes <= before) return;
    // The old block goes first: its place may be what the new one needs.
    this.release();
    try {
      this.block = this.heap.allocate(roundUp(bytes, ALIGNMENT));
    } catch (error) {
      if (before > 0) this.block = this.heap.allocate(before);
      throw error;
    }
  }

  release(): void {
    if (this.block !== null) this.heap.free(this.block);
    this.block = null;
  }
}
