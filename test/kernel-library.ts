import { ModuleBuilder } from "../src/compiler/wasm/assembler.ts";
import type { BlockSizes } from "../src/compiler/wasm/library/gemm-blocks.ts";
import { epilogueParams } from "../src/compiler/wasm/library/gemm-blocked.ts";
import { renderLibrary } from "../src/compiler/wasm/library/library.ts";

/** A library instance over a memory of its own, for tests and measurements. */
export interface LibraryHarness {
  readonly memory: WebAssembly.Memory;
  readonly call: Readonly<Record<string, (...args: number[]) => number>>;
  /** Every epilogue call since the last `reset`: [args, batch, m0, m1, n0, n1]. */
  readonly epilogueCalls: number[][];
  /** Forgets all allocations and recorded epilogue calls. */
  reset(): void;
  /** Bytes of fresh memory, 64-byte aligned, as an address. */
  allocate(bytes: number): number;
  /** The f32 elements at an address. */
  floats(address: number, count: number): Float32Array;
  /** All of memory as i32, for descriptors. */
  words(): Int32Array;
}

/**
 * True when relaxed SIMD works; where it does not, tries `setFlags` first (Node 20 hides it
 * behind a V8 flag).
 */
export function enableRelaxedSimd(setFlags: (flags: string) => void): boolean {
  const probe = new ModuleBuilder();
  probe.function(null, ["v128"], ["v128"], (f) =>
    f.get(0).get(0).get(0).emit("f32x4.relaxed_madd"),
  );
  const bytes = probe.build() as BufferSource;
  if (!WebAssembly.validate(bytes)) setFlags("--experimental-wasm-relaxed-simd");
  return WebAssembly.validate(bytes);
}

/** A table whose entry 0 is an epilogue that records its arguments. */
function recordingTable(calls: number[][]): WebAssembly.Table {
  const module = new ModuleBuilder();
  const record = module.importFunction("env", "record", epilogueParams, []);
  module.table({ initial: 1 });
  module.element(0, [record]);
  module.exportTable("table");
  const imports = { env: { record: (...args: number[]) => calls.push(args) } };
  const instance = new WebAssembly.Instance(
    new WebAssembly.Module(module.build() as BufferSource),
    imports,
  );
  return instance.exports["table"] as WebAssembly.Table;
}

/** Instantiates the library over `megabytes` of memory. */
export function openLibrary(options: {
  readonly fma: boolean;
  readonly megabytes?: number;
  readonly blocks?: BlockSizes;
}): LibraryHarness {
  const { fma, megabytes = 64 } = options;
  const memory = new WebAssembly.Memory({ initial: 16 * megabytes, maximum: 65536, shared: true });
  const bytes = renderLibrary({ ...options, fma, shared: true }) as BufferSource;
  const epilogueCalls: number[][] = [];
  const table = recordingTable(epilogueCalls);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory, table },
  });
  let top = 1024;
  return {
    memory,
    call: instance.exports as LibraryHarness["call"],
    epilogueCalls,
    reset: () => {
      top = 1024;
      epilogueCalls.length = 0;
    },
    allocate: (size) => {
      const address = top;
      top = (top + size + 127) & ~63;
      return address;
    },
    floats: (address, count) => new Float32Array(memory.buffer, address, count),
    words: () => new Int32Array(memory.buffer),
  };
}
