import { DeviceError } from "../../base/errors.ts";
import type { CudaTarget } from "../../compiler/cuda/kernel-code.ts";
import { Driver } from "./driver.ts";
import { versionText } from "./errors.ts";
import type { Ffi } from "./ffi.ts";
import type { LibrarySearch } from "./library-search.ts";

/** Oldest cards with what generated code uses (Turing). */
const OLDEST_CAPABILITY = 75;
/** From here on kernels take more than 4 KiB of parameters. */
const OLDEST_DRIVER = 12_010;

/** Context that is current in this thread; calls go to the current one. */
let currentContext = 0;

/** One card: its context, the stream all work is issued on, and what it can do. */
export class CudaDevice {
  readonly driver: Driver;
  readonly ordinal: number;
  /** Handle of the driver. */
  readonly handle: number;
  readonly name: string;
  readonly target: CudaTarget;
  readonly totalBytes: number;
  /** Whether the driver has pools whose memory comes and goes in the order of a stream. */
  readonly hasPools: boolean;
  /** Whether addresses can be reserved before there is memory behind them. */
  readonly hasVirtualMemory: boolean;
  readonly stream: number;
  private readonly context: number;
  private knownToOrder: boolean | null = null;

  /** @throws {DeviceError} if the card is not there, too old, or does not start. */
  constructor(ffi: Ffi, libraries: LibrarySearch, ordinal: number) {
    this.ordinal = ordinal;
    this.driver = openDriver(ffi, libraries);
    const { driver } = this;
    const count = driver.deviceCount();
    if (ordinal >= count) {
      throw new DeviceError(
        `cuda: the number of a card must be less than their count ${count}, got ${ordinal}; ` +
          "look at `nvidia-smi -L` and CUDA_VISIBLE_DEVICES",
      );
    }
    this.handle = driver.device(ordinal);
    this.name = driver.deviceName(this.handle);
    this.target = targetOf(driver, this.handle, this.name);
    this.totalBytes = driver.totalBytes(this.handle);
    this.hasPools = driver.attribute("memoryPools", this.handle) === 1;
    this.hasVirtualMemory = driver.attribute("virtualMemory", this.handle) === 1;
    this.context = driver.retainContext(this.handle);
    this.activate();
    this.stream = driver.createStream();
  }

  /** Makes the card the one that calls go to. */
  activate(): void {
    if (currentContext === this.context) return;
    this.driver.makeCurrent(this.context);
    currentContext = this.context;
  }

  /** Whether recorded graphs can have other edges than those of a chain. */
  get ordersCapture(): boolean {
    this.knownToOrder ??= this.driver.canOrderCapture(this.stream);
    return this.knownToOrder;
  }

  synchronize(): void {
    this.driver.synchronize(this.stream);
  }

  dispose(): void {
    if (currentContext === this.context) currentContext = 0;
    // A dead context frees nothing; the end of the process does.
    if (this.driver.isDead) return;
    this.driver.destroyStream(this.stream);
    this.driver.releaseContext(this.handle);
  }
}

function openDriver(ffi: Ffi, libraries: LibrarySearch): Driver {
  const driver = new Driver(ffi, libraries.driver());
  if (driver.version < OLDEST_DRIVER) {
    throw new DeviceError(
      `cuda: the driver must support CUDA ${versionText(OLDEST_DRIVER)} or newer, got ` +
        `${versionText(driver.version)}; update the NVIDIA driver, or use the device "wasm"`,
    );
  }
  libraries.setDriverVersion(driver.version);
  return driver;
}

/** Number of cards, 0 where there is no driver or it does not start. */
export function cardCount(ffi: Ffi, libraries: LibrarySearch): number {
  try {
    return openDriver(ffi, libraries).deviceCount();
  } catch {
    return 0;
  }
}

function targetOf(driver: Driver, device: number, name: string): CudaTarget {
  const major = driver.attribute("capabilityMajor", device);
  const capability = major * 10 + driver.attribute("capabilityMinor", device);
  if (capability < OLDEST_CAPABILITY) {
    throw new DeviceError(
      `cuda: a card must have compute capability 7.5 or newer, got ${(capability / 10).toFixed(1)} ` +
        `(${name}); use the device "wasm"`,
    );
  }
  return {
    capability,
    multiprocessors: driver.attribute("multiprocessors", device),
    sharedBytesPerBlock: driver.attribute("sharedBytesPerBlock", device),
    cacheBytes: driver.attribute("cacheBytes", device),
  };
}
