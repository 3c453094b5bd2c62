import { ConfigError } from "../../base/errors.ts";
import type { Markup } from "./markup.ts";
import { markup } from "./markup.ts";

/** One map: a value for each pair of a row and a column. */
export interface HeatMap {
  readonly title: string;
  /** Labels from the bottom up. */
  readonly rows: readonly string[];
  /** Labels from the left. */
  readonly columns: readonly string[];
  /** `values[row][column]`; not finite ones stay empty. */
  readonly values: readonly (readonly number[])[];
  readonly xLabel: string;
  readonly yLabel: string;
}

/** How {@link heatMaps} draws. */
export interface HeatMapOptions {
  /** Values at the bright and at the dark end of the colours, all else is clipped; on a log scale. */
  readonly domain: readonly [number, number];
  /** Text of a value. @defaultValue one decimal */
  readonly format?: (value: number) => string;
  /** Rings the smallest value of each row. @defaultValue false */
  readonly markRows?: boolean;
  /** Side of a cell. @defaultValue 38 */
  readonly cell?: number;
}

type Colour = readonly [number, number, number];

/** From bright to dark, with lightness falling evenly, so that it also reads in grey. */
const colours: readonly Colour[] = [
  [253, 243, 180],
  [250, 190, 105],
  [226, 122, 96],
  [165, 71, 117],
  [88, 44, 111],
  [29, 24, 62],
];

const margin = { left: 62, top: 40, right: 16, bottom: 52 };

function colourOf(share: number): Colour {
  const place = Math.min(1, Math.max(0, share)) * (colours.length - 1);
  const index = Math.min(Math.floor(place), colours.length - 2);
  const [a, b] = [colours[index], colours[index + 1]];
  const mix = (i: number): number => Math.round(a[i] + (b[i] - a[i]) * (place - index));
  return [mix(0), mix(1), mix(2)];
}

function drawMap(map: HeatMap, options: HeatMapOptions, left: number): Markup {
  const { rows, columns, values, title, xLabel, yLabel } = map;
  const { domain, format = (value) => value.toFixed(1), markRows = false, cell = 38 } = options;
  const x = (column: number): number => left + margin.left + column * cell;
  const y = (row: number): number => margin.top + (rows.length - 1 - row) * cell;
  const [low, span] = [Math.log(domain[0]), Math.log(domain[1] / domain[0])];
  const cells = values.flatMap((line, row) =>
    line.map((value, column) => {
      if (!Number.isFinite(value)) return markup``;
      const share = (Math.log(value) - low) / span;
      const ink = share > 0.45 ? "#fff" : "#1c2127";
      return markup`<rect x="${x(column)}" y="${y(row)}" width="${cell - 1}" height="${cell - 1}" fill="rgb(${colourOf(share).join(" ")})"/><text x="${x(column) + cell / 2}" y="${y(row) + cell / 2 + 4}" text-anchor="middle" fill="${ink}" font-size="11">${format(value)}</text>`;
    }),
  );
  const rings = values.map((line, row) => {
    const finite = line.filter(Number.isFinite);
    if (!markRows || finite.length === 0) return markup``;
    const column = line.indexOf(Math.min(...finite));
    return markup`<rect x="${x(column) + 1}" y="${y(row) + 1}" width="${cell - 3}" height="${cell - 3}" rx="5" fill="none" stroke="#0b5fc0" stroke-width="2.5"/>`;
  });
  const names = [
    ...rows.map(
      (text, row) =>
        markup`<text x="${x(0) - 6}" y="${y(row) + cell / 2 + 4}" text-anchor="end">${text}</text>`,
    ),
    ...columns.map(
      (text, column) =>
        markup`<text x="${x(column) + cell / 2}" y="${y(0) + cell + 14}" text-anchor="middle">${text}</text>`,
    ),
  ];
  const [middle, centre] = [
    x(0) + (columns.length * cell) / 2,
    y(0) + cell - (rows.length * cell) / 2,
  ];
  const labels = markup`<text x="${middle}" y="24" text-anchor="middle" font-size="15" font-weight="600">${title}</text><text x="${middle}" y="${y(0) + cell + 36}" text-anchor="middle">${xLabel}</text><text transform="translate(${left + 12} ${centre}) rotate(-90)" text-anchor="middle">${yLabel}</text>`;
  return markup`<g font-size="11" fill="#1c2127">${cells}${rings}${names}${labels}</g>`;
}

/**
 * Heat maps side by side as an SVG that stands alone or inside a report, on white.
 * @throws {ConfigError} if a map has another number of values than of labels.
 * @example
 * const map = { rows: ["1", "2"], columns: ["a"], values: [[3], [4]], title: "t", xLabel: "", yLabel: "" };
 * writeFileSync("map.svg", heatMaps([map], { domain: [1, 10] }).html);
 */
export function heatMaps(maps: readonly HeatMap[], options: HeatMapOptions): Markup {
  const { cell = 38 } = options;
  let [width, height] = [0, 0];
  const drawn = maps.map((map) => {
    const { rows, columns, values, title } = map;
    if (values.length !== rows.length || values.some((line) => line.length !== columns.length)) {
      throw new ConfigError(
        `heatMaps: values must be [${rows.length}, ${columns.length}] as the labels of "${title}" are`,
      );
    }
    const result = drawMap(map, options, width);
    width += margin.left + columns.length * cell + margin.right;
    height = Math.max(height, margin.top + rows.length * cell + margin.bottom);
    return result;
  });
  const label = maps.map(({ title }) => title).join("; ");
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" role="img" aria-label="${label}"><rect width="${width}" height="${height}" fill="#fff"/>${drawn}</svg>
`;
}
