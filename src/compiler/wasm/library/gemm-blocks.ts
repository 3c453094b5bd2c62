/** Sizes of the cache blocks of GEMM; rows are multiples of the tile height. */
export interface BlockSizes {
  /** Rows of A packed at a time. */
  readonly rows: number;
  /** Columns of B packed at a time. */
  readonly columns: number;
  /** k accumulated in registers before C is touched. */
  readonly depth: number;
  /** Columns of C finished before the epilogue runs: the block is then still in the L2 cache. */
  readonly finish: number;
}

/** Block sizes measured on Zen 4 and Zen 5 (1 MB of L2 cache per core). */
export const defaultBlocks: BlockSizes = { rows: 192, columns: 1024, depth: 320, finish: 256 };

/** Byte offsets of the parts of a thread's GEMM workspace. */
export interface WorkspaceLayout {
  /** One register tile, for tiles that C has no room for. */
  readonly tile: number;
  /** One packed panel of B, for the last columns of an unpacked B. */
  readonly panel: number;
  /** Packed strips of A. */
  readonly a: number;
  /** Packed panels of B. */
  readonly b: number;
  readonly end: number;
}

/** Where the parts of a workspace stand; all 64-byte aligned. */
export function workspaceLayout(blocks: BlockSizes, tile: number): WorkspaceLayout {
  const height = Math.ceil(blocks.rows / tile) * tile;
  const panel = 256;
  const a = panel + 32 * blocks.depth;
  const b = a + Math.ceil((4 * height * blocks.depth) / 64) * 64;
  return { tile: 0, panel, a, b, end: b + 4 * blocks.columns * blocks.depth };
}
