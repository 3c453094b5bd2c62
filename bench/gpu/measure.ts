import { summarise } from "../statistics.ts";
import type { Timing } from "../statistics.ts";
import { CellProcess } from "./cell-process.ts";
import type { Side } from "./cell-process.ts";
import type { GpuRow } from "./rows.ts";

/** How long a row is measured. */
export interface Effort {
  readonly rounds: number;
  /** Of each contender in each round. */
  readonly milliseconds: number;
  /** Least length of a sample; runs are repeated to reach it, and the device is waited for once. */
  readonly sampleMilliseconds: number;
  /** Also the ways that take long to compile. */
  readonly allVariants: boolean;
  readonly sides: readonly Side[];
}

/** One way of doing a row, measured. */
export interface Measured {
  readonly side: Side;
  readonly variant: string;
  /** Of one run. */
  readonly timing: Timing;
  readonly check: number;
  /** From nothing to the first results, with compilation. */
  readonly startMilliseconds: number;
  /** Microseconds of the host for one run, without waiting for the device. */
  readonly hostMicroseconds: number;
  readonly peakBytes: number;
  readonly reservedBytes: number;
}

/** A row of the table. */
export interface GpuResult {
  readonly row: string;
  readonly contenders: readonly Measured[];
  readonly failures: readonly string[];
}

const startLimit = 280_000;
const requestLimit = 120_000;
/** Milliseconds above which a run is launched few times only. */
const longRun = 5;
/** What a process may hold after a row before the next one gets a fresh process. */
const heldLimit = 2 * 2 ** 30;

interface Runner {
  readonly name: string;
  readonly side: Side;
  readonly variant: string;
  readonly check: number;
  readonly startMilliseconds: number;
  readonly samples: number[];
  peakBytes: number;
  reservedBytes: number;
}

/** One process a side, kept from row to row while it works. */
export class GpuBench {
  readonly #device: string;
  readonly #python: string;
  readonly #effort: Effort;
  readonly #cells = new Map<Side, CellProcess>();
  /** Sides something failed on: a device's context may be lost, so the next row starts afresh. */
  readonly #doubtful = new Set<Side>();

  constructor(device: string, python: string, effort: Effort) {
    this.#device = device;
    this.#python = python;
    this.#effort = effort;
  }

