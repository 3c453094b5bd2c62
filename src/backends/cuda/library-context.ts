import type { CudaDevice } from "./device.ts";
import type { Ffi } from "./ffi.ts";
import type { LibraryContext } from "./library-executor.ts";
import type { LibrarySearch } from "./library-search.ts";
import type { MemoryPool } from "./memory-pool.ts";

interface ContextParts {
  readonly ffi: Ffi;
  readonly device: CudaDevice;
  readonly libraries: LibrarySearch;
  readonly pool: MemoryPool;
  /** Memory of the pool. @throws {OutOfMemoryError} */
  readonly take: (bytes: number) => number;
}

/** What executors of library calls get of a device. */
export function libraryContext({
  device,
  ffi,
  libraries,
  pool,
  take,
}: ContextParts): LibraryContext {
  const { driver, ordinal, stream, target } = device;
  return {
    ffi,
    target,
    ordinal,
    stream,
    find: (name) => libraries.find(name),
    open: (name) => libraries.open(name),
    withMemory(bytes, use) {
      const address = take(bytes);
      try {
        return use(address);
      } finally {
        pool.release(address, bytes);
      }
    },
    time(issue) {
      const [start, end] = [
        driver.createEvent({ timing: true }),
        driver.createEvent({ timing: true }),
      ];
      try {
        driver.record(start, stream);
        issue();
        driver.record(end, stream);
        driver.waitFor(end);
        return driver.elapsed(start, end);
      } finally {
        driver.destroyEvent(start);
        driver.destroyEvent(end);
      }
    },
  };
}
