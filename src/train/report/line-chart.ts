import { formatNumber } from "../progress-bar.ts";
import type { Axis } from "./axis.ts";
import { makeAxis, tickLabel } from "./axis.ts";
import type { Markup } from "./markup.ts";
import { markup } from "./markup.ts";
import { chartStyle } from "./style.ts";

/** One curve. */
export interface Series {
  readonly name: string;
  /** Pairs of x and y, x rising. Points with NaN or infinite y leave a gap. */
  readonly points: readonly (readonly [number, number])[];
  /** Weight of the past in the drawn mean, from 0 to 1; the raw curve is faint. @defaultValue 0 */
  readonly smoothing?: number;
  /** Draws each point, for curves with few. @defaultValue false */
  readonly dots?: boolean;
  /** Draws the curve; without it the dots are a scatter plot, whose x need not rise. @defaultValue true */
  readonly line?: boolean;
  /** Triples of x, low and high, x rising: the area between is tinted, such as that of quartiles. */
  readonly band?: readonly (readonly [x: number, low: number, high: number])[];
  /** Which of the six colours; by default the place among the series. */
  readonly colour?: number;
}

/** A dashed line across the chart with a text, such as a goal or a published result. */
export interface LevelMark {
  readonly y: number;
  readonly label: string;
}

/** What a {@link lineChart} shows. */
export interface LineChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  readonly xLabel: string;
  readonly yLabel?: string;
  /** @defaultValue false */
  readonly logX?: boolean;
  /** @defaultValue false */
  readonly logY?: boolean;
  readonly marks?: readonly LevelMark[];
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

const colourOf = ({ colour }: Series, index: number): number => (colour ?? index) % 6;

/** The area between the lows, from left to right, and the highs, back again. */
function drawBand({ band = [] }: Series, colour: number, x: Axis, y: Axis): readonly Markup[] {
  if (band.length === 0) return [];
  const lows = band.map(([px, low]): Point => [px, low]);
  const highs = band.map(([px, , high]): Point => [px, high]).toReversed();
  return [markup`<path class="band band-${colour}" d="${path([...lows, ...highs], x, y)}Z"/>`];
}

function drawSeries(series: Series, index: number, x: Axis, y: Axis): Markup {
  const { points, smoothing = 0, dots = false, line = true } = series;
  const colour = `series series-${colourOf(series, index)}`;
  const ys = points.map((point) => point[1]);
  const means = smooth(ys, smoothing).map((mean, i): Point => [points[i][0], mean]);
  const faint =
    smoothing > 0 ? [markup`<path class="${colour} raw" d="${path(thin(points), x, y)}"/>`] : [];
  const marks = dots
    ? points.map(
        ([px, py]) =>
          markup`<circle class="${colour}" cx="${x.position(px).toFixed(1)}" cy="${y.position(py).toFixed(1)}" r="${line ? 3 : 2}"/>`,
      )
    : [];
  const curve = line ? [markup`<path class="${colour}" d="${path(thin(means), x, y)}"/>`] : [];
  return markup`${faint}${curve}${marks}`;
}

const legendRow = 18;

/** Entries in as many rows as they need, and the height of these rows. */
function legend(options: LineChartOptions, left: number, right: number): [Markup, number] {
  const { series, format = formatNumber } = options;
  // Last values mean something along curves only.
  const isScatter = series.some(({ line = true }) => !line);
  let x = left;
  let y = 16;
  const entries = series.map((one, index) => {
    const means = smooth(
      one.points.map((point) => point[1]),
      one.smoothing ?? 0,
    );
    const last = means.findLast(Number.isFinite);
    const text = last === undefined || isScatter ? one.name : `${one.name} ${format(last)}`;
    const width = 21 + text.length * 6.6;
    if (x > left && x + width > right) [x, y] = [left, y + legendRow];
    const entry = markup`<line class="series series-${colourOf(one, index)}" x1="${x}" x2="${x + 16}" y1="${y}" y2="${y}"/><text x="${x + 21}" y="${y + 4}">${text}</text>`;
    x += width + 20;
    return entry;
  });
  return [markup`<g class="legend">${entries}</g>`, y + legendRow];
}

