import { WasmBackend } from "../../src/backends/wasm/backend.ts";
import { compileWasm } from "../../src/compiler/compile-wasm.ts";
import { backendContract } from "./backend.ts";

backendContract("wasm", () => {
  return new WasmBackend({ threads: 2 }, (graph, target) =>
    compileWasm(graph, target, { verify: true }),
  );
});
