import { roundUp } from "../../base/integers.ts";
import type { CudaDevice } from "./device.ts";

/** Memory mapped behind the arena's addresses. */
interface Chunk {
  readonly offset: number;
  readonly bytes: number;
  readonly handle: number;
}

/**
 * Memory for temporaries, shared by all programs of a device, since they run one after the other.
 * It grows behind addresses that were reserved once, so recorded graphs stay valid. Its contents do
 * not outlive a run, and it may be released between runs.
 */
export interface Arena {
  /** Start; fixed from the first `tryReserve` on where the device has virtual memory. */
  readonly address: number;
  readonly bytes: number;
  /** Makes the arena at least so large; false, and as before, if there is no room. */
  tryReserve(bytes: number): boolean;
  /** Gives the memory back. The device must be idle. */
  release(): void;
  /** Gives up addresses too. */
  dispose(): void;
}

class MappedArena implements Arena {
  private readonly device: CudaDevice;
  private readonly chunks: Chunk[] = [];
  private readonly granularity: number;
  private readonly reservedBytes: number;
  private start: number = 0;

  constructor(device: CudaDevice) {
    this.device = device;
    this.granularity = device.driver.mappingGranularity(device.handle);
    this.reservedBytes = roundUp(device.totalBytes, this.granularity);
  }

  get address(): number {
    return this.start;
  }

  get bytes(): number {
    const last = this.chunks.at(-1);
    return last === undefined ? 0 : last.offset + last.bytes;
  }

  tryReserve(bytes: number): boolean {
    const have = this.bytes;
    if (bytes <= have) return true;
    if (bytes > this.reservedBytes) return false;
    const { driver, handle: device } = this.device;
    if (this.start === 0) this.start = driver.reserveAddresses(this.reservedBytes);
    const missing = roundUp(bytes - have, this.granularity);
    const handle = driver.tryMap(this.start + have, missing, device);
    if (handle === null) return false;
    this.chunks.push({ offset: have, bytes: missing, handle });
    return true;
  }

  release(): void {
    const { driver } = this.device;
    for (const { offset, bytes, handle } of this.chunks) {
      driver.unmap(this.start + offset, bytes, handle);
    }
    this.chunks.length = 0;
  }

  dispose(): void {
    this.release();
    if (this.start !== 0) this.device.driver.releaseAddresses(this.start, this.reservedBytes);
    this.start = 0;
  }
}

/** Where addresses cannot be reserved, the arena moves when it grows. */
class MovingArena implements Arena {
  private readonly device: CudaDevice;
  address: number = 0;
  bytes: number = 0;

  constructor(device: CudaDevice) {
    this.device = device;
  }

  tryReserve(bytes: number): boolean {
    if (bytes <= this.bytes) return true;
    const before = this.bytes;
    this.device.synchronize();
    this.release();
    if (this.take(bytes)) return true;
    this.take(before);
    return false;
  }

  private take(bytes: number): boolean {
    if (bytes === 0) return true;
    const address = this.device.driver.tryAllocate(bytes);
    if (address === null) return false;
    this.address = address;
    this.bytes = bytes;
    return true;
  }

  release(): void {
    if (this.bytes > 0) this.device.driver.free(this.address);
    this.address = 0;
    this.bytes = 0;
  }

  dispose(): void {
    this.release();
  }
}

/** The arena of a device. */
export function createArena(device: CudaDevice): Arena {
  return device.hasVirtualMemory ? new MappedArena(device) : new MovingArena(device);
}
