import type { Probe, RowResult } from "./measure.ts";
import { copiedFloats, manyFloats, roundsPerRun } from "./probe/team.ts";
import { flopsPerRound } from "./probe/module.ts";
import type { Timing } from "./statistics.ts";

/** Which of a timing's numbers to use. */
export type Pick = "median" | "best";

const flopsPerInstruction = 8;

/** Amount a probe gets through in one run: floating-point operations or bytes, of each thread. */
function amountOf(probe: Probe, threads: number): number {
  if (probe === "fma peak") return threads * roundsPerRun * flopsPerRound;
  if (probe === "gemm 1024") return 2 * 1024 ** 3;
  return 2 * 4 * (probe.endsWith("160 MiB") ? manyFloats : copiedFloats);
}

/** Rate of a probe per millisecond, or undefined if it was not measured. */
export function rateOf(result: RowResult, probe: Probe, pick: Pick): number | undefined {
  const timing: Timing | undefined = result.probes[probe];
  return timing && amountOf(probe, result.threads) / timing[pick];
}

/** The least milliseconds the row's work takes here, and what limits it. */
export interface Bound {
  readonly milliseconds: number;
  readonly name: string;
}

const copyProbes: readonly Probe[] = [
  "memory.copy",
  "load and store",
  "memory.copy, 160 MiB",
  "load and store, 160 MiB",
];

/** The bound of a row, from what was measured beside it. */
export function boundOf(result: RowResult, pick: Pick): Bound | undefined {
  const { work, yardstick = "machine" } = result.row;
  if (work === undefined) return undefined;
  const candidates: Bound[] = [];
  const add = (amount: number | undefined, rate: number | undefined, name: string): void => {
    if (amount === undefined || rate === undefined) return;
    candidates.push({ milliseconds: amount / rate, name });
  };
  if (yardstick === "gemm") add(work.flops, rateOf(result, "gemm 1024", pick), "GEMM rate");
  else {
    const peak = rateOf(result, "fma peak", pick);
    add(work.flops, peak, "FMA peak");
    add(work.instructions, peak && peak / flopsPerInstruction, "arithmetic");
    const copies = copyProbes.flatMap((probe) => rateOf(result, probe, pick) ?? []);
    add(work.bytes, copies.length > 0 ? Math.max(...copies) : undefined, "copy");
  }
  return candidates.sort((a, b) => b.milliseconds - a.milliseconds)[0];
}
