/** How long something is, over a dataset. */
export interface LengthSummary {
  readonly min: number;
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
  /** Counts of lengths from `from` to less than `to`. */
  readonly histogram: readonly HistogramBin[];
}

/** A bin of a histogram. */
export interface HistogramBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Most bins of a histogram. */
const mostBins = 12;

/** Steps of 1, 2 or 5 times a power of ten. */
function niceStep(range: number): number {
  const least = Math.max(range / mostBins, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? least;
}

/** Summarises lengths; there must be at least one. */
export function summarizeLengths(lengths: readonly number[]): LengthSummary {
  const sorted = Float64Array.from(lengths).sort();
  const [min, max] = [sorted[0], sorted[sorted.length - 1]];
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1];
  const step = niceStep(max - min + 1);
  const first = Math.floor(min / step) * step;
  const counts = new Array<number>(Math.floor((max - first) / step) + 1).fill(0);
  for (const length of sorted) counts[Math.floor((length - first) / step)]++;
  return {
    min,
    mean: sorted.reduce((sum, length) => sum + length, 0) / sorted.length,
    median: at(0.5),
    p95: at(0.95),
    max,
    histogram: counts.map((count, i) => ({
      from: first + i * step,
      to: first + (i + 1) * step,
      count,
    })),
  };
}
