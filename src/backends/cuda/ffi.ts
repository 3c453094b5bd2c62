/**
 * The few things the backend needs to call C: implemented over koffi, and by the tests' emulator.
 * Handles and device addresses are Numbers (user addresses are below 2^48); results too.
 */
export interface Ffi {
  /** Opens a shared library. @throws {Error} with the loader's text if it cannot be opened. */
  open(path: string): ForeignLibrary;
  /** Address of a typed array's first byte, valid while the array is alive and not resized. */
  address(view: ArrayBufferView): number;
  /** Bytes of foreign memory as an ArrayBuffer that does not own them. */
  view(address: number, bytes: number): ArrayBuffer;
}

/** A value that crosses: a Number for integers, handles and addresses; host memory as a view. */
export type ForeignValue = number | bigint | string | ArrayBufferView | null | object;

/** A C function. */
export interface ForeignFunction {
  (...values: ForeignValue[]): number;
  /** Runs on a thread of the pool; never for functions that depend on the current context. */
  async(...values: ForeignValue[]): Promise<number>;
}

/** An open library. It stays open as long as the process lives. */
export interface ForeignLibrary {
  readonly path: string;
  /**
   * Declares a function by its prototype in the aliases of `prototypes.ts`, such as
   * `int cuInit(u32 flags)`. @throws {Error} if the library has no such symbol.
   */
  function(prototype: string): ForeignFunction;
  /** Whether the library has the symbol. */
  has(name: string): boolean;
}
