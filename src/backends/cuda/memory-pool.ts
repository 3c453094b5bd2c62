import { roundUp } from "../../base/integers.ts";
import type { CudaDevice } from "./device.ts";

const SMALLEST = 256;
/** Sizes are rounded up to a sixteenth of their power of two, at most to this. */
const LARGEST_STEP = 2 * 1024 ** 2;

/** Size of the block a request gets: few sizes, so that blocks are used again; ≤ 6.25 % is lost. */
export function blockBytes(bytes: number): number {
  if (bytes <= 16 * SMALLEST) return Math.max(roundUp(bytes, SMALLEST), SMALLEST);
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 4);
  return roundUp(bytes, Math.min(step, LARGEST_STEP));
}

/**
 * Device memory that is kept for the next request of its size, the last freed first: a training
 * loop gets the same addresses in every step, which is what recorded graphs need. Everything is
 * issued on one stream, so a block may be used again while the device still works with it.
 */
export class MemoryPool {
  private readonly device: CudaDevice;
  private readonly driverPool: number;
  private readonly free: Map<number, number[]> = new Map();
  private readonly used: Set<number> = new Set();
  /** Bytes handed out, as blocks. */
  private usedBytes: number = 0;
  private cachedBytes: number = 0;

  constructor(device: CudaDevice) {
    this.device = device;
    this.driverPool = device.hasPools ? device.driver.memoryPool(device.handle) : 0;
  }

  /** Bytes taken from the driver, in use or kept. */
  get reservedBytes(): number {
    return this.usedBytes + this.cachedBytes;
  }

  /** Bytes kept for later requests. */
  get keptBytes(): number {
    return this.cachedBytes;
  }

  /** A block of at least so many bytes, aligned to 256, or null if there is no room. */
  tryAllocate(bytes: number): number | null {
    const size = blockBytes(bytes);
    const kept = this.free.get(size)?.pop();
    if (kept !== undefined) this.cachedBytes -= size;
    const address = kept ?? this.fromDriver(size);
    if (address === null) return null;
    this.usedBytes += size;
    this.used.add(address);
    return address;
  }

  private fromDriver(size: number): number | null {
    const { driver, hasPools, stream } = this.device;
    return hasPools ? driver.tryAllocateAsync(size, stream) : driver.tryAllocate(size);
  }

  /** Takes a block back; `bytes` as requested. */
  release(address: number, bytes: number): void {
    const size = blockBytes(bytes);
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [address]);
    else list.push(address);
    this.used.delete(address);
    this.usedBytes -= size;
    this.cachedBytes += size;
  }

  /** Gives back everything, also what is in use. The device must be idle. */
  dispose(): void {
    for (const address of this.used) this.giveBack(address);
    this.used.clear();
    this.usedBytes = 0;
    this.trim();
  }

  private giveBack(address: number): void {
    const { driver, stream } = this.device;
    if (this.device.hasPools) driver.freeAsync(address, stream);
    else driver.free(address);
  }

  /** Gives what is kept back to the driver, and the driver's back to the system. */
  trim(): void {
    const { driver, stream } = this.device;
    for (const addresses of this.free.values()) {
      for (const address of addresses) this.giveBack(address);
    }
    this.free.clear();
    this.cachedBytes = 0;
    driver.synchronize(stream);
    if (this.device.hasPools) driver.trimPool(this.driverPool);
  }
}
