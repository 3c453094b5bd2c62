import { renderLibrary } from "../../compiler/wasm/library/library.ts";
import type { WasmProgramCode, WasmTarget } from "../../compiler/wasm/program-code.ts";
import { exportedMath, nativeMath, renderScalarMath } from "../../compiler/wasm/scalar-math.ts";
import type { Platform } from "./platform.ts";
import type { RunSteps } from "./thread-pool.ts";

/** Calls the host function of a host call. */
export type HostCallback = (call: number, args: number) => void;

/** The calling thread's instance of a program. */
export interface ProgramInstance {
  readonly run: RunSteps;
  /** Whether the program imports functions of the kernel library. */
  readonly usesLibrary: boolean;
}

/** Table entries of a program that does not say how many it needs. */
export const DEFAULT_TABLE_SIZE = 64;

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
 * Compiles with the optimizing compiler before the first call. V8 starts every function in its
 * baseline compiler, three to five times slower, and cannot replace a function while it runs.
 */
function compileOptimized(bytes: BufferSource, platform: Platform): WebAssembly.Module {
  const flags = ["liftoff", "wasm-lazy-compilation"];
  for (const flag of flags) platform.setEngineFlag(`--no-${flag}`);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    for (const flag of flags) platform.setEngineFlag(`--${flag}`);
  }
}

/**
 * Measured: 0.4 ms per KiB. For the large module of a training step that is a tenth of a second
 * before the first step, while V8 optimizes its hot functions within the first few steps anyway.
 */
const OPTIMIZE_MS_PER_BYTE = 0.4 / 1024;
/** Rough speed of fused kernels, to tell a long first run from a short one. */
const BYTES_PER_MS = 1e7;
const FLOPS_PER_MS = 4e6;

/** Whether optimizing first pays: baseline code would lose more in one run than that costs. */
function isWorthOptimizing({ bytes, kernels }: WasmProgramCode): boolean {
  let milliseconds = 0;
  for (const kernel of kernels) {
    if (kernel.isLibraryCall === true) continue;
    milliseconds += kernel.bytes / BYTES_PER_MS + kernel.flops / FLOPS_PER_MS;
  }
  return 2 * milliseconds > bytes.length * OPTIMIZE_MS_PER_BYTE;
}

/**
 * Instantiates programs on the calling thread (workers do the same in worker-source.ts). Each
 * program has a function table of its own and a library instance over that table: instances share
 * their code, so this costs microseconds, and table indices are plain constants.
 */
export class Instantiator {
  private readonly memory: WebAssembly.Memory;
  private readonly platform: Platform;
  private readonly target: WasmTarget;
  private readonly math: WebAssembly.ModuleImports;
  private library: { readonly bytes: Uint8Array; readonly module: WebAssembly.Module } | null =
    null;

  constructor(
    memory: WebAssembly.Memory,
    options: {
      readonly platform: Platform;
      readonly target: WasmTarget;
      readonly scalarMath: WebAssembly.Module;
    },
  ) {
    this.memory = memory;
    this.platform = options.platform;
    this.target = options.target;
    this.math = mathImports(options.scalarMath);
  }

  /** Bytes of the library; rendered when first needed. */
  get libraryBytes(): Uint8Array {
    return this.compiledLibrary().bytes;
  }

  instantiate(code: WasmProgramCode, host: HostCallback): ProgramInstance {
    const initial = code.tableSize ?? DEFAULT_TABLE_SIZE;
    const table = new WebAssembly.Table({ element: "anyfunc", initial });
    const env = { memory: this.memory, table, host };
    const module = this.compile(code);
    const usesLibrary = WebAssembly.Module.imports(module).some((entry) => entry.module === "lib");
    const imports: WebAssembly.Imports = { env, math: this.math };
    if (usesLibrary) {
      const library = new WebAssembly.Instance(this.compiledLibrary().module, { env });
      imports["lib"] = library.exports;
    }
    const instance = new WebAssembly.Instance(module, imports);
    return { run: instance.exports["run"] as RunSteps, usesLibrary };
  }

  private compile(code: WasmProgramCode): WebAssembly.Module {
    const bytes = code.bytes as BufferSource;
    if (isWorthOptimizing(code)) return compileOptimized(bytes, this.platform);
    return new WebAssembly.Module(bytes);
  }

  private compiledLibrary(): { readonly bytes: Uint8Array; readonly module: WebAssembly.Module } {
    if (this.library === null) {
      const bytes = renderLibrary(this.target);
      const module = compileOptimized(bytes as BufferSource, this.platform);
      this.library = { bytes, module };
    }
    return this.library;
  }
}
