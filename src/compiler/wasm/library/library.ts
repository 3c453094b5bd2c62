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
 * Bytes of the fixed kernel library. It imports `env.memory` and the epilogue table `env.table`.
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

/** Bytes of workspace each thread needs for any product. */
export function gemmWorkspaceBytes(options: LibraryOptions): number {
  return workspaceLayout(options.blocks ?? defaultBlocks, tileRows(options.fma)).end;
}
