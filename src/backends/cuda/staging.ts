import { roundUp } from "../../base/integers.ts";
import type { CudaDevice } from "./device.ts";
import type { Ffi } from "./ffi.ts";

const BLOCKS = 4;
const BLOCK_BYTES = 4 * 1024 ** 2;
const ALIGNMENT = 64;
const SMALLEST_SLOT = 4096;
/** Most bytes of pinned memory that are kept for reads of one size. */
const KEPT_SLOT_BYTES = 64 * 1024 ** 2;

/** Host memory the device reads and writes by itself. */
export interface PinnedMemory {
  readonly address: number;
  readonly bytes: Uint8Array;
}

interface RingBlock {
  readonly memory: PinnedMemory;
  /** Reached when the device has read the block. */
  readonly event: number;
}

/** Pinned memory on the way to the device and back. */
export class Staging {
  private readonly device: CudaDevice;
  private readonly ffi: Ffi;
  private readonly ring: RingBlock[] = [];
  private current: number = 0;
  private used: number = 0;
  private readonly slots: Map<number, PinnedMemory[]> = new Map();
  private readonly owned: Set<number> = new Set();

  constructor(device: CudaDevice, ffi: Ffi) {
    this.device = device;
    this.ffi = ffi;
  }

  /**
   * Copies host bytes to the device. They are in pinned memory when it returns, so the caller may
   * change them; it waits only if the device is several blocks behind.
   */
  write(to: number, data: Uint8Array): void {
    const { driver, stream } = this.device;
    for (let done = 0; done < data.length;) {
      const block = this.block();
      const part = data.subarray(done, done + BLOCK_BYTES - this.used);
      block.memory.bytes.set(part, this.used);
      driver.copyToDevice(to + done, block.memory.address + this.used, part.length, stream);
      this.used += roundUp(part.length, ALIGNMENT);
      done += part.length;
    }
  }

  /** The block with room: the current one, or the next once the device is done with it. */
  private block(): RingBlock {
    const { driver, stream } = this.device;
    if (this.ring.length > 0 && this.used < BLOCK_BYTES) return this.ring[this.current];
    if (this.ring.length > 0) driver.record(this.ring[this.current].event, stream);
    this.used = 0;
    if (this.ring.length < BLOCKS) {
      const event = driver.createEvent({ timing: false });
      this.ring.push({ memory: this.allocate(BLOCK_BYTES), event });
      this.current = this.ring.length - 1;
    } else {
      this.current = (this.current + 1) % BLOCKS;
      driver.waitFor(this.ring[this.current].event);
    }
    return this.ring[this.current];
  }

  /** Pinned memory of at least so many bytes, until `give`. */
  take(bytes: number): PinnedMemory {
    const size = slotBytes(bytes);
    return this.slots.get(size)?.pop() ?? this.allocate(size);
  }

  give(memory: PinnedMemory): void {
    const size = memory.bytes.length;
    const list = this.slots.get(size) ?? [];
    if ((list.length + 1) * size > Math.max(KEPT_SLOT_BYTES, size)) {
      this.release(memory);
      return;
    }
    list.push(memory);
    this.slots.set(size, list);
  }

  private allocate(bytes: number): PinnedMemory {
    const address = this.device.driver.allocateHost(bytes);
    this.owned.add(address);
    return { address, bytes: new Uint8Array(this.ffi.view(address, bytes)) };
  }

  private release({ address }: PinnedMemory): void {
    this.owned.delete(address);
    this.device.driver.freeHost(address);
  }

  /** The device must be idle. */
  dispose(): void {
    for (const address of this.owned) this.device.driver.freeHost(address);
    for (const { event } of this.ring) this.device.driver.destroyEvent(event);
    this.owned.clear();
    this.ring.length = 0;
    this.slots.clear();
  }
}

function slotBytes(bytes: number): number {
  return Math.max(2 ** Math.ceil(Math.log2(Math.max(bytes, 1))), SMALLEST_SLOT);
}
