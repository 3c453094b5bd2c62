import { WasmBackend } from "../../src/backends/wasm/backend.ts";
import type { WasmBackendOptions } from "../../src/backends/wasm/backend.ts";
import type { CompileOptions } from "../../src/compiler/plan-program.ts";
import { compileWasm } from "../../src/compiler/compile-wasm.ts";

/** A WebAssembly backend that checks the graph after every pass of its compiler. */
export function verifyingBackend(
  options: WasmBackendOptions = {},
  compile: CompileOptions = {},
): WasmBackend {
  return new WasmBackend(options, (graph, target) =>
    compileWasm(graph, target, { verify: true, ...compile }),
  );
}
