import type { DeviceName } from "../engine/devices.ts";
import { backendOf, resolveDevice, setDefaultDevice, startDevice } from "../engine/devices.ts";

/** Options of {@link init}. */
export interface InitOptions {
  /** @defaultValue the default device */
  readonly device?: DeviceName;
  /** Threads to compute with, counting the calling one. @defaultValue what the machine has */
  readonly threads?: number;
}

/** A device that runs. */
export interface RunningDevice {
  readonly name: DeviceName;
  /** Threads that compute, counting the calling one. */
  readonly threads: number;
  /** What of the machine it uses, such as `relaxed-simd`. */
  readonly features: readonly string[];
}

/**
 * Starts a device ahead of its first use and makes it the default. Optional: devices start by
 * themselves when the first tensor is computed. Tells what runs.
 * @throws {DeviceError} if the device is unknown or already runs with other options.
 */
export async function init({ device, threads }: InitOptions = {}): Promise<RunningDevice> {
  const name = resolveDevice(device);
  const { info } = await startDevice(name, threads === undefined ? {} : { threads });
  if (device !== undefined) setDefaultDevice(name);
  return { name, threads: info.threads, features: info.features };
}

/** Whether a device computes attention in kernels that hold no weights. */
export function fusesAttention(device: DeviceName): boolean {
  return backendOf(device).fusesAttention === true;
}

/** Whether elements at computed places cost a device hardly more than others. */
export function gathersFast(device: DeviceName): boolean {
  return backendOf(device).gathersFast === true;
}
