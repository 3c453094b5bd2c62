import { versionText } from "./errors.ts";
import type { Ffi } from "./ffi.ts";
import type { LibraryName } from "./library-executor.ts";
import type { LibrarySearch } from "./library-search.ts";
import { Nvrtc } from "./nvrtc.ts";

/** `13.1.1` of a number with two digits for each of the last parts. */
function dotted(version: number): string {
  const [major, rest] = [Math.floor(version / 10_000), version % 10_000];
  return `${major}.${Math.floor(rest / 100)}.${rest % 100}`;
}

/** Version of an installed library, or null. */
export function libraryVersion(
  ffi: Ffi,
  libraries: LibrarySearch,
  name: LibraryName,
): string | null {
  const library = libraries.find(name);
  if (library === null) return null;
  switch (name) {
    case "nvrtc":
      return new Nvrtc(ffi, library).version;
    case "cublasLt":
      return dotted(library.function("size_t cublasLtGetVersion()")());
    case "cudnn":
      return dotted(library.function("size_t cudnnGetVersion()")());
    case "nccl": {
      const version = new Int32Array(1);
      library.function("int ncclGetVersion(p version)")(version);
      return dotted(version[0]);
    }
    default:
      return name satisfies never;
  }
}

const shown = ["nvrtc", "cublasLt", "cudnn", "nccl"] as const;

/** Versions of the driver and of what is installed beside it. */
export function describeLibraries(
  ffi: Ffi,
  driverVersion: number,
  libraries: LibrarySearch,
): string[] {
  const found = shown.flatMap((name) => {
    const version = libraryVersion(ffi, libraries, name);
    return version === null ? [] : [`${name} ${version}`];
  });
  return [`cuda ${versionText(driverVersion)}`, ...found];
}
