import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { StridedView } from "./lower.ts";

/** What the passes before rendering must know of a device. */
export interface DeviceTraits {
  /** Whether a contraction may run this consumer on its result, block by block. */
  readonly takesEpilogue: (root: Node, consumer: Node) => boolean;
  /** Whether products can add a row to each row of their result; then that is all they take. */
  readonly addsBias: (root: Node) => boolean;
  /** Whether long reductions to few results are cut into parts, for threads to share. */
  readonly splitsReductions: boolean;
  /** Whether a product or convolution in its own dtype is one call; else it is expanded. */
  readonly hasContraction: (node: Node) => boolean;
  /** Whether convolutions that are expanded become products, whose operands are patches in memory. */
  readonly convolvesByProducts: boolean;
  /** A pass that lays images out as the device reads them fastest; what has none does not load it. */
  readonly layOut: ((graph: Graph) => Graph) | null;
  /** Whether attention or its gradient is one call; else it is composed. */
  readonly hasAttention: (node: Node) => boolean;
  /** Whether scatters of whole rows are steps of their own, over buffers. */
  readonly hasRowScatter: boolean;
  /** Whether a product can read an operand through a view. */
  readonly readsView: (operand: Node, view: StridedView) => boolean;
  /**
   * Cost per element (operations, and loads at `loadCost` each) from which a value used twice is
   * stored, not computed again: a question of arithmetic against memory.
   */
  readonly recomputeLimit: number;
  readonly loadCost: (bytes: number) => number;
  /** Most that one element costs which many others need as well: it stays in registers or caches. */
  readonly sharedCost: number;
  /** Largest cost of what a broadcast may compute again for every element it makes. */
  readonly repeatLimit: number;
  /** Whether lookups at computed places cost hardly more than others, so that places are computed. */
  readonly gathersFast: boolean;
  /** Rows are shared out over threads: how few rows are too few for all that is done with a row. */
  readonly fewestRows: number;
  /**
   * Longest column (reduced axis not the one whose elements are neighbours) that several phases walk
   * over: a column is worked on by one group of threads, and columns are few.
   */
  readonly longestColumn: number;
  /**
   * Bytes of temporaries a program may have beyond the fewest, so that steps which do not depend on
   * each other do not wait for each other's memory; 0 where steps run one after the other anyway.
   */
  readonly spareBytes: number;
  /** Elements of a loop nest below which nothing is gained by sharing it out. */
  readonly shortNest: number;
}

/** WebAssembly: products and convolutions of f32, which run whole chains on finished blocks. */
export const wasmTraits: DeviceTraits = {
  takesEpilogue: (root) => root.op !== "convWeightGrad",
  addsBias: () => false,
  splitsReductions: true,
  hasContraction: (node) => node.dtype === "f32",
  convolvesByProducts: false,
  layOut: null,
  hasAttention: () => false,
  hasRowScatter: false,
  readsView: () => true,
  recomputeLimit: 3,
  loadCost: () => 1,
  sharedCost: Infinity,
  repeatLimit: 0,
  gathersFast: false,
  fewestRows: 8,
  longestColumn: Infinity,
  spareBytes: 0,
  shortNest: 1 << 15,
};
