import type { Buffer } from "../../runtime/backend.ts";
import type { Driver } from "./driver.ts";
import type { Ffi } from "./ffi.ts";
import type { LibrarySearch } from "./library-search.ts";

/** What a library that moves data between cards needs of one. */
export interface CudaCommunication {
  readonly ffi: Ffi;
  readonly libraries: LibrarySearch;
  readonly driver: Driver;
  /** The stream of all work: what is put on it sees the results of everything before. */
  readonly stream: number;
  /** Makes the card the one that calls go to. @throws {UsageError} if the device is disposed. */
  activate(): void;
  /** Address of a live buffer of the device. @throws {UsageError} if it is none. */
  address(buffer: Buffer): number;
}
