/** Milliseconds of one run, over many. */
export interface Timing {
  readonly median: number;
  readonly best: number;
  readonly samples: number;
}

/** Median and minimum of samples in milliseconds. */
export function summarise(samples: readonly number[]): Timing {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, best: sorted[0], samples: sorted.length };
}
