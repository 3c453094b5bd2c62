import type { CudaDevice } from "./device.ts";
import { versionText } from "./errors.ts";
import type { Ffi } from "./ffi.ts";
import { KernelCache } from "./kernel-cache.ts";
import type { LibrarySearch } from "./library-search.ts";
import { Nvrtc } from "./nvrtc.ts";

/** Code on the device, shared by programs with the same source. */
interface LoadedModule {
  readonly handle: number;
  users: number;
}

/** Compiles units of CUDA C, or finds them on disk, and loads them. */
export class ModuleCache {
  private readonly ffi: Ffi;
  private readonly device: CudaDevice;
  private readonly libraries: LibrarySearch;
  private readonly disk: KernelCache | null;
  private readonly loaded: Map<string, LoadedModule> = new Map();
  private compiler: Nvrtc | null = null;

  constructor(
    ffi: Ffi,
    device: CudaDevice,
    libraries: LibrarySearch,
    disk: KernelCache | null = new KernelCache(),
  ) {
    this.ffi = ffi;
    this.device = device;
    this.libraries = libraries;
    this.disk = disk;
  }

  /** The compiler. @throws {DeviceError} if it is not installed. */
  nvrtc(): Nvrtc {
    this.compiler ??= new Nvrtc(this.ffi, this.libraries.open("nvrtc"));
    return this.compiler;
  }

  /**
   * Handle of the module of a unit; `release` gives it back.
   * @throws {CompileError} if the unit does not compile.
   */
  load(source: string): number {
    const known = this.loaded.get(source);
    if (known !== undefined) {
      known.users++;
      return known.handle;
    }
    const handle = this.device.driver.loadModule(this.image(source), this.versions());
    this.loaded.set(source, { handle, users: 1 });
    return handle;
  }

  private versions(): string {
    const { driver, target } = this.device;
    return (
      `compiled by NVRTC ${this.nvrtc().version} for sm_${target.capability}, with a driver for ` +
      `CUDA ${versionText(driver.version)}`
    );
  }

  private image(source: string): Uint8Array {
    const nvrtc = this.nvrtc();
    const target = nvrtc.targetOf(this.device.target.capability);
    const key = KernelCache.key(source, target.options.join(" "), target.output, nvrtc.version);
    const stored = this.disk?.get(key) ?? null;
    if (stored !== null) return stored;
    const image = nvrtc.compile(source, target);
    this.disk?.set(key, image);
    return image;
  }

  /** Unloads a module nobody uses any more. The device must be idle. */
  release(source: string): void {
    const module = this.loaded.get(source);
    if (module === undefined || --module.users > 0) return;
    this.loaded.delete(source);
    this.device.driver.unloadModule(module.handle);
  }

  dispose(): void {
    for (const { handle } of this.loaded.values()) this.device.driver.unloadModule(handle);
    this.loaded.clear();
  }
}
