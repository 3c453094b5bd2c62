import { UsageError } from "../../base/errors.ts";
import type { Buffer } from "../../runtime/backend.ts";

/** A tensor's memory on a card. */
export class CudaBuffer implements Buffer {
  readonly bytes: number;
  /** Number of the card. */
  readonly ordinal: number;
  private place: number;

  constructor(bytes: number, address: number, ordinal: number) {
    this.bytes = bytes;
    this.ordinal = ordinal;
    this.place = address;
  }

  /** Address on the device. @throws {UsageError} if the buffer is freed. */
  get address(): number {
    if (this.place === 0) {
      throw new UsageError(`buffer: must not be freed, got a freed one of ${this.bytes} bytes`);
    }
    return this.place;
  }

  /** Gives up the memory; the buffer is dead afterwards. */
  take(): number {
    const { address } = this;
    this.place = 0;
    return address;
  }
}
