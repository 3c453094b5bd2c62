import { CheckpointError } from "../../base/errors.ts";
import { ArrayDataset } from "../array-dataset.ts";
import type { ColumnTypes, Row } from "../table-columns.ts";
import { readRow, requireColumnTypes } from "../table-columns.ts";
import { readLineTexts } from "./lines.ts";
import { listOf, streamOf } from "./stream-of.ts";

/** Which members of the records to read, as what. */
export interface JsonlOptions<Columns extends ColumnTypes> {
  /** @defaultValue all, as they are */
  readonly columns?: Columns;
}

async function* readRecords(
  reader: string,
  path: string,
  columns: ColumnTypes | undefined,
): AsyncGenerator<unknown, void, void> {
  let number = 0;
  for await (const line of readLineTexts(reader, path)) {
    number++;
    if (line.trim() === "") continue;
    const where = `line ${number} of ${path}`;
    const value = parse(line, reader, where);
    if (columns === undefined) yield value;
    else yield readRow(recordOf(value, reader, where), columns, where);
  }
}

function parse(line: string, reader: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const start = line.length > 60 ? `${line.slice(0, 60)}…` : line;
    throw new CheckpointError(`${reader}: ${where} must be JSON, got ${start}`, { cause });
  }
}

function recordOf(value: unknown, reader: string, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new CheckpointError(
    `${reader}: ${where} must be an object to select columns, got ${JSON.stringify(value)}`,
  );
}

/**
 * The values of a JSON-lines file, one after the other; empty lines are skipped and `.gz` files
 * decompressed. A damaged line throws a CheckpointError with its number.
 *
 * @example
 * const file = streamJsonl("chats.jsonl", { columns: { prompt: "string", score: "number" } });
 * for await (const { prompt, score } of file) console.log(score, prompt);
 */
export function streamJsonl<Columns extends ColumnTypes>(
  path: string,
  options: { readonly columns: Columns },
): AsyncIterable<Row<Columns>>;
export function streamJsonl(path: string): AsyncIterable<unknown>;
export function streamJsonl(
  path: string,
  options: JsonlOptions<ColumnTypes> = {},
): AsyncIterable<unknown> {
  requireColumnTypes("streamJsonl", options.columns);
  return streamOf(() => readRecords("streamJsonl", path, options.columns));
}

/**
 * The values of a JSON-lines file as a dataset in memory.
 *
 * @throws {CheckpointError} with the line's number if one is damaged.
 */
export async function readJsonl<Columns extends ColumnTypes>(
  path: string,
  options: { readonly columns: Columns },
): Promise<ArrayDataset<Row<Columns>>>;
export async function readJsonl(path: string): Promise<ArrayDataset<unknown>>;
export async function readJsonl(
  path: string,
  options: JsonlOptions<ColumnTypes> = {},
): Promise<ArrayDataset<unknown>> {
  requireColumnTypes("readJsonl", options.columns);
  return new ArrayDataset(await listOf(readRecords("readJsonl", path, options.columns)));
}