  /** Device and versions of a side. @throws {Error} if it does not start. */
  async describe(side: Side): Promise<string> {
    const { device, versions } = await this.#cell(side).ask(
      { kind: "hello" },
      "hello",
      requestLimit,
    );
    return `${versions}, on ${device}`;
  }

  /** Measures a row; what fails is said in the result. */
  async measure(row: GpuRow): Promise<GpuResult> {
    const failures: string[] = [];
    const ways = this.#waysOf(row);
    for (const side of this.#doubtful) await this.#cells.get(side)?.stop();
    this.#doubtful.clear();
    const contenders =
      row.isExclusive === true
        ? await this.#oneByOne(row, ways, failures)
        : await this.#together(row, ways, failures);
    failures.push(...disagreements(row, contenders));
    return { row: row.name, contenders, failures };
  }

  /** Ends both processes. */
  async stop(): Promise<void> {
    for (const cell of this.#cells.values()) await cell.stop();
    this.#cells.clear();
  }

  #waysOf({ athanor, pytorch, slowPytorch = [] }: GpuRow): readonly (readonly [Side, string])[] {
    const { sides, allVariants } = this.#effort;
    const peers = allVariants ? [...pytorch, ...slowPytorch] : pytorch;
    const all = [
      ...athanor.map((variant) => ["athanor", variant] as const),
      ...peers.map((variant) => ["pytorch", variant] as const),
    ];
    return all.filter(([side]) => sides.includes(side));
  }

  #cell(side: Side): CellProcess {
    const known = this.#cells.get(side);
    if (known?.isAlive === true) return known;
    const cell = new CellProcess({ side, device: this.#device, python: this.#python });
    this.#cells.set(side, cell);
    return cell;
  }

  /** All contenders in memory at once, taking turns. */
  async #together(
    row: GpuRow,
    ways: readonly (readonly [Side, string])[],
    failures: string[],
  ): Promise<Measured[]> {
    const runners: Runner[] = [];
    for (const way of ways) {
      const runner = await this.#attempt(() => this.#start(row, way), way, failures);
      if (runner !== undefined) runners.push(runner);
    }
    const { rounds, milliseconds } = this.#effort;
    const failed = new Set<Runner>();
    for (let round = 0; round < rounds; round++) {
      for (const runner of runners) {
        if (failed.has(runner)) continue;
        const sampled = this.#attempt(
          () => this.#sample(runner, milliseconds),
          [runner.side, runner.variant],
          failures,
        );
        if ((await sampled) === undefined) failed.add(runner);
      }
    }
    const measured: Measured[] = [];
    for (const runner of runners.filter((one) => !failed.has(one))) {
      const way = [runner.side, runner.variant] as const;
      const result = await this.#attempt(() => this.#finish(runner), way, failures);
      if (result !== undefined) measured.push(result);
    }
    return measured;
  }

  /** Each contender alone on the device, with the time of all its rounds. */
  async #oneByOne(
    row: GpuRow,
    ways: readonly (readonly [Side, string])[],
    failures: string[],
  ): Promise<Measured[]> {
    const { rounds, milliseconds } = this.#effort;
    const measured: Measured[] = [];
    for (const way of ways) {
      // Ours keeps what it once took, and its peak counts from the start of the process.
      await this.#cells.get("athanor")?.stop();
      const result = await this.#attempt(
        async () => {
          const runner = await this.#start(row, way);
          for (let round = 0; round < rounds; round++) await this.#sample(runner, milliseconds);
          return this.#finish(runner);
        },
        way,
        failures,
      );
      if (result !== undefined) measured.push(result);
      if (way[0] === "athanor") await this.#cells.get("athanor")?.stop();
    }
    return measured;
  }

  async #attempt<T>(
    fn: () => Promise<T>,
    [side, variant]: readonly [Side, string],
    failures: string[],
  ): Promise<T | undefined> {
    try {
      return await fn();
    } catch (error) {
      failures.push(`${side} ${variant}: ${error instanceof Error ? error.message : "failed"}`);
      this.#doubtful.add(side);
      return undefined;
    }
  }

  async #start(row: GpuRow, [side, variant]: readonly [Side, string]): Promise<Runner> {
    const name = `${row.name}/${variant}`;
    const { check, startMilliseconds } = await this.#cell(side).ask(
      { kind: "start", name },
      "ready",
      startLimit,
    );
    const nothing = { samples: [], peakBytes: 0, reservedBytes: 0 };
    return { name, side, variant, check, startMilliseconds, ...nothing };
  }

  async #sample(runner: Runner, milliseconds: number): Promise<true> {
    const { sampleMilliseconds } = this.#effort;
    const reply = await this.#cell(runner.side).ask(
      { kind: "measure", name: runner.name, milliseconds, sampleMilliseconds },
      "samples",
      requestLimit,
    );
    runner.samples.push(...reply.milliseconds);
    runner.peakBytes = reply.peakBytes;
    runner.reservedBytes = reply.reservedBytes;
    return true;
  }

  async #finish(runner: Runner): Promise<Measured> {
    const { side, variant, name, samples, check, startMilliseconds } = runner;
    const cell = this.#cell(side);
    const timing = summarise(samples);
    const many = timing.median < longRun ? { calls: 10, samples: 15 } : { calls: 2, samples: 3 };
    const host = await cell.ask({ kind: "enqueue", name, ...many }, "enqueued", requestLimit);
    const { peakBytes, reservedBytes } = runner;
    const { reservedBytes: held } = await cell.ask({ kind: "stop", name }, "stopped", requestLimit);
    if (held > heldLimit) await cell.stop();
    return {
      side,
      variant,
      timing,
      check,
      startMilliseconds,
      hostMicroseconds: summarise(host.microseconds).median,
      peakBytes,
      reservedBytes,
    };
  }
}

/** Contenders whose check differs from the first one's. */
function disagreements({ tolerance }: GpuRow, contenders: readonly Measured[]): string[] {
  if (contenders.length === 0) return [];
  const [first, ...others] = contenders;
  return others.flatMap(({ side, variant, check }) => {
    if (Math.abs(check - first.check) <= tolerance * Math.abs(first.check)) return [];
    return [
      `${side} ${variant}: computes ${check}, but ${first.side} ${first.variant} ${first.check}; ` +
        "they do not do the same",
    ];
  });
}