/** Dashed lines, named at their left, where curves rarely are; texts keep apart. */
function drawMarks(
  { marks = [] }: LineChartOptions,
  right: number,
  left: number,
  y: Axis,
): Markup[] {
  let free = -Infinity;
  return marks
    .map(({ y: value, label }) => ({ at: y.position(value), label }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, label }) => {
      const text = Math.max(at - 4, free);
      free = text + 13;
      return markup`<line class="level" x1="${left}" x2="${right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/><text class="tick" x="${left + 5}" y="${text.toFixed(1)}">${label}</text>`;
    });
}

/** The drawing; `head` goes before everything else. */
function drawChart(options: LineChartOptions, head: Markup): Markup {
  const { series, xLabel, yLabel = "", logX = false, logY = false } = options;
  const { format = tickLabel, marks = [], width = 680, height = 300 } = options;
  const [left, right, bottom] = [54, width - 14, height - 40];
  const [names, top] = legend(options, left, right);
  const x = makeAxis(
    series.flatMap(({ points }) => points.map((point) => point[0])),
    { from: left, to: right, log: logX, labels: Math.round(width / 95), tight: true },
  );
  const heights = series.flatMap(({ points, band = [] }) => [
    ...points.map((point) => point[1]),
    ...band.flatMap(([, low, high]) => [low, high]),
  ]);
  const y = makeAxis([...heights, ...marks.map((mark) => mark.y)], {
    from: bottom,
    to: top,
    log: logY,
    labels: Math.round(height / 55),
  });
  const rows = y.ticks.map((tick) => {
    const at = y.position(tick).toFixed(1);
    return markup`<line class="grid" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/><text class="tick" x="${left - 7}" y="${at}" dy="0.35em" text-anchor="end">${format(tick)}</text>`;
  });
  const columns = x.ticks.map((tick) => {
    const at = x.position(tick).toFixed(1);
    return markup`<line class="mark" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${at}" y="${bottom + 17}" text-anchor="middle">${tickLabel(tick)}</text>`;
  });
  const bands = series.map((one, index) => drawBand(one, colourOf(one, index), x, y)).flat();
  const curves = series.map((entry, index) => drawSeries(entry, index, x, y));
  const levels = drawMarks(options, right, left, y);
  const middle = (top + bottom) / 2;
  const scaleOf = (label: string, isLog: boolean): string =>
    label !== "" && isLog ? `${label} (logarithmic)` : label;
  return markup`${head}${rows}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${columns}${bands}${levels}${curves}${names}<text class="label" x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">${scaleOf(xLabel, logX)}</text><text class="label" transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${scaleOf(yLabel, logY)}</text>`;
}

/**
 * Curves over a common x axis as an inline SVG that takes its colours from the report's style.
 * The legend shows each curve's last value.
 */
export function lineChart(options: LineChartOptions): Markup {
  const { title, width = 680, height = 300 } = options;
  const drawing = drawChart(options, markup``);
  return markup`<figure class="chart"><figcaption>${title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${drawing}</svg></figure>`;
}

/** Height of the title in a picture of its own. */
const titleHeight = 26;

/** The same as a picture of its own: the text of an SVG file, light or dark as its reader wishes. */
export function lineChartFile(options: LineChartOptions): string {
  const { title, width = 680, height = 300 } = options;
  const style: Markup = { html: `<style>${chartStyle}</style>` };
  const head = markup`${style}<rect class="paper" x="0" y="${-titleHeight}" width="${width}" height="${height + titleHeight}"/><text class="title" x="14" y="-6">${title}</text>`;
  const drawing = drawChart(options, head);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 ${-titleHeight} ${width} ${height + titleHeight}" width="${width}" height="${height + titleHeight}" role="img" aria-label="${title}">${drawing}</svg>
`.html;
}
