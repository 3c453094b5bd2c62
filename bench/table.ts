import { boundOf, rateOf } from "./bounds.ts";
import type { Probe, RowResult } from "./measure.ts";
import type { Contender } from "./rows.ts";

/** Milliseconds with three digits that count. */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds >= 100) return milliseconds.toFixed(0);
  if (milliseconds >= 10) return milliseconds.toFixed(1);
  if (milliseconds >= 1) return milliseconds.toFixed(2);
  return milliseconds.toPrecision(2);
}

const formatRatio = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : 0)}×`;
const formatShare = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** A Markdown table with padded columns, numbers to the right. */
export function markdown(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = header.map((text, i) => Math.max(text.length, ...lines.map((l) => l[i].length)));
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [format(header), `| ${rule.join(" | ")} |`, ...lines.map(format)].join("\n");
}

/** Rate of the row's own work: GFLOP/s, else GB/s. */
function rateText({ row, contenders }: RowResult): string {
  const { athanor } = contenders;
  const { flops, bytes } = row.work ?? {};
  if (athanor === undefined) return "";
  const rate = (amount: number): string => (amount / athanor.timing.median / 1e6).toFixed(1);
  if (flops !== undefined) return `${rate(flops)} GFLOP/s`;
  return bytes === undefined ? "" : `${rate(bytes)} GB/s`;
}

function boundText(result: RowResult): string {
  const { athanor } = result.contenders;
  const bound = boundOf(result, "median");
  const best = boundOf(result, "best");
  if (athanor === undefined || bound === undefined || best === undefined) return "";
  const share = formatShare(bound.milliseconds / athanor.timing.median);
  const bestShare = formatShare(best.milliseconds / athanor.timing.best);
  return `${share} of ${bound.name} (best ${bestShare})`;
}

function scalingText(result: RowResult, all: readonly RowResult[]): string {
  const alone = all.find(({ row, threads }) => row === result.row && threads === 1);
  const [one, many] = [alone, result].map((item) => item?.contenders.athanor?.timing.median);
  if (result.threads === 1 || one === undefined || many === undefined) return "";
  return formatRatio(one / many);
}

function peerText(result: RowResult, contender: Contender): string {
  const [peer, own] = [result.contenders[contender], result.contenders.athanor];
  if (peer === undefined) return "";
  const time = formatMilliseconds(peer.timing.median);
  return own === undefined
    ? time
    : `${time} (${formatRatio(peer.timing.median / own.timing.median)})`;
}

/** The main table: times of Athanor, its bounds, and the peers with how many times as long they take. */
export function resultTable(results: readonly RowResult[], peers: readonly Contender[]): string {
  const shown = peers.filter(
    (peer) => peer !== "athanor" && results.some(({ contenders }) => peer in contenders),
  );
  const header = ["row", "threads", "athanor ms", "best ms", "rate", "of bound", "vs 1 thread"];
  const lines = results.map((result) => {
    const { athanor } = result.contenders;
    return [
      result.row.name,
      String(result.threads),
      athanor === undefined ? "failed" : formatMilliseconds(athanor.timing.median),
      athanor === undefined ? "" : formatMilliseconds(athanor.timing.best),
      rateText(result),
      boundText(result),
      scalingText(result, results),
      ...shown.map((peer) => peerText(result, peer)),
    ];
  });
  return markdown([...header, ...shown.map((peer) => `${peer} ms`)], lines);
}

/** Rates of the machine, over all rows that measured them. */
export function machineTable(results: readonly RowResult[]): string {
  const units: Readonly<Record<Probe, string>> = {
    "fma peak": "GFLOP/s",
    "memory.copy": "GB/s",
    "load and store": "GB/s",
    "memory.copy, 160 MiB": "GB/s",
    "load and store, 160 MiB": "GB/s",
    "gemm 1024": "GFLOP/s",
  };
  const lines = (Object.keys(units) as Probe[]).flatMap((probe) => {
    const counts = [...new Set(results.map(({ threads }) => threads))];
    return counts.flatMap((count) => {
      const measured = results.filter(({ threads, probes }) => threads === count && probes[probe]);
      if (measured.length === 0) return [];
      const rates = (pick: "median" | "best"): number[] =>
        measured.map((result) => (rateOf(result, probe, pick) ?? 0) / 1e6).sort((a, b) => a - b);
      const medians = rates("median");
      const best = rates("best").at(-1) ?? 0;
      const median = medians[medians.length >> 1];
      return [[probe, String(count), `${median.toFixed(1)} ${units[probe]}`, `${best.toFixed(1)}`]];
    });
  });
  return markdown(["machine", "threads", "median", "best"], lines);
}

/** What rows measured beside their time. */
export function factLines(results: readonly RowResult[]): string[] {
  return results.flatMap(({ row, threads, contenders: { athanor } }) => {
    if (row.hasFacts !== true || athanor === undefined) return [];
    const facts = Object.entries(athanor.facts).map(
      ([name, value]) => `${name} ${formatMilliseconds(value)}`,
    );
    const text = facts.join(", ");
    return [`- ${row.name}, ${threads} ${threads === 1 ? "thread" : "threads"}: ${text}`];
  });
}
