import type { CudaBackend } from "../../../src/backends/cuda/backend.ts";
import { createCudaBackend } from "../../../src/backends/cuda/create.ts";
import type { CudaDeviceOptions } from "../../../src/backends/cuda/create.ts";
import { LibrarySearch } from "../../../src/backends/cuda/library-search.ts";
import type { SearchEnvironment } from "../../../src/backends/cuda/library-search.ts";
import type { Emulator } from "./emulator.ts";

/** A machine on which nothing is found but what the loader knows. */
export const emptyMachine: SearchEnvironment = {
  variable: () => undefined,
  list: () => [],
  exists: () => false,
  pythonFolders: () => [],
};

/** The CUDA backend as the product makes it, on an emulated machine. */
export function emulatedBackend(
  { ffi }: Emulator,
  options: Omit<CudaDeviceOptions, "ffi" | "libraries"> = {},
): CudaBackend {
  const libraries = new LibrarySearch(ffi, emptyMachine);
  return createCudaBackend({ cache: null, ...options, ffi, libraries });
}
