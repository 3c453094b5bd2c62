import type { MatmulCall, MatrixView } from "../../compiler/cuda/library-calls.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import { fastestCandidate, isAutotuned } from "./autotune.ts";
import type { Candidate } from "./autotune.ts";
import type { CublasLt, MatmulAlgorithm, MatmulDescriptors } from "./cublaslt.ts";
import { KernelCache } from "./kernel-cache.ts";
import type { LibraryContext } from "./library-executor.ts";

/** Workspace an algorithm may ask for. */
const WORKSPACE_BYTES = 32 << 20;
/** Candidates the library is asked for, and tried. */
const CANDIDATES = 8;
/** Operations from which on a product is worth a trial. */
const TRIAL_FLOPS = 50e6;

/** How an algorithm runs on operands in the order of the call's. */
export type RunAlgorithm = (
  algorithm: MatmulAlgorithm,
  addresses: readonly number[],
  workspace: number,
) => void;

/** What an algorithm is chosen for: a call, its descriptors, and how its operands are aligned. */
export interface MatmulProblem {
  readonly call: MatmulCall;
  readonly descriptors: MatmulDescriptors;
  /** Bytes all addresses are multiples of. */
  readonly alignment: number;
  readonly run: RunAlgorithm;
}

/**
 * Algorithms of products: the fastest of those the library suggests, by trial on first use, kept
 * on disk per card and library version. Later runs take the same one and give the same bits;
 * another machine may choose another. `ATHANOR_CUDA_AUTOTUNE=0` takes the library's first.
 */
export class MatmulAutotune {
  private readonly context: LibraryContext;
  private readonly library: CublasLt;
  private readonly cache: KernelCache = new KernelCache();

  constructor(context: LibraryContext, library: CublasLt) {
    this.context = context;
    this.library = library;
  }

  /** The algorithm for a problem, or null if the library has none. */
  choose(problem: MatmulProblem, workspaceBytes: number = WORKSPACE_BYTES): MatmulAlgorithm | null {
    const { call, descriptors, alignment } = problem;
    const limits = { workspaceBytes, alignment, isExact: isExact(call) };
    const isTried = isAutotuned() && flopsOf(call) >= TRIAL_FLOPS;
    if (!isTried) return this.library.suggest(descriptors, 1, limits)[0] ?? null;
    const key = this.keyOf(problem, workspaceBytes);
    const known = this.cache.get(key);
    const accepted = known === null ? null : this.library.accept(descriptors, known);
    if (accepted !== null && accepted.workspaceBytes <= workspaceBytes) return accepted;
    const found = this.library.suggest(descriptors, CANDIDATES, limits);
    if (found.length < 2) return found[0] ?? null;
    const chosen = this.fastest(problem, found);
    if (chosen === null) return found[0];
    this.cache.set(key, found[chosen].bytes);
    return found[chosen];
  }

  private fastest(
    { call, run }: MatmulProblem,
    algorithms: readonly MatmulAlgorithm[],
  ): number | null {
    const candidates: Candidate[] = algorithms.map((algorithm) => ({
      workspaceBytes: algorithm.workspaceBytes,
      run: (addresses, workspace) => run(algorithm, addresses, workspace),
    }));
    return fastestCandidate(this.context, candidates, operandBytes(call));
  }

  private keyOf({ call, alignment }: MatmulProblem, workspaceBytes: number): string {
    const { capability, multiprocessors } = this.context.target;
    const card = `${capability} ${multiprocessors}`;
    const library = `cublasLt ${this.library.version}`;
    return KernelCache.key(library, card, `${alignment} ${workspaceBytes}`, JSON.stringify(call));
  }
}

/** Whether partial sums must not be kept in the output's dtype: half types round once. */
export function isExact({ outputDtype }: MatmulCall): boolean {
  return outputDtype === "f16" || outputDtype === "bf16";
}

/** Operations of a product. */
function flopsOf({ m, n, k, batch }: MatmulCall): number {
  return 2 * m * n * k * batch.reduce((all, size) => all * size, 1);
}

/** Bytes from the first to the last element of each operand. */
function operandBytes(call: MatmulCall): number[] {
  const { m, n, k, batch, dtype, outputDtype } = call;
  const extent = (rows: number, columns: number, view: MatrixView): number =>
    batch.reduce(
      (sum, size, i) => sum + (size - 1) * view.batchStrides[i],
      (rows - 1) * view.rowStride + (columns - 1) * view.columnStride + 1,
    );
  const bytes = dtypeBytes(dtype);
  const output = dtypeBytes(outputDtype);
  return [
    extent(m, k, call.a) * bytes,
    extent(k, n, call.b) * bytes,
    extent(m, n, call.d) * output,
    n * output,
  ];
}
