import { ModuleBuilder } from "../assembler.ts";
import { renderConv } from "./conv.ts";
import { defaultBlocks, workspaceLayout, type BlockSizes } from "./gemm-blocks.ts";
import { renderDotTiles } from "./gemm-dot.ts";
import { renderEdge } from "./gemm-edge.ts";
import { renderTiles, tileRows } from "./gemm-kernels.ts";
import { renderPackers } from "./gemm-pack.ts";
import { renderGemmThread } from "./gemm-thread.ts";
import { renderGemm } from "./gemm.ts";

/** Which variant of the kernel library to render. */
export interface LibraryOptions {
  /** Uses relaxed-SIMD fused multiply-add; the engine must know it. */
  readonly fma: boolean;
  /** Imports a shared memory (threads) instead of an unshared one. */
  readonly shared: boolean;
  /** Cache blocks; for measurements. */
  readonly blocks?: BlockSizes;
}

/** Largest memory a module may ask for: 4 GiB. */
const MAXIMUM_PAGES = 65536;

/**
 * Bytes of the fixed kernel library: products and convolutions in f32, one instance per thread.
 *
 * Imports: `env.memory`, and `env.table`, whose functions (see `epilogueParams`) are called with
 * (args, batch, row from, row to, column from, column to) on every finished block of a result,
 * while it is still in the L2 cache. Exports, all arguments i32, pointers in bytes:
 *
 * - `gemm_thread(desc, a, b, c, workspace, thread, threads)`: this thread's share of a batched
 *   product (`writeGemmDesc`). Rows are m, columns n; batch is outer·inner + inner index.
 * - `gemm(desc, a, b, c, workspace, batch, m0, m1, n0, n1)`: a range of one product.
 * - `conv_thread(desc, x, w, out, workspace, thread, threads)`: this thread's share of a
 *   convolution (`writeConvDesc`), and with `convInputGradient` of its input gradient. Batch is
 *   the image, rows are output channels, columns pixels.
 * - `conv_weight_gradient_thread(desc, x, gradient, dw, workspace, thread, threads)`: rows are
 *   output channels, columns the channels and taps of w.
 *
 * Every thread calls with its own number and its own workspace (`gemmWorkspaceBytes`,
 * `convWorkspaceBytes`); small work stays on thread 0. The bits of a result do not depend on the
 * number of threads. Results must not overlap operands.
 *
 * V8 compiles the module at full speed at once with the flags `--no-liftoff` and
 * `--no-wasm-lazy-compilation` set around `new WebAssembly.Module`; other threads get the same
 * code, from the module or from the same bytes.
 */
export function renderLibrary(options: LibraryOptions): Uint8Array {
  const { fma, shared, blocks = defaultBlocks } = options;
  const module = new ModuleBuilder();
  module.importMemory(
    "env",
    "memory",
    shared ? { initial: 1, maximum: MAXIMUM_PAGES, shared } : { initial: 1 },
  );
  module.importTable("env", "table", { initial: 0 });
  const tiles = renderTiles(module, fma);
  const packers = renderPackers(module, tiles.rows);
  const parts = { tiles, packers, edge: renderEdge(module, tiles), blocks };
  const dot = renderDotTiles(module, fma);
  const { gemm, blocked } = renderGemm(module, parts, dot);
  module.export(gemm);
  module.export(renderGemmThread(module, gemm, tiles.rows));
  const conv = renderConv(module, parts, { blocked, dot, fma });
  module.export(conv.forward);
  module.export(conv.weightGradient);
  return module.build();
}

/** Bytes of workspace each thread needs for any product; 64-byte alignment is best. */
export function gemmWorkspaceBytes(options: LibraryOptions): number {
  return workspaceLayout(options.blocks ?? defaultBlocks, tileRows(options.fma)).end;
}
