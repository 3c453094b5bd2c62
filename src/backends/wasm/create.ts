import { compileWasm } from "../../compiler/compile-wasm.ts";
import { WasmBackend } from "./backend.ts";
import type { WasmBackendOptions } from "./backend.ts";

/** The WebAssembly device with the project's compiler. */
export function createWasmBackend(options: WasmBackendOptions = {}): WasmBackend {
  return new WasmBackend(options, (graph, target) => compileWasm(graph, target));
}
