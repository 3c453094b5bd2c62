import { formatMilliseconds, markdown } from "../table.ts";
import type { Side } from "./cell-process.ts";
import type { GpuResult, Measured } from "./measure.ts";
import { gpuRows } from "./rows.ts";
import type { GpuRow } from "./rows.ts";

/** A run: where, when, what. */
export interface GpuReport {
  readonly device: string;
  readonly date: string;
  readonly athanor: string;
  readonly pytorch: string;
  readonly results: readonly GpuResult[];
}

/** The fastest way of a side, by its median. */
function bestOf({ contenders }: GpuResult, side: Side): Measured | undefined {
  return contenders
    .filter((one) => one.side === side)
    .toSorted((a, b) => a.timing.median - b.timing.median)
    .at(0);
}

/** The row a result is of, as it is defined now. */
function rowOf({ row }: GpuResult): GpuRow {
  const found = gpuRows.find(({ name }) => name === row);
  if (found === undefined) throw new Error(`bench/gpu: no row ${row}`);
  return found;
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1);

/** What a row's work is per second: items, TFLOP/s or GB/s. */
function rateText({ bytes, flops, items }: GpuRow, milliseconds: number): string {
  const teraflops = flops === undefined ? "" : `${digits(flops / milliseconds / 1e9)} TFLOP/s`;
  if (items !== undefined) {
    const rate = `${Math.round((items.count / milliseconds) * 1000).toLocaleString("en")} ${items.unit}`;
    return teraflops === "" ? rate : `${rate}, ${teraflops}`;
  }
  if (teraflops !== "") return teraflops;
  return bytes === undefined ? "" : `${digits(bytes / milliseconds / 1e6)} GB/s`;
}

/** GB/s of the faster side's copy, or undefined where it was not measured. */
function copyRate(results: readonly GpuResult[]): number | undefined {
  const copy = results.find(({ row }) => row === "copy");
  if (copy === undefined) return undefined;
  const times = copy.contenders.map(({ timing }) => timing.median);
  const { bytes = 0 } = rowOf(copy);
  return times.length === 0 ? undefined : bytes / Math.min(...times) / 1e6;
}

function shareText(row: GpuRow, milliseconds: number, copy: number | undefined): string {
  if (row.bytes === undefined || copy === undefined) return "";
  return `${((row.bytes / milliseconds / 1e6 / copy) * 100).toFixed(0)} %`;
}

function line(result: GpuResult, copy: number | undefined): string[] {
  const row = rowOf(result);
  const [own, peer] = [bestOf(result, "athanor"), bestOf(result, "pytorch")];
  const time = (one: Measured | undefined): string =>
    one === undefined ? "failed" : formatMilliseconds(one.timing.median);
  const host = (one: Measured | undefined): string => one?.hostMicroseconds.toFixed(0) ?? "";
  const memory = (one: Measured | undefined): string =>
    one === undefined ? "" : gigabytes(one.peakBytes);
  const ratio =
    own === undefined || peer === undefined
      ? ""
      : `${(peer.timing.median / own.timing.median).toFixed(2)}×`;
  return [
    `${row.name}: ${row.summary}`,
    own === undefined ? "failed" : `**${time(own)}**`,
    peer === undefined ? "" : `${time(peer)} (${peer.variant})`,
    ratio,
    own === undefined ? "" : rateText(row, own.timing.median),
    own === undefined ? "" : shareText(row, own.timing.median, copy),
    `${host(own)} / ${host(peer)}`,
    // Where rows share a process the peak is not the row's own.
    row.isExclusive === true ? `${memory(own)} / ${memory(peer)}` : "",
  ];
}

/** The table of docs/cuda.md: one line a row. */
export function reportTable({ results }: GpuReport): string {
  const copy = copyRate(results);
  const header = [
    "row",
    "Athanor ms",
    "PyTorch ms",
    "PyTorch / Athanor",
    "Athanor's rate",
    "of copy",
    "host µs",
    "peak GB",
  ];
  return markdown(
    header,
    results.map((result) => line(result, copy)),
  );
}

