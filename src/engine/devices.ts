import { DeviceError } from "../base/errors.ts";
import { ReferenceBackend } from "../backends/reference/backend.ts";
import type { WasmBackend } from "../backends/wasm/backend.ts";
import { createWasmBackend } from "../backends/wasm/create.ts";
import type { Backend, MemoryStats } from "../runtime/backend.ts";
// Package.json chooses: the CUDA backend, or in pages a module without it.
import { cuda } from "#cuda";
import { environmentVariable } from "./platform.ts";

/** Name of a device; `auto` is the best one here. The second card is `cuda:1`. */
export type DeviceName = "auto" | "cuda" | "reference" | "wasm" | (string & {});

/** What a backend is created with. */
export interface DeviceOptions {
  /** Worker threads, counting the calling one. */
  readonly threads?: number;
}

/** How a device comes to life: at once on first use, or in `init`, which prefers `load`. */
export interface DeviceFactory {
  /** Makes the backend at once. */
  readonly create?: (options: DeviceOptions) => Backend;
  /** Makes the backend once what it needs has loaded. */
  readonly load?: (options: DeviceOptions) => Promise<Backend>;
}

/** ATHANOR_FUSE=0 compiles every value to a kernel of its own, to test what fusion does. */
function isFusionOn(): boolean {
  return environmentVariable("ATHANOR_FUSE") !== "0";
}

function makeWasm(options: DeviceOptions): WasmBackend {
  return createWasmBackend({ ...options, fuse: isFusionOn() });
}

/** Browsers start worker threads asynchronously; before they are ready one thread computes. */
async function loadWasm(options: DeviceOptions): Promise<Backend> {
  const backend = makeWasm(options);
  await backend.ready();
  return backend;
}

/** The card of a number; null where nothing can call the driver. */
function cardFactory(ordinal: number): DeviceFactory | null {
  if (cuda === null) return null;
  const cards = cuda;
  return { create: () => cards.create(ordinal, { fuse: isFusionOn() }) };
}

const factories = new Map<DeviceName, DeviceFactory>([
  ["wasm", { create: makeWasm, load: loadWasm }],
  ["reference", { create: () => new ReferenceBackend() }],
]);
const firstCard = cardFactory(0);
if (firstCard !== null) factories.set("cuda", firstCard);
const preference: readonly DeviceName[] = ["wasm", "reference"];
const backends = new Map<DeviceName, Backend>();
let fallback: DeviceName | undefined;

/** Adds a device to the table. */
export function registerDevice(name: DeviceName, factory: DeviceFactory): void {
  factories.set(name, factory);
}

/** Names of all devices of the table. */
export function deviceNames(): DeviceName[] {
  return [...factories.keys()];
}

/** Turns `auto` and undefined into a device of the table. @throws {DeviceError} if it is not there. */
export function resolveDevice(name: DeviceName | undefined): DeviceName {
  if (name === undefined) return defaultDevice();
  if (name === "auto") return bestDevice();
  if (name === "cuda:0") return resolveDevice("cuda");
  if (factoryOf(name) === null) {
    const known = deviceNames().join(", ");
    throw new DeviceError(`device: must be one of ${known} or auto, got "${name}"`);
  }
  return name;
}

/** A card, if there is one and a driver for it; else the best of the others. */
function bestDevice(): DeviceName {
  if (cuda !== null && cuda.count() > 0) return "cuda";
  return preference.find((device) => factories.has(device)) ?? "reference";
}

/** How a device is made; `cuda:1` and so on are not in the table. Null if the name is none. */
function factoryOf(name: DeviceName): DeviceFactory | null {
  const known = factories.get(name);
  if (known !== undefined) return known;
  const ordinal = /^cuda:(\d+)$/.exec(name)?.[1];
  return ordinal === undefined ? null : cardFactory(Number(ordinal));
}

/** Device of tensors that name none. */
export function defaultDevice(): DeviceName {
  fallback ??= resolveDevice(environmentVariable("ATHANOR_DEVICE") ?? "auto");
  return fallback;
}

/** Sets the device of tensors that name none. @throws {DeviceError} if it is not in the table. */
export function setDefaultDevice(name: DeviceName): void {
  fallback = resolveDevice(name);
}

/** The running backend of a device, created on first use. */
export function backendOf(name: DeviceName): Backend {
  const running = backends.get(name);
  if (running !== undefined) return running;
  const create = factoryOf(resolveDevice(name))?.create;
  if (create === undefined) {
    throw new DeviceError(
      `device: ${name} loads asynchronously; await init({ device: "${name}" })`,
    );
  }
  const backend = create({});
  backends.set(name, backend);
  return backend;
}

/** Devices on their way up. */
const starting = new Map<DeviceName, Promise<Backend>>();

/** Starts a device ahead of its first use, with options. @throws {DeviceError} if they conflict. */
export async function startDevice(name: DeviceName, options: DeviceOptions): Promise<Backend> {
  const backend = backends.get(name) ?? (await (starting.get(name) ?? begin(name, options)));
  if (options.threads !== undefined && options.threads !== backend.info.threads) {
    throw new DeviceError(
      `init: ${name} runs with ${backend.info.threads} threads, got threads ${options.threads}; ` +
        "call init before the first tensor is made, with no more threads than the machine has",
    );
  }
  return backend;
}

async function begin(name: DeviceName, options: DeviceOptions): Promise<Backend> {
  const { create, load } = factoryOf(resolveDevice(name)) ?? {};
  const started = load === undefined ? Promise.resolve(create?.(options)) : load(options);
  const registered = started.then((backend) => {
    if (backend === undefined) throw new DeviceError(`device: ${name} cannot be started here`);
    backends.set(name, backend);
    return backend;
  });
  starting.set(name, registered);
  return registered.finally(() => starting.delete(name));
}

/** Live and peak memory of a device. @defaultValue the default device */
export function memoryStats(device?: DeviceName): MemoryStats {
  return backendOf(resolveDevice(device)).memory();
}
