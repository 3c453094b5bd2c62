import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "../../../base/errors.ts";
import { explainWriteError } from "../../../io/atomic-file.ts";
import type { RunLogger } from "./run-logger.ts";

/** Rows of a file of numbers, by column; cells that were empty are missing. */
export type CsvRows = readonly Readonly<Record<string, number>>[];

/** The column that counts steps. */
const stepColumn = "time/total_timesteps";

/**
 * Writes a table with a column for each number, as Stable-Baselines3's `progress.csv`. A name that
 * comes later adds a column, for which the file is written anew.
 *
 * @param options.keepUntil - a resumed run keeps the rows of an existing file up to this step.
 *   @defaultValue none
 * @throws {CheckpointError} if the file cannot be written, such as on a full disk.
 */
export function csvLogger(path: string, options: { readonly keepUntil?: number } = {}): RunLogger {
  const { keepUntil = -1 } = options;
  const rows: Readonly<Record<string, number>>[] = readCsv(path).filter(
    (row) => row[stepColumn] <= keepUntil,
  );
  let columns = [...new Set([stepColumn, ...rows.flatMap(Object.keys)])];
  let file: number | null = null;
  let written = 0;
  const attempt = <T>(write: () => T): T => {
    try {
      return write();
    } catch (error) {
      throw explainWriteError(error, path, written);
    }
  };
  const append = (to: number, cells: readonly (string | number)[]): void => {
    written += attempt(() => writeSync(to, `${cells.join(",")}\n`));
  };
  const cellsOf = (row: Readonly<Record<string, number>>): (string | number)[] =>
    columns.map((column) => row[column] ?? "");
  const begin = (): number => {
    if (file !== null) closeSync(file);
    const opened = attempt(() => {
      mkdirSync(dirname(path), { recursive: true });
      return openSync(path, "w");
    });
    append(opened, columns);
    for (const row of rows) append(opened, cellsOf(row));
    return opened;
  };
  file = begin();
  return {
    write(step, values) {
      if (file === null) {
        throw new UsageError(`csvLogger: ${path} was closed; a training takes a new logger`);
      }
      const row = { ...values, [stepColumn]: step };
      rows.push(row);
      const added = Object.keys(row).filter((name) => !columns.includes(name));
      columns = [...columns, ...added];
      if (added.length > 0) file = begin();
      else append(file, cellsOf(row));
    },
    close() {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/** The rows of a file that {@link csvLogger} wrote; none if there is no file. */
export function readCsv(path: string): CsvRows {
  if (!existsSync(path)) return [];
  const [header = "", ...lines] = readFileSync(path, "utf8").split("\n");
  const columns = header.split(",");
  return (
    lines
      .map((line) => line.split(","))
      // A last line cut by a kill has too few cells.
      .filter((cells) => cells.length === columns.length)
      .map((cells) =>
        Object.fromEntries(
          cells.flatMap((cell, i) => (cell === "" ? [] : [[columns[i], Number(cell)] as const])),
        ),
      )
  );
}
