import { formatNumber } from "../progress-bar.ts";
import type { Axis } from "./axis.ts";
import { makeAxis, tickLabel } from "./axis.ts";
import type { Markup } from "./markup.ts";
import { markup } from "./markup.ts";

/** One curve. */
export interface Series {
  readonly name: string;
  /** Pairs of x and y, x rising. Points with NaN or infinite y leave a gap. */
  readonly points: readonly (readonly [number, number])[];
  /** Weight of the past in the drawn mean, from 0 to 1; the raw curve is faint. @defaultValue 0 */
  readonly smoothing?: number;
  /** Draws each point, for curves with few. @defaultValue false */
  readonly dots?: boolean;
}

/** What a {@link lineChart} shows. */
export interface LineChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  readonly xLabel: string;
  readonly yLabel?: string;
  /** @defaultValue false */
  readonly logY?: boolean;
  /** Text of a value in the legend and at the axis. */
  readonly format?: (value: number) => string;
  /** @defaultValue 680 */
  readonly width?: number;
  /** @defaultValue 300 */
  readonly height?: number;
}

type Point = readonly [number, number];

/** More points than this are drawn as the extremes of groups. */
const mostPoints = 600;

/** Exponential moving mean, corrected for its start: as Adam corrects its moments. */
export function smooth(values: readonly number[], weight: number): number[] {
  let mean = 0;
  let mass = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}

/** Lowest and highest point of each group of neighbours, so that no peak is lost. */
function thin(points: readonly Point[]): readonly Point[] {
  if (points.length <= mostPoints) return points;
  const size = Math.ceil(points.length / (mostPoints / 2));
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const group = points.slice(start, start + size);
    const low = group.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = group.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
  }
  return kept;
}

function path(points: readonly Point[], x: Axis, y: Axis): string {
  let pen = "M";
  let result = "";
  for (const point of points) {
    const [px, py] = [x.position(point[0]), y.position(point[1])];
    if (!Number.isFinite(px) || !Number.isFinite(py)) {
      pen = "M";
      continue;
    }
    result += `${pen}${px.toFixed(1)} ${py.toFixed(1)}`;
    pen = "L";
  }
  return result;
}

function drawSeries(series: Series, index: number, x: Axis, y: Axis): Markup {
  const { points, smoothing = 0, dots = false } = series;
  const colour = `series series-${index % 6}`;
  const ys = points.map((point) => point[1]);
  const means = smooth(ys, smoothing).map((mean, i): Point => [points[i][0], mean]);
  const faint =
    smoothing > 0 ? [markup`<path class="${colour} raw" d="${path(thin(points), x, y)}"/>`] : [];
  const marks = dots
    ? points.map(
        ([px, py]) =>
          markup`<circle class="${colour}" cx="${x.position(px).toFixed(1)}" cy="${y.position(py).toFixed(1)}" r="3"/>`,
      )
    : [];
  return markup`${faint}<path class="${colour}" d="${path(thin(means), x, y)}"/>${marks}`;
}

function legend({ series, format = formatNumber }: LineChartOptions, left: number): Markup {
  let x = left;
  const entries = series.map(({ name, points, smoothing = 0 }, index) => {
    const means = smooth(
      points.map((point) => point[1]),
      smoothing,
    );
    const last = means.findLast(Number.isFinite);
    const text = last === undefined ? name : `${name} ${format(last)}`;
    const entry = markup`<line class="series series-${index % 6}" x1="${x}" x2="${x + 16}" y1="16" y2="16"/><text x="${x + 21}" y="20">${text}</text>`;
    x += 21 + text.length * 6.6 + 20;
    return entry;
  });
  return markup`<g class="legend">${entries}</g>`;
}

/**
 * Curves over a common x axis as an inline SVG that takes its colours from the report's style.
 * The legend shows each curve's last value.
 */
export function lineChart(options: LineChartOptions): Markup {
  const { title, series, xLabel, yLabel = "", logY = false, width = 680, height = 300 } = options;
  const { format = tickLabel } = options;
  const box = { left: 54, right: width - 14, top: 34, bottom: height - 40 };
  const all = series.flatMap(({ points }) => points);
  const x = makeAxis(
    all.map((point) => point[0]),
    { from: box.left, to: box.right, labels: Math.round(width / 95), tight: true },
  );
  const y = makeAxis(
    all.map((point) => point[1]),
    { from: box.bottom, to: box.top, log: logY, labels: Math.round(height / 55) },
  );
  const rows = y.ticks.map((tick) => {
    const at = y.position(tick).toFixed(1);
    return markup`<line class="grid" x1="${box.left}" x2="${box.right}" y1="${at}" y2="${at}"/><text class="tick" x="${box.left - 7}" y="${at}" dy="0.35em" text-anchor="end">${format(tick)}</text>`;
  });
  const columns = x.ticks.map((tick) => {
    const at = x.position(tick).toFixed(1);
    return markup`<line class="mark" x1="${at}" x2="${at}" y1="${box.bottom}" y2="${box.bottom + 4}"/><text class="tick" x="${at}" y="${box.bottom + 17}" text-anchor="middle">${tickLabel(tick)}</text>`;
  });
  const curves = series.map((entry, index) => drawSeries(entry, index, x, y));
  const middle = (box.top + box.bottom) / 2;
  const scale = logY ? " (logarithmic)" : "";
  return markup`<figure class="chart"><figcaption>${title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${rows}<line class="axis" x1="${box.left}" x2="${box.right}" y1="${box.bottom}" y2="${box.bottom}"/>${columns}${curves}${legend(options, box.left)}<text class="label" x="${(box.left + box.right) / 2}" y="${height - 6}" text-anchor="middle">${xLabel}</text><text class="label" transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${yLabel}${yLabel === "" ? "" : scale}</text></svg></figure>`;
}
