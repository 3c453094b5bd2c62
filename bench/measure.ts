import { setTimeout as sleep } from "node:timers/promises";
import { CellProcess } from "./cell-process.ts";
import type { CellOptions } from "./cell-process.ts";
import { cellOf, probeOf } from "./contenders.ts";
import type { Interpreters } from "./contenders.ts";
import type { Contender, Row } from "./rows.ts";
import { summarise } from "./statistics.ts";
import type { Timing } from "./statistics.ts";

/** What the bounds are computed from; each is measured between the contenders' turns. */
const probes = [
  "fma peak",
  "memory.copy",
  "load and store",
  "memory.copy, 160 MiB",
  "load and store, 160 MiB",
  "gemm 1024",
] as const;
export type Probe = (typeof probes)[number];

/** How long a contender runs. */
export interface Effort {
  readonly rounds: number;
  /** Of each contender in each round. */
  readonly milliseconds: number;
  readonly includeSlow: boolean;
}

/** What a contender did on a row. */
interface Measured {
  readonly timing: Timing;
  readonly check: number;
  readonly facts: Readonly<Record<string, number>>;
}

/** A row with a number of threads. */
export interface RowResult {
  readonly row: Row;
  readonly threads: number;
  readonly contenders: Partial<Record<Contender, Measured>>;
  readonly probes: Partial<Record<Probe, Timing>>;
  /** Why contenders are missing. */
  readonly failures: readonly string[];
}

interface Runner {
  readonly cell: CellProcess;
  readonly inner: number;
  readonly samplesPerRound: number;
  readonly samples: number[];
  readonly rounds: number;
}

/** Probes a row's bound needs. */
function probesOf({ work, yardstick }: Row): readonly Probe[] {
  if (yardstick === "gemm") return ["gemm 1024", "fma peak"];
  if (work === undefined) return [];
  if (work.bytes === undefined) return ["fma peak"];
  return work.isLarge === true
    ? ["fma peak", "memory.copy, 160 MiB", "load and store, 160 MiB"]
    : ["fma peak", "memory.copy", "load and store"];
}

async function prepare(cell: CellProcess, inner: number, effort: Effort): Promise<Runner> {
  const { rounds, milliseconds } = effort;
  const start = performance.now();
  const [first] = await cell.measure(1, inner);
  let last = first;
  // Warm until the engine has optimized what it will.
  while (performance.now() - start < milliseconds && first * inner < milliseconds) {
    [last] = await cell.measure(1, inner);
  }
  const fitting = Math.floor(milliseconds / (last * inner));
  const isSlow = fitting === 0;
  return {
    cell,
    inner,
    samplesPerRound: Math.max(1, Math.min(fitting, 1000)),
    samples: [],
    rounds: isSlow ? Math.min(rounds, 3) : rounds,
  };
}

/** Runs the runners in turn, `rounds` times. */
async function interleave(runners: readonly Runner[], { rounds }: Effort): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const { cell, inner, samplesPerRound, samples, rounds: own } of runners) {
      if (round >= own) continue;
      // What ran before may still be spinning down.
      await sleep(10);
      samples.push(...(await cell.measure(samplesPerRound, inner)));
    }
  }
}

/** Measures a row: contenders and probes take turns, each in a process of its own. */
export async function measureRow(
  row: Row,
  threads: number,
  among: readonly Contender[],
  effort: Effort,
  interpreters: Interpreters = {},
): Promise<RowResult> {
  const open: CellProcess[] = [];
  const failures: string[] = [];
  const started = new Map<Contender, Omit<Measured, "timing"> & { readonly runner: Runner }>();
  const probing = new Map<Probe, Runner>();
  const start = async (
    options: CellOptions,
    inner: number,
  ): Promise<Omit<Measured, "timing"> & { readonly runner: Runner }> => {
    const cell = new CellProcess(options);
    open.push(cell);
    const { check, facts } = await cell.start(options.row, options.threads);
    return { check, facts, runner: await prepare(cell, inner, effort) };
  };
  try {
    for (const contender of row.contenders) {
      if (!among.includes(contender)) continue;
      if (row.slow?.includes(contender) === true && !effort.includeSlow) continue;
      try {
        started.set(
          contender,
          await start(cellOf(contender, row.name, threads, interpreters), row.inner ?? 1),
        );
      } catch (error) {
        failures.push(`${contender}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    for (const probe of probesOf(row)) {
      const isGemm = probe === "gemm 1024";
      const options = isGemm ? cellOf("athanor", probe, threads) : probeOf(probe, threads);
      probing.set(probe, (await start(options, 1)).runner);
    }
    const runners = [...[...started.values()].map(({ runner }) => runner), ...probing.values()];
    await interleave(runners, effort);
  } finally {
    for (const cell of open) cell.stop();
  }
  const timed = [...started].map(([name, { check, facts, runner }]): [Contender, Measured] => [
    name,
    { check, facts, timing: summarise(runner.samples) },
  ]);
  failures.push(...disagreements(row, timed));
  return {
    row,
    threads,
    contenders: Object.fromEntries(timed),
    probes: Object.fromEntries(
      [...probing].map(([name, { samples }]) => [name, summarise(samples)]),
    ),
    failures,
  };
}

/** Contenders whose result differs from the first one's. */
function disagreements(
  { tolerance = 1e-4 }: Row,
  timed: readonly (readonly [Contender, Measured])[],
): string[] {
  const [first, ...others] = timed;
  return others.flatMap(([name, { check }]) => {
    const expected = first[1].check;
    if (Math.abs(check - expected) <= tolerance * Math.abs(expected)) return [];
    return [`${name}: computes ${check}, but ${first[0]} ${expected}; its time means nothing`];
  });
}
