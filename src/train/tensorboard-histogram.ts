import { ConfigError } from "../base/errors.ts";

/** Counts per bucket; bucket i holds the values above limit i - 1 and up to limit i. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly limits: Float64Array;
  readonly counts: Float64Array;
}

/** Edges that grow by a tenth from 1e-12 to 1e20, and their negatives; zero between them. */
function exponentialEdges(): Float64Array {
  const positive: number[] = [];
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) positive.push(edge);
  return Float64Array.from([...positive.map((edge) => -edge).reverse(), 0, ...positive]);
}

function equalEdges(low: number, high: number, bins: number): Float64Array {
  // Equal values still need a bucket of some width.
  const [start, end] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  return new Float64Array(bins + 1).map((_, i) => start + ((end - start) * i) / bins);
}

/** The first edge above a value, or the last one. */
function bucketOf(edges: Float64Array, value: number): number {
  let low = 1;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Counts values.
 *
 * @param bins - "tensorflow" for exponential buckets, or a number of equally wide ones.
 * @throws {ConfigError} if there are no values, or some are not finite.
 */
export function histogramOf(
  values: ArrayLike<number>,
  bins: "tensorflow" | number = "tensorflow",
): Histogram {
  if (values.length === 0)
    throw new ConfigError("addHistogram: values must not be empty, got none");
  let [min, max, sum, sumSquares] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) {
      throw new ConfigError(`addHistogram: values must be finite, got ${value} at ${i}`);
    }
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    sumSquares += value * value;
  }
  const edges = bins === "tensorflow" ? exponentialEdges() : equalEdges(min, max, bins);
  const counts = new Float64Array(edges.length);
  for (let i = 0; i < values.length; i++) counts[bucketOf(edges, values[i])]++;
  // An empty bucket stands before the first filled one, so that a viewer knows where it begins.
  const first = counts.findIndex((count) => count > 0) - 1;
  const last = counts.findLastIndex((count) => count > 0);
  return {
    min,
    max,
    count: values.length,
    sum,
    sumSquares,
    limits: edges.slice(first, last + 1),
    counts: counts.slice(first, last + 1),
  };
}
