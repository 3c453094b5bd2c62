import { readFile } from "node:fs/promises";
import { CheckpointError, ConfigError } from "../../../base/errors.ts";
import { streamCsv } from "../../../data/node/csv.ts";
import { streamJsonl } from "../../../data/node/jsonl.ts";
import { streamParquet } from "../../../data/node/parquet.ts";
import type { DatasetRow, DatasetType } from "./dataset-row.ts";
import { parseRow } from "./parse-row.ts";

/** A record and its place in the file. */
export interface PlacedRecord {
  readonly record: unknown;
  /** From 1. */
  readonly number: number;
  /** `row 3 of data.jsonl`. */
  readonly where: string;
}

/** A dataset in memory. */
export interface LoadedRows {
  readonly type: DatasetType;
  readonly rows: readonly DatasetRow[];
}

/**
 * The records of a `.jsonl` (or `.ndjson`), `.json` (a list), `.csv`, `.tsv` or `.parquet` file, one
 * after the other; the first three may end in `.gz`, `.json` aside.
 *
 * @throws {ConfigError} for other endings; {CheckpointError} for damaged files.
 */
export async function* streamRecords(path: string): AsyncGenerator<PlacedRecord, void, void> {
  let number = 0;
  for await (const record of sourceOf(path)) {
    number++;
    yield { record, number, where: `row ${number} of ${path}` };
  }
}

function sourceOf(path: string): AsyncIterable<unknown> {
  const ending = /\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  if (ending === "jsonl" || ending === "ndjson") return streamJsonl(path);
  if (ending === "csv" || ending === "tsv") return streamCsv(path);
  if (ending === "parquet") return streamParquet(path);
  if (ending === "json") return readList(path);
  throw new ConfigError(
    `dataset: files must end in .jsonl, .json, .csv, .tsv or .parquet, got ${path}; ` +
      "convert it to one object per line",
  );
}

async function* readList(path: string): AsyncGenerator<unknown, void, void> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(`dataset: ${path} must be a JSON list, got ${reason}`, { cause });
  }
  if (!Array.isArray(value)) {
    throw new CheckpointError(`dataset: ${path} must be a JSON list, got ${typeof value}`);
  }
  yield* value;
}

/**
 * Reads a dataset and checks every row.
 *
 * @throws {CheckpointError} in one line with row and column for the first row that is wrong, and for
 *   files without rows.
 * @example const { type, rows } = await readDatasetRows("likes.jsonl");
 */
export async function readDatasetRows(path: string): Promise<LoadedRows> {
  const rows: DatasetRow[] = [];
  let type: DatasetType | undefined;
  for await (const { record, where } of streamRecords(path)) {
    const parsed = parseRow(record, where, type);
    type = parsed.type;
    rows.push(parsed.row);
  }
  if (type !== undefined) return { type, rows };
  throw new CheckpointError(`dataset: ${path} must have at least one row, got none`);
}
