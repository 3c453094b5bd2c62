import type { DeviceName } from "../engine/devices.ts";
import { resolveDevice, setDefaultDevice, startDevice } from "../engine/devices.ts";

/** Options of {@link init}. */
export interface InitOptions {
  /** @defaultValue the default device */
  readonly device?: DeviceName;
  /** Threads to compute with, counting the calling one. @defaultValue what the machine has */
  readonly threads?: number;
}

/**
 * Starts a device ahead of its first use and makes it the default. Optional: devices start by
 * themselves when the first tensor is computed.
 * @throws {DeviceError} if the device is unknown or already runs with other options.
 */
export async function init({ device, threads }: InitOptions = {}): Promise<void> {
  const name = resolveDevice(device);
  await startDevice(name, threads === undefined ? {} : { threads });
  if (device !== undefined) setDefaultDevice(name);
}
