/** Middle of a sample and of its halves. */
export interface Quartiles {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** Value at a share of the sorted sample, between neighbours where it falls between them. */
function at(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  // Infinite values, of runs that never got there, have no point between them.
  return below === above ? below : below + (above - below) * (place - Math.floor(place));
}

/** Quartiles; NaN are left out, of nothing all three are NaN. */
export function quartiles(values: readonly number[]): Quartiles {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  if (sorted.length === 0) return { low: NaN, median: NaN, high: NaN };
  return { low: at(sorted, 0.25), median: at(sorted, 0.5), high: at(sorted, 0.75) };
}
