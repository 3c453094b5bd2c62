import { pipeline } from "node:stream";
import { Readable } from "node:stream";
import { CheckpointError } from "../../base/errors.ts";
import { ArrayDataset } from "../array-dataset.ts";
import type { ColumnTypes, Row } from "../table-columns.ts";
import { readRow, requireColumnTypes } from "../table-columns.ts";
import { explainReadError, openBytes } from "./lines.ts";
import { optionalPackage } from "./optional-package.ts";
import { listOf, streamOf } from "./stream-of.ts";

/** How a table of text is written and what to read of it. */
export interface CsvOptions<Columns extends ColumnTypes = ColumnTypes> {
  /** @defaultValue all, as strings */
  readonly columns?: Columns;
  /** @defaultValue a tab for `.tsv` files, else a comma */
  readonly delimiter?: string;
  /** Names of the columns, if the file's first line does not have them. */
  readonly header?: readonly string[];
  /** Character that encloses cells, or null if none does. @defaultValue '"' */
  readonly quote?: string | null;
  /** Character that begins a comment. */
  readonly comment?: string;
}

function requireDistinct(names: readonly string[], path: string): string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return [...names];
  throw new CheckpointError(
    `csv: the columns of ${path} must have different names, got "${twice}" twice; ` +
      "give other names by header",
  );
}

async function* readRows(
  reader: string,
  path: string,
  options: CsvOptions,
): AsyncGenerator<Record<string, unknown>, void, void> {
  const { parse } = await optionalPackage(reader, "csv-parse", () => import("csv-parse"));
  const { columns, delimiter = /\.tsv(\.gz)?$/.test(path) ? "\t" : ",", header, comment } = options;
  const parser = parse({
    bom: true,
    columns: header === undefined ? (names) => requireDistinct(names, path) : [...header],
    delimiter,
    quote: options.quote === undefined ? '"' : options.quote,
    ...(comment !== undefined && { comment }),
    info: true,
    skip_empty_lines: true,
  });
  const records = pipeline(Readable.from(openBytes(path)), parser, () => {});
  try {
    for await (const { record, info } of records) {
      if (columns === undefined) yield record;
      else yield readRow(record, columns, `line ${info.lines} of ${path}`);
    }
  } catch (cause) {
    throw explainReadError(reader, path, cause);
  }
}

/**
 * The rows of a table of comma- or tab-separated values, one after the other; `.gz` files are
 * decompressed. Needs the npm package `csv-parse`.
 */
export function streamCsv<Columns extends ColumnTypes>(
  path: string,
  options: CsvOptions<Columns> & { readonly columns: Columns },
): AsyncIterable<Row<Columns>>;
export function streamCsv(
  path: string,
  options?: CsvOptions,
): AsyncIterable<Record<string, string>>;
export function streamCsv(path: string, options: CsvOptions = {}): AsyncIterable<unknown> {
  requireColumnTypes("streamCsv", options.columns);
  return streamOf(() => readRows("streamCsv", path, options));
}

/**
 * The rows of a table of comma- or tab-separated values as a dataset in memory. Needs the npm
 * package `csv-parse`.
 *
 * @throws {CheckpointError} with the line's number if a row is damaged or a cell of another type;
 *   {ConfigError} if `csv-parse` is not installed.
 * @example
 * const houses = await readCsv("houses.csv", { columns: { rooms: "integer", price: "number" } });
 * houses.get(0).price;
 */
export async function readCsv<Columns extends ColumnTypes>(
  path: string,
  options: CsvOptions<Columns> & { readonly columns: Columns },
): Promise<ArrayDataset<Row<Columns>>>;
export async function readCsv(
  path: string,
  options?: CsvOptions,
): Promise<ArrayDataset<Record<string, string>>>;
export async function readCsv(
  path: string,
  options: CsvOptions = {},
): Promise<ArrayDataset<Record<string, unknown>>> {
  requireColumnTypes("readCsv", options.columns);
  return new ArrayDataset(await listOf(readRows("readCsv", path, options)));
}
