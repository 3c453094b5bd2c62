import type { Backend } from "./backend.ts";

/** What can be said of one of several devices before it starts. */
export interface OptionalDeviceOptions {
  /** Whether values share kernels; `false` is for tests of the compiler. @defaultValue true */
  readonly fuse?: boolean;
}

/** Devices that some machines have, such as graphics cards. */
export interface OptionalDevices {
  /** How many can be used here; 0 without a driver. Starts none. */
  count(): number;
  /**
   * Starts one.
   * @throws {DeviceError} that says what is missing and what to do.
   */
  create(ordinal: number, options?: OptionalDeviceOptions): Backend;
}
