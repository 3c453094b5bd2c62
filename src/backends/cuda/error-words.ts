import { ShapeError } from "../../base/errors.ts";
import { errorWords } from "../../compiler/cuda/kernel-code.ts";
import type { CudaDevice } from "./device.ts";
import type { PinnedMemory, Staging } from "./staging.ts";

/**
 * The words kernels report a wrong index through. Programs do not wait to look at them: they are
 * fetched with the next data that is read.
 */
export class ErrorWords {
  readonly address: number;
  private readonly device: CudaDevice;
  /** Whether a program that may report has run since the words were fetched. */
  private isDue: boolean = false;

  constructor(device: CudaDevice, address: number) {
    this.device = device;
    this.address = address;
    this.clear();
  }

  private clear(): void {
    this.device.driver.clear(this.address, errorWords.bytes, this.device.stream);
  }

  /** Notes that a program which may report is on its way. */
  expect(): void {
    this.isDue = true;
  }

  /** Issues a copy to pinned memory if there may be something new; whether it did. */
  fetch(to: PinnedMemory, offset: number): boolean {
    if (!this.isDue) return false;
    this.isDue = false;
    const { driver, stream } = this.device;
    driver.copyToHost(to.address + offset, this.address, errorWords.bytes, stream);
    return true;
  }

  /** Turns fetched words into an error. @throws {ShapeError} if a kernel met a wrong index. */
  check(from: PinnedMemory, offset: number): void {
    const start = from.bytes.byteOffset + offset;
    const words = new Int32Array(from.bytes.buffer, start, errorWords.bytes / 4);
    const size = words[errorWords.size];
    if (size === 0) return;
    const index = words[errorWords.index];
    this.clear();
    throw new ShapeError(
      `gather: indices must be in 0 … ${size - 1}, got ${index}; check token ids, labels or the ` +
        "dim; no state was written after it was found",
      { details: { index, size } },
    );
  }

  /** Waits for the device and looks. */
  checkNow(staging: Staging): void {
    const pinned = staging.take(errorWords.bytes);
    try {
      if (!this.fetch(pinned, 0)) return;
      this.device.synchronize();
      this.check(pinned, 0);
    } finally {
      staging.give(pinned);
    }
  }
}
