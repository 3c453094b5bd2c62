/** A scale from values to pixels with the values worth a label. */
export interface Axis {
  readonly ticks: readonly number[];
  position(value: number): number;
}

/** Where an axis goes and how. */
export interface AxisOptions {
  /** Pixel of the smallest and of the largest value. */
  readonly from: number;
  readonly to: number;
  /** Logarithmic. @defaultValue false */
  readonly log?: boolean;
  /** About how many labels fit. @defaultValue 6 */
  readonly labels?: number;
  /** Do not extend the range to the nearest round values. @defaultValue false */
  readonly tight?: boolean;
}

/** The largest of 1, 2, 5 times a power of ten that gives at least about `count` steps. */
function roundStep(span: number, count: number): number {
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * 0.999) ?? 10;
  return factor * power;
}

function linearTicks(low: number, high: number, count: number): number[] {
  const step = roundStep(high - low, count);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Multiples of the step, rounded so that 3 · 0.1 reads 0.3.
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

function logTicks(low: number, high: number, count: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const within = (factors: readonly number[], stride: number): number[] => {
    const ticks: number[] = [];
    for (let power = first; power <= last; power++) {
      if (power % stride !== 0) continue;
      for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(6)));
    }
    return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };
  const stride = Math.max(1, Math.ceil((last - first) / count));
  const choices = [within([1, 2, 5], 1), within([1, 3], 1), within([1], stride)];
  return choices.find((ticks) => ticks.length <= count + 1) ?? choices[2];
}

/** An axis that shows all the values, with labels at round numbers. */
export function makeAxis(values: Iterable<number>, options: AxisOptions): Axis {
  const { from, to, log = false, labels = 6, tight = false } = options;
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = log ? [0.1, 1] : [0, 1];
  if (low === high) {
    // One value sits in the middle of the axis.
    const margin = Math.abs(low) / 2 || 1;
    [low, high] = log ? [low / 2, high * 2] : [low - margin, high + margin];
  }
  if (log) return logAxis(low, high, from, to, labels);
  if (!tight) {
    const step = roundStep(high - low, labels);
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
  }
  return {
    ticks: linearTicks(low, high, labels),
    position: (value) => from + ((value - low) / (high - low)) * (to - from),
  };
}

function logAxis(low: number, high: number, from: number, to: number, labels: number): Axis {
  const start = Math.log10(low);
  const span = Math.log10(high) - start;
  return {
    ticks: logTicks(low, high, labels),
    position: (value) => from + ((Math.log10(value) - start) / span) * (to - from),
  };
}

/** A tick's label: few digits, thousands as k, exponents only where they are shorter. */
export function tickLabel(value: number): string {
  const magnitude = Math.abs(value);
  if (value === 0) return "0";
  if (magnitude >= 1e6 || magnitude < 1e-3) return value.toExponential().replace("e+", "e");
  if (magnitude >= 10_000 && value % 100 === 0) return `${value / 1000}k`;
  return String(value);
}
