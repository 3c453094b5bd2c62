import { OutOfMemoryError } from "../../base/errors.ts";
import { roundUp } from "../../base/integers.ts";
import type { LibraryContext } from "./library-executor.ts";

/** Runs that are timed of each candidate, after one that warms up. */
const RUNS = 3;
/** Milliseconds after which what has been tried must do: large products are not worth more. */
const BUDGET = 250;
/** A later candidate must be this much faster: between equals the library's own order decides. */
const MARGIN = 0.97;
const ALIGNMENT = 256;

/** Whether algorithms are chosen by trying them; `ATHANOR_CUDA_AUTOTUNE=0` takes the first. */
export function isAutotuned(): boolean {
  return process.env["ATHANOR_CUDA_AUTOTUNE"] !== "0";
}

/** A way to do a call, for a trial. */
export interface Candidate {
  readonly workspaceBytes: number;
  /** @throws if it cannot run after all; it then loses. */
  run(addresses: readonly number[], workspace: number): void;
}

/**
 * Which candidate is fastest, tried on memory of its own with operands of the given sizes; or null
 * where the memory for a trial is not there. What the operands contain is not defined.
 */
export function fastestCandidate(
  context: LibraryContext,
  candidates: readonly Candidate[],
  operandBytes: readonly number[],
): number | null {
  const workspaceBytes = Math.max(...candidates.map((candidate) => candidate.workspaceBytes));
  const sizes = [...operandBytes, workspaceBytes].map((bytes) => roundUp(bytes, ALIGNMENT));
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  try {
    return context.withMemory(Math.max(total, ALIGNMENT), (start) => {
      let next = start;
      const addresses = sizes.map((bytes) => {
        const address = next;
        next += bytes;
        return address;
      });
      const workspace = addresses.pop() ?? 0;
      let spent = 0;
      const times = candidates.map((candidate) => {
        if (spent > BUDGET) return Infinity;
        const trial = trialTime(context, () => candidate.run(addresses, workspace));
        spent += trial.spent;
        return trial.best;
      });
      return firstOfFastest(times);
    });
  } catch (error) {
    if (error instanceof OutOfMemoryError) return null;
    throw error;
  }
}

/** Shortest time of a few runs and that of all together, in milliseconds; infinite if it fails. */
function trialTime(context: LibraryContext, run: () => void): { best: number; spent: number } {
  let best = Infinity;
  let spent = 0;
  try {
    run();
    for (let i = 0; i < RUNS && spent < BUDGET / 4; i++) {
      const time = context.time(run);
      best = Math.min(best, time);
      spent += time;
    }
  } catch {
    return { best: Infinity, spent };
  }
  return { best, spent };
}

/** First index whose time no later one beats clearly. */
function firstOfFastest(times: readonly number[]): number {
  let best = 0;
  times.forEach((time, i) => {
    if (time < times[best] * MARGIN || (times[best] === Infinity && time < Infinity)) best = i;
  });
  return best;
}