/** Every way of every row. */
export function detailTable({ results }: GpuReport): string {
  const lines = results.flatMap((result) =>
    result.contenders.map((one) => [
      result.row,
      `${one.side} ${one.variant}`,
      formatMilliseconds(one.timing.median),
      formatMilliseconds(one.timing.best),
      String(one.timing.samples),
      rateText(rowOf(result), one.timing.median),
      one.hostMicroseconds.toFixed(1),
      `${gigabytes(one.peakBytes)} / ${gigabytes(one.reservedBytes)}`,
      (one.startMilliseconds / 1000).toFixed(1),
      String(Number(one.check.toPrecision(6))),
    ]),
  );
  const header = ["row", "way", "median ms", "best ms", "samples", "rate", "host µs"];
  return markdown([...header, "peak / held GB", "start s", "check"], lines);
}

/** What the rows must reach. */
interface Target {
  readonly text: string;
  readonly value: number;
  readonly least: number;
}

function ratioTo(result: GpuResult, variant: string): number | undefined {
  const own = bestOf(result, "athanor");
  const peer = result.contenders.find((one) => one.side === "pytorch" && one.variant === variant);
  return own === undefined || peer === undefined
    ? undefined
    : peer.timing.median / own.timing.median;
}

function targetsOf(result: GpuResult, copy: number | undefined): Target[] {
  const targets: Target[] = [];
  const own = bestOf(result, "athanor");
  const peer = bestOf(result, "pytorch");
  const { bytes } = rowOf(result);
  const add = (text: string, value: number | undefined, least: number): void => {
    if (value !== undefined) targets.push({ text: `${result.row}: ${text}`, value, least });
  };
  if (own === undefined) return [];
  if (peer !== undefined) add("PyTorch's best / ours", peer.timing.median / own.timing.median, 1);
  const isBound = /^(elementwise|softmax|layer norm|layer norm backward|adamw)$/.test(result.row);
  if (isBound && bytes !== undefined && copy !== undefined) {
    add("share of the copy's bandwidth", bytes / own.timing.median / 1e6 / copy, 0.85);
  }
  if (result.row === "mlp step" || result.row === "ddpg update") {
    add("PyTorch eager / ours", ratioTo(result, "eager"), 10);
    add("PyTorch's captured graph / ours", ratioTo(result, "graph"), 1.5);
  }
  if (result.row === "replay") {
    // As a share of what it may be, so that more is better.
    add("50 µs / host time of a replay", 50 / own.hostMicroseconds, 1);
  }
  return targets;
}

/** Tokens per second of GPT-2 at its best batch size. */
function bestTokens(results: readonly GpuResult[]): Target[] {
  const rates = results.flatMap((result) => {
    const own = bestOf(result, "athanor");
    const { items } = rowOf(result);
    if (!result.row.startsWith("gpt2") || own === undefined || items === undefined) return [];
    return [(items.count / own.timing.median) * 1000];
  });
  if (rates.length === 0) return [];
  return [{ text: "gpt2: tok/s at the best batch", value: Math.max(...rates), least: 435_000 }];
}

/** One line a target: whether it is met. */
export function targetLines({ results }: GpuReport): string[] {
  const copy = copyRate(results);
  const targets = [...results.flatMap((result) => targetsOf(result, copy)), ...bestTokens(results)];
  return targets.map(({ text, value, least }) => {
    const shown = value >= 1000 ? Math.round(value) : value.toFixed(2);
    return `${value >= least ? "met   " : "MISSED"} ${text} ${shown}, wanted ${least}`;
  });
}

/** Device, versions and date under the table. */
export function reportFooter({ device, date, athanor, pytorch }: GpuReport): string {
  return (
    `${device}; ${athanor}; ${pytorch}; ${date}; medians in one run, each side at its best. ` +
    "Of copy: bytes by definition against the faster side's copy. Host µs and peak GB: " +
    "Athanor / PyTorch; host: time to launch a run without waiting for the device."
  );
}

/** What went wrong. */
export function failureLines({ results }: GpuReport): string[] {
  return results.flatMap(({ row, failures }) => failures.map((text) => `- ${row}: ${text}`));
}
