import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { hasFusedMultiplyAdd } from "./probe/team.ts";

/** What the numbers were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly node: string;
  readonly v8: string;
  readonly fusedMultiplyAdd: boolean;
  readonly loadAverage: number;
}

/** Reads the machine's facts. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    v8: process.versions.v8,
    fusedMultiplyAdd: hasFusedMultiplyAdd(),
    loadAverage: loadavg()[0],
  };
}

/** One line about the machine. */
export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGigabytes, node, v8, fusedMultiplyAdd, loadAverage } = machine;
  const arithmetic = fusedMultiplyAdd ? "relaxed SIMD (FMA)" : "SIMD without FMA";
  return (
    `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, ${memoryGigabytes} GiB, ` +
    `Node ${node.slice(1)} (V8 ${v8}), ${arithmetic}, load average ${loadAverage.toFixed(2)}`
  );
}

/** A warning if other processes were running when the measurement began. */
export function loadWarning({ loadAverage }: Machine): string | undefined {
  if (loadAverage < 0.5) return undefined;
  return (
    `warning: load average ${loadAverage.toFixed(2)} before the start; others use the machine, ` +
    "so trust the best times more than the medians, and two threads not at all"
  );
}
