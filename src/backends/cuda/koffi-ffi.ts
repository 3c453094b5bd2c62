import { createRequire } from "node:module";
import { DeviceError } from "../../base/errors.ts";
import type { Ffi, ForeignFunction, ForeignLibrary, ForeignValue } from "./ffi.ts";

/** What is used of koffi. */
interface Koffi {
  load(path: string): KoffiLibrary;
  alias(name: string, type: string): unknown;
  struct(name: string, members: Readonly<Record<string, unknown>>): unknown;
  array(type: string, length: number): unknown;
  address(view: ArrayBufferView): bigint;
  view(address: number, bytes: number): ArrayBuffer;
}

interface KoffiLibrary {
  func(prototype: string): KoffiFunction;
  symbol(name: string): unknown;
}

interface KoffiFunction {
  (...values: readonly ForeignValue[]): number;
  async(...values: readonly unknown[]): void;
}

/** Short names of types in prototypes. */
const aliases = { u64: "uint64_t", i64: "int64_t", u32: "uint32_t", p: "void *" } as const;

class KoffiForeignLibrary implements ForeignLibrary {
  readonly path: string;
  private readonly library: KoffiLibrary;
  private readonly functions: Map<string, ForeignFunction> = new Map();

  constructor(path: string, library: KoffiLibrary) {
    this.path = path;
    this.library = library;
  }

  function(prototype: string): ForeignFunction {
    const known = this.functions.get(prototype);
    if (known !== undefined) return known;
    const declared = this.library.func(prototype);
    const issue = declared.async.bind(declared);
    // The callable itself is koffi's own: a wrapper would cost as much as a call.
    const result = Object.assign(declared as (...values: ForeignValue[]) => number, {
      async: (...values: ForeignValue[]) =>
        new Promise<number>((resolve, reject) => {
          issue(...values, (error: Error | null, code: number) => {
            if (error === null) resolve(code);
            else reject(error);
          });
        }),
    });
    this.functions.set(prototype, result);
    return result;
  }

  has(name: string): boolean {
    try {
      this.library.symbol(name);
      return true;
    } catch {
      return false;
    }
  }
}

class KoffiFfi implements Ffi {
  private readonly koffi: Koffi;
  /** A library is closed when nobody holds it: so somebody must. */
  private readonly libraries: Map<string, ForeignLibrary> = new Map();

  constructor(koffi: Koffi) {
    this.koffi = koffi;
    for (const [name, type] of Object.entries(aliases)) koffi.alias(name, type);
    // NCCL takes it by value: { internal: Uint8Array of 128 bytes }.
    koffi.struct("ncclUniqueId", { internal: koffi.array("uint8_t", 128) });
  }

  open(path: string): ForeignLibrary {
    const known = this.libraries.get(path);
    if (known !== undefined) return known;
    const library = new KoffiForeignLibrary(path, this.load(path));
    this.libraries.set(path, library);
    return library;
  }

  /** koffi's own error may not name the file. */
  private load(path: string): KoffiLibrary {
    try {
      return this.koffi.load(path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${path}: ${reason}`, { cause });
    }
  }

  address(view: ArrayBufferView): number {
    return Number(this.koffi.address(view));
  }

  view(address: number, bytes: number): ArrayBuffer {
    return this.koffi.view(address, bytes);
  }
}

let instance: Ffi | undefined;

/**
 * C functions through the npm package `koffi`, which is loaded by the first call.
 *
 * @throws {DeviceError} if koffi is not installed or does not run here.
 */
export function koffiFfi(): Ffi {
  if (instance !== undefined) return instance;
  try {
    const require = createRequire(import.meta.url);
    instance = new KoffiFfi(require("koffi") as Koffi);
    return instance;
  } catch (cause) {
    const isMissing =
      cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND";
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(
      isMissing
        ? 'cuda: the npm package "koffi" must be installed, got none; run: npm install koffi'
        : `cuda: the npm package "koffi" must load, got: ${reason}; run: npm install koffi`,
      { cause },
    );
  }
}
