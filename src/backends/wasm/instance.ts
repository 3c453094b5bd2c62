import type { WasmProgramCode } from "../../compiler/wasm/program-code.ts";
import { exportedMath, nativeMath, renderScalarMath } from "../../compiler/wasm/scalar-math.ts";
import type { RunSteps } from "./thread-pool.ts";

/** Calls the host function of a step. */
export type HostCallback = (step: number, args: number) => void;

/** Makes the calling thread's instance of a program. */
export type Instantiate = (
  code: WasmProgramCode,
  defaultTableSize: number,
  host: HostCallback,
) => RunSteps;

/** The scalar-math module, compiled once. */
export function compileScalarMath(): WebAssembly.Module {
  return new WebAssembly.Module(renderScalarMath() as BufferSource);
}

/** The functions programs import as ("math", name), f64 in and out. */
function mathImports(scalarMath: WebAssembly.Module): WebAssembly.ModuleImports {
  const imports: WebAssembly.ModuleImports = {};
  const builtin = Math as unknown as WebAssembly.ModuleImports;
  const own = new WebAssembly.Instance(scalarMath, { math: builtin }).exports;
  for (const name of nativeMath) imports[name] = builtin[name];
  for (const name of exportedMath) imports[name] = own[name];
  return imports;
}

/**
 * How programs are instantiated on the calling thread (workers do the same in worker-source.ts).
 * Each program has a function table of its own and a library instance over that table: code is
 * shared between instances, so this costs microseconds, and table indices are plain constants.
 */
export function instantiator(
  memory: WebAssembly.Memory,
  library: WebAssembly.Module,
  scalarMath: WebAssembly.Module,
): Instantiate {
  const math = mathImports(scalarMath);
  return (code, defaultTableSize, host) => {
    const initial = code.tableSize ?? defaultTableSize;
    const table = new WebAssembly.Table({ element: "anyfunc", initial });
    const env = { memory, table, host };
    const lib = new WebAssembly.Instance(library, { env }).exports;
    const module = new WebAssembly.Module(code.bytes as BufferSource);
    const instance = new WebAssembly.Instance(module, {
      env,
      lib: lib as WebAssembly.ModuleImports,
      math,
    });
    return instance.exports["run"] as RunSteps;
  };
}
