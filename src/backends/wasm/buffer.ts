import { UsageError } from "../../base/errors.ts";
import type { Buffer } from "../../runtime/backend.ts";
import type { Block } from "./allocator.ts";

/** A tensor's memory: a block of the heap. */
export class WasmBuffer implements Buffer {
  readonly bytes: number;
  private block: Block | null;

  constructor(bytes: number, block: Block) {
    this.bytes = bytes;
    this.block = block;
  }

  /** Address in linear memory. @throws {UsageError} if the buffer is freed. */
  get address(): number {
    if (this.block === null) {
      throw new UsageError(`buffer: must not be freed, got a freed one of ${this.bytes} bytes`);
    }
    return this.block.address;
  }

  /** Gives up the block; the buffer is dead afterwards. */
  take(): Block {
    const { block } = this;
    if (block === null) {
      throw new UsageError(`free: must be called once, got a freed buffer of ${this.bytes} bytes`);
    }
    this.block = null;
    return block;
  }
}
