import { compileWasm } from "../../compiler/compile-wasm.ts";
import { WasmBackend } from "./backend.ts";
import type { WasmBackendOptions } from "./backend.ts";

/** Options of {@link createWasmBackend}. */
export interface WasmDeviceOptions extends WasmBackendOptions {
  /** Whether values share kernels; `false` is for tests of the compiler. @defaultValue true */
  readonly fuse?: boolean;
}

/** The WebAssembly device with the project's compiler. */
export function createWasmBackend({
  fuse = true,
  ...options
}: WasmDeviceOptions = {}): WasmBackend {
  return new WasmBackend(options, (graph, target) => compileWasm(graph, target, { fuse }));
}
