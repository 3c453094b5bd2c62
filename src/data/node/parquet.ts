import { CheckpointError } from "../../base/errors.ts";
import { ArrayDataset } from "../array-dataset.ts";
import type { ColumnTypes, Row } from "../table-columns.ts";
import { readRow, requireColumnTypes } from "../table-columns.ts";
import { explainReadError } from "./lines.ts";
import { optionalPackage } from "./optional-package.ts";
import { listOf, streamOf } from "./stream-of.ts";

/** Which columns to read, as what. */
export interface ParquetOptions<Columns extends ColumnTypes = ColumnTypes> {
  /** @defaultValue all, as they are; 64-bit integers become numbers */
  readonly columns?: Columns;
}

/** 64-bit integers as numbers, in lists and records too. */
function withNumbers(value: unknown, where: string): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new CheckpointError(
      `parquet: integers in ${where} must be at most 2^53, got ${value}; ` +
        "read the column by a function",
    );
  }
  if (Array.isArray(value)) return value.map((entry) => withNumbers(entry, where));
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof Date) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, entry]) => [key, withNumbers(entry, where)]));
}

/** Row group after row group, so that only one is in memory. */
async function* readRows(
  reader: string,
  path: string,
  columns: ColumnTypes | undefined,
): AsyncGenerator<Record<string, unknown>, void, void> {
  const parquet = await optionalPackage(reader, "hyparquet", () => import("hyparquet"));
  const { compressors } = await optionalPackage(
    reader,
    "hyparquet-compressors",
    () => import("hyparquet-compressors"),
  );
  try {
    const file = await parquet.asyncBufferFromFile(path);
    const metadata = await parquet.parquetMetadataAsync(file);
    const names = parquet.parquetSchema(metadata).children.map(({ element }) => element.name);
    const selected = columns === undefined ? undefined : Object.keys(columns);
    requireNames(names, selected, path);
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      const range = { rowStart: start, rowEnd: end, ...(selected && { columns: selected }) };
      const rows = await parquet.parquetReadObjects({ file, metadata, compressors, ...range });
      for (const [i, row] of rows.entries()) {
        const where = `row ${start + i} of ${path}`;
        if (columns !== undefined) yield readRow(row, columns, where);
        else yield withNumbers(row, where) as Record<string, unknown>;
      }
      start = end;
    }
  } catch (cause) {
    throw explainReadError(reader, path, cause);
  }
}

function requireNames(
  names: readonly string[],
  selected: readonly string[] | undefined,
  path: string,
): void {
  const missing = selected?.find((name) => !names.includes(name));
  if (missing === undefined) return;
  throw new CheckpointError(
    `parquet: ${path} must have the column "${missing}", got ${names.join(", ")}`,
  );
}

/**
 * The rows of a Parquet file, one after the other; a row group at a time is in memory. Needs the
 * npm packages `hyparquet` and `hyparquet-compressors`.
 */
export function streamParquet<Columns extends ColumnTypes>(
  path: string,
  options: { readonly columns: Columns },
): AsyncIterable<Row<Columns>>;
export function streamParquet(path: string): AsyncIterable<Record<string, unknown>>;
export function streamParquet(path: string, options: ParquetOptions = {}): AsyncIterable<unknown> {
  requireColumnTypes("streamParquet", options.columns);
  return streamOf(() => readRows("streamParquet", path, options.columns));
}

/**
 * The rows of a Parquet file as a dataset in memory. Needs the npm packages `hyparquet` and
 * `hyparquet-compressors`.
 *
 * @throws {CheckpointError} if the file is damaged or lacks a column; {ConfigError} if a package is
 *   not installed.
 */
export async function readParquet<Columns extends ColumnTypes>(
  path: string,
  options: { readonly columns: Columns },
): Promise<ArrayDataset<Row<Columns>>>;
export async function readParquet(path: string): Promise<ArrayDataset<Record<string, unknown>>>;
export async function readParquet(
  path: string,
  options: ParquetOptions = {},
): Promise<ArrayDataset<Record<string, unknown>>> {
  requireColumnTypes("readParquet", options.columns);
  return new ArrayDataset(await listOf(readRows("readParquet", path, options.columns)));
}
