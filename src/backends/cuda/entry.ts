import { existsSync } from "node:fs";
import { DeviceError } from "../../base/errors.ts";
import type { OptionalDevices } from "../../runtime/optional-devices.ts";
import { createCudaBackend } from "./create.ts";
import { cardCount } from "./device.ts";
import { kernelCacheFolder } from "./kernel-cache.ts";
import { koffiFfi } from "./koffi-ffi.ts";
import { LibrarySearch } from "./library-search.ts";
import { libraryVersion } from "./library-versions.ts";

let cards: number | undefined;

/** What the driver's kernel module puts there: on Linux, in Windows' subsystem for it, on Tegra. */
const deviceFiles = ["/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-gpu", "/dev/nvgpu"];

/** Machines without a card are told by their files, before anything is loaded. */
function countCards(): number {
  if (!deviceFiles.some((file) => existsSync(file))) return 0;
  try {
    const ffi = koffiFfi();
    return cardCount(ffi, new LibrarySearch(ffi));
  } catch (error) {
    if (error instanceof DeviceError) return 0;
    throw error;
  }
}

/** The CUDA devices of this machine. Nothing is opened before the first call. */
export const cuda: OptionalDevices | null = {
  count: () => (cards ??= countCards()),
  create: (ordinal, options = {}) => createCudaBackend({ ...options, ordinal }),
};

/** A library beside the driver, for people. */
export interface CudaLibrary {
  readonly name: string;
  readonly purpose: string;
  readonly version: string | null;
  /** What is missing, what that costs and what to install; null if the library is there. */
  readonly missing: string | null;
}

/** What is installed for CUDA, and where compiled kernels are kept. */
export interface CudaInstallation {
  readonly libraries: readonly CudaLibrary[];
  readonly cacheFolder: string;
}

/** What is installed for CUDA; null without a card. */
export function cudaInstallation(): CudaInstallation | null {
  if (countCards() === 0) return null;
  const ffi = koffiFfi();
  const search = new LibrarySearch(ffi);
  cardCount(ffi, search);
  const libraries = search.report().map(({ missing, name, purpose }) => {
    return { name, purpose, missing, version: libraryVersion(ffi, search, name) };
  });
  return { libraries, cacheFolder: kernelCacheFolder() };
}
