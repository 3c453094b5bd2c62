import { CheckpointError, ConfigError } from "../base/errors.ts";

/** Types of a table's columns, or a function that reads a cell. */
export type ColumnType = "string" | "number" | "integer" | "boolean" | ((cell: unknown) => unknown);

/** The names and types of the columns to read. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

interface NamedTypes {
  readonly string: string;
  readonly number: number;
  readonly integer: number;
  readonly boolean: boolean;
}

/** What a cell is read as. */
export type Cell<Type extends ColumnType> = Type extends keyof NamedTypes
  ? NamedTypes[Type]
  : Type extends (cell: unknown) => infer Value
    ? Value
    : never;

/** A row of a table with the given columns. */
export type Row<Columns extends ColumnTypes> = {
  -readonly [Name in keyof Columns]: Cell<Columns[Name]>;
};

/** Reads a cell as a type; undefined if it is none. */
const readers: Readonly<Record<keyof NamedTypes, (cell: unknown) => unknown>> = {
  string: (cell) => (typeof cell === "string" ? cell : undefined),
  number: readNumber,
  integer: (cell) => {
    const value = readNumber(cell);
    return Number.isSafeInteger(value) ? value : undefined;
  },
  boolean: (cell) => {
    if (typeof cell === "boolean") return cell;
    const word = typeof cell === "string" ? cell.trim().toLowerCase() : cell;
    if (word === "true" || word === "1" || word === 1) return true;
    return word === "false" || word === "0" || word === 0 ? false : undefined;
  },
};

function readNumber(cell: unknown): number | undefined {
  if (typeof cell === "number") return cell;
  if (typeof cell === "bigint") {
    return Number.isSafeInteger(Number(cell)) ? Number(cell) : undefined;
  }
  if (typeof cell !== "string" || cell.trim() === "") return undefined;
  const value = Number(cell);
  return Number.isNaN(value) && cell.trim().toLowerCase() !== "nan" ? undefined : value;
}

function show(cell: unknown): string {
  const text = typeof cell === "bigint" ? `${cell}n` : (JSON.stringify(cell) ?? String(cell));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/**
 * @internal Makes rows of records.
 *
 * @param where - the record's place, such as "line 3 of data.csv".
 * @throws {CheckpointError} if a column is missing, or a cell is not of the column's type.
 */
export function readRow(
  record: Readonly<Record<string, unknown>>,
  columns: ColumnTypes,
  where: string,
): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(columns)) {
    if (!Object.hasOwn(record, name)) {
      throw new CheckpointError(
        `table: ${where} must have the column "${name}", got ${Object.keys(record).join(", ")}`,
      );
    }
    const cell = record[name];
    const value = typeof type === "function" ? type(cell) : readers[type](cell);
    if (value === undefined && typeof type !== "function") {
      throw new CheckpointError(
        `table: "${name}" in ${where} must be a ${type}, got ${show(cell)}; ` +
          "repair it or read the column by a function",
      );
    }
    row[name] = value;
  }
  return row;
}

/** @internal Refuses unknown column types. */
export function requireColumnTypes(name: string, columns: ColumnTypes | undefined): void {
  for (const [column, type] of Object.entries(columns ?? {})) {
    if (typeof type === "function" || Object.hasOwn(readers, type)) continue;
    throw new ConfigError(
      `${name}: column types must be ${Object.keys(readers).join(", ")} or functions, ` +
        `got ${String(type)} for "${column}"`,
    );
  }
}
