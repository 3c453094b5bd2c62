import { DeviceError } from "../base/errors.ts";
import type { Ffi, ForeignFunction } from "../backends/cuda/ffi.ts";

const resolveNow = 2;
const visibleToAll = 0x100;

/** Addresses of what a library exports that is no function, through the loader's own interface. */
export class GlobalSymbols {
  readonly #handle: number;
  readonly #symbol: ForeignFunction;

  /**
   * Opens a library so that what it loads later sees its symbols.
   * @throws {DeviceError} if the loader does not find it.
   */
  constructor(ffi: Ffi, path: string) {
    const loader = loaderLibrary(ffi);
    const open = loader.function("u64 dlopen(const char *path, int flags)");
    this.#symbol = loader.function("u64 dlsym(u64 library, const char *name)");
    this.#handle = open(path, resolveNow + visibleToAll);
    if (this.#handle === 0) throw new DeviceError(`dist: ${path} cannot be opened`);
  }

  /** Address of a symbol, 0 if there is none. */
  address(name: string): number {
    return this.#symbol(this.#handle, name);
  }
}

/** The C library has the loader's functions since glibc 2.34; before, one of their own had. */
function loaderLibrary(ffi: Ffi): ReturnType<Ffi["open"]> {
  for (const name of ["libc.so.6", "libdl.so.2", "libSystem.dylib"]) {
    try {
      const library = ffi.open(name);
      if (library.has("dlsym") && library.has("dlopen")) return library;
    } catch {
      // The next one, then.
    }
  }
  throw new DeviceError(`dist: this system (${process.platform}) has no loader that is known`);
}
