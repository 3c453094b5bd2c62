import { recordKernels } from "../engine/programs.ts";
import { realizeValues } from "../engine/realize.ts";
import { counters } from "../engine/statistics.ts";
import { tensorsOf } from "./tree.ts";

/** Runs of one kernel, added up. Rates count each byte and each operation once. */
export interface KernelSummary {
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
  readonly bytes: number;
  readonly flops: number;
  readonly gigabytesPerSecond: number;
  readonly gigaflopsPerSecond: number;
}

/** Where the time of a computation went; as text, a table. */
export interface Profile {
  /** Slowest first. */
  readonly kernels: readonly KernelSummary[];
  /** Time inside kernels. */
  readonly milliseconds: number;
  /** Calls that have to wait for each other, and their time; the others may run beside them. */
  readonly longestPath: { readonly calls: number; readonly milliseconds: number };
  /** Time spent compiling programs that were new. */
  readonly compileMilliseconds: number;
  /** The table. */
  toString(): string;
}

type KernelRecords = ReturnType<ReturnType<typeof recordKernels>>;

/**
 * Runs a function once, computes the tensors it returns, and times every kernel by itself.
 * @example console.log(String(await profile(() => step(images, labels))));
 */
export async function profile(fn: () => unknown): Promise<Profile> {
  const compiledBefore = counters.compileMilliseconds;
  const stop = recordKernels();
  try {
    const result = await fn();
    realizeValues(tensorsOf(result).map(({ cell }) => cell.value));
  } catch (error) {
    stop();
    throw error;
  }
  return summarise(stop(), counters.compileMilliseconds - compiledBefore);
}

function summarise(records: KernelRecords, compileMilliseconds: number): Profile {
  const groups = new Map<string, KernelRecords>();
  for (const record of records) {
    const group = groups.get(record.name);
    if (group === undefined) groups.set(record.name, [record]);
    else group.push(record);
  }
  const kernels = [...groups].map(([name, group]) => summariseKernel(name, group));
  kernels.sort((a, b) => b.milliseconds - a.milliseconds);
  const milliseconds = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
  const longestPath = pathOf(records);
  const toString = (): string =>
    [...tableLines(kernels, milliseconds), sumLine(records, longestPath, compileMilliseconds)].join(
      "\n",
    );
  return { kernels, milliseconds, longestPath, compileMilliseconds, toString };
}

function pathOf(records: KernelRecords): Profile["longestPath"] {
  const path = records.filter(({ isOnPath = true }) => isOnPath);
  return { calls: path.length, milliseconds: timeOf(path) };
}

const timeOf = (records: KernelRecords): number =>
  records.reduce((sum, { milliseconds }) => sum + milliseconds, 0);

function sumLine(
  records: KernelRecords,
  path: Profile["longestPath"],
  compileMilliseconds: number,
): string {
  const beside =
    path.calls < records.length
      ? `, ${path.calls} of them with ${path.milliseconds.toFixed(3)} ms one after the other`
      : "";
  const compiled =
    compileMilliseconds > 0 ? `, compiled in ${compileMilliseconds.toFixed(1)} ms` : "";
  return `${timeOf(records).toFixed(3)} ms in ${records.length} kernels${beside}${compiled}`;
}

function summariseKernel(name: string, records: KernelRecords): KernelSummary {
  const sum = (key: "milliseconds" | "bytes" | "flops"): number =>
    records.reduce((total, record) => total + record[key], 0);
  const milliseconds = sum("milliseconds");
  const [bytes, flops] = [sum("bytes"), sum("flops")];
  const rate = (count: number): number => (milliseconds > 0 ? count / milliseconds / 1e6 : 0);
  return {
    name,
    calls: records.length,
    milliseconds,
    bytes,
    flops,
    gigabytesPerSecond: rate(bytes),
    gigaflopsPerSecond: rate(flops),
  };
}

function tableLines(kernels: readonly KernelSummary[], milliseconds: number): string[] {
  const header = ["kernel", "calls", "ms", "%", "MB", "MFLOP", "GB/s", "GFLOP/s"];
  const share = (part: number): number => (milliseconds > 0 ? (100 * part) / milliseconds : 0);
  const rows = kernels.map((kernel) => [
    kernel.name,
    String(kernel.calls),
    kernel.milliseconds.toFixed(3),
    share(kernel.milliseconds).toFixed(1),
    (kernel.bytes / 1e6).toFixed(3),
    (kernel.flops / 1e6).toFixed(3),
    kernel.gigabytesPerSecond.toFixed(2),
    kernel.gigaflopsPerSecond.toFixed(2),
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...rows].map((row) => row[i].length)));
  const format = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return [format(header), ...rows.map(format)];
}
