import { CheckpointError } from "../../../base/errors.ts";
import { nearestName } from "../../../base/nearest-name.ts";
import type { JsonValue } from "../../../text/chat-message.ts";
import type { ChatMessage, DatasetRow, DatasetType, Turns } from "./dataset-row.ts";
import { datasetTypeOf, typeColumns } from "./dataset-row.ts";

/** A row of a file that was read, and what it is. */
export interface ParsedRow {
  readonly type: DatasetType;
  readonly row: DatasetRow;
}

/** A cell that is not what its column needs. */
export class RowError extends CheckpointError {
  /** The column, or undefined if the row as a whole is wrong. */
  readonly column: string | undefined;

  constructor(where: string, column: string | undefined, problem: string) {
    const place = column === undefined ? where : `${where}, column "${column}"`;
    super(`dataset: ${place}: ${problem}`, { details: { where, column } });
    this.column = column;
  }
}

/**
 * Reads a record as a row of the type that its columns make. Chats in the form of
 * `{"conversations": [{"from": "human", "value": …}]}` become messages.
 *
 * @param where - the record's place, such as `line 3 of data.jsonl`.
 * @param expected - the type that the rows before had.
 * @throws {RowError} in one line with row and column.
 */
export function parseRow(record: unknown, where: string, expected?: DatasetType): ParsedRow {
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new RowError(where, undefined, `must be an object, got ${show(record)}`);
  }
  const cells = withMessages(record as Cells, where);
  const type = datasetTypeOf(Object.keys(cells).filter((name) => cells[name] != null));
  if (type === undefined) throw new RowError(where, undefined, unknownColumns(cells));
  if (expected !== undefined && type !== expected) {
    throw new RowError(where, undefined, `must be of type ${expected} as before, got ${type}`);
  }
  const row = readers[type](cells, where);
  const { tools } = cells;
  return { type, row: tools == null ? row : { ...row, tools: parseTools(tools, where) } };
}

type Cells = Readonly<Record<string, unknown>>;

const readers: Readonly<Record<DatasetType, (cells: Cells, where: string) => DatasetRow>> = {
  language_modeling: (cells, where) =>
    cells["messages"] == null
      ? { text: textOf(cells, "text", where) }
      : { messages: messagesOf(cells["messages"], "messages", where) },
  prompt_only: (cells, where) => ({ prompt: turnsOf(cells, "prompt", where) }),
  prompt_completion: (cells, where) => {
    const prompt = turnsOf(cells, "prompt", where);
    return { prompt, completion: turnsOf(cells, "completion", where, prompt) };
  },
  preference: (cells, where) => {
    const { prompt: given, margin } = cells;
    const prompt = given == null ? undefined : turnsOf(cells, "prompt", where);
    const chosen = turnsOf(cells, "chosen", where, prompt);
    const rejected = turnsOf(cells, "rejected", where, chosen);
    return {
      ...(prompt !== undefined && { prompt }),
      chosen,
      rejected,
      ...(margin != null && { margin: numberOf(margin, "margin", where) }),
    };
  },
  unpaired_preference: (cells, where) => {
    const prompt = turnsOf(cells, "prompt", where);
    const completion = turnsOf(cells, "completion", where, prompt);
    return { prompt, completion, label: labelOf(cells["label"], "label", where) };
  },
  stepwise_supervision: (cells, where) => {
    const completions = listOf(cells["completions"], "completions", where).map((step, i) => {
      if (typeof step === "string") return step;
      throw new RowError(where, "completions", `step ${i} must be a string, got ${show(step)}`);
    });
    const labels = listOf(cells["labels"], "labels", where).map((label) =>
      labelOf(label, "labels", where),
    );
    if (labels.length !== completions.length) {
      const problem = `must have one label per step, got ${labels.length} for ${completions.length}`;
      throw new RowError(where, "labels", problem);
    }
    return { prompt: textOf(cells, "prompt", where), completions, labels };
  },
};

/** ShareGPT's names of roles. */
const shareGptRoles: Readonly<Record<string, string>> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
  system: "system",
  tool: "tool",
};

function withMessages(cells: Cells, where: string): Cells {
  const { conversations, ...rest } = cells;
  if (conversations === undefined || "messages" in cells) return cells;
  const messages = listOf(conversations, "conversations", where).map((turn, i) => {
    const { from, value } = (turn ?? {}) as { readonly from?: unknown; readonly value?: unknown };
    const role = typeof from === "string" ? (shareGptRoles[from] ?? from) : undefined;
    if (role !== undefined && typeof value === "string") return { role, content: value };
    if (typeof (turn as ChatMessage | null)?.role === "string") return turn;
    const problem = `message ${i} must be {"from": …, "value": …}, got ${show(turn)}`;
    throw new RowError(where, "conversations", problem);
  });
  return { ...rest, messages };
}

function turnsOf(cells: Cells, column: string, where: string, like?: Turns): Turns {
  const value = cells[column];
  const turns =
    typeof value === "string" ? value : messagesOf(value, column, where, "a string or ");
  if (like !== undefined && typeof like !== typeof turns) {
    const kinds = typeof like === "string" ? "strings" : "lists of messages";
    throw new RowError(
      where,
      column,
      `must be as the columns before (${kinds}), got ${show(value)}`,
    );
  }
  return turns;
}

function textOf(cells: Cells, column: string, where: string): string {
  const value = cells[column];
  if (typeof value === "string") return value;
  throw new RowError(where, column, `must be a string, got ${show(value)}`);
}

function messagesOf(
  value: unknown,
  column: string,
  where: string,
  or = "",
): readonly ChatMessage[] {
  if (!Array.isArray(value)) {
    throw new RowError(where, column, `must be ${or}a list of messages, got ${show(value)}`);
  }
  value.forEach((message: unknown, i) => {
    const role = (message as ChatMessage | null)?.role;
    if (typeof role === "string" && role !== "") return;
    const problem = `message ${i} must have a role and content, got ${show(message)}`;
    throw new RowError(where, column, problem);
  });
  return value as readonly ChatMessage[];
}

function listOf(value: unknown, column: string, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new RowError(where, column, `must be a list, got ${show(value)}`);
}

function numberOf(value: unknown, column: string, where: string): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new RowError(where, column, `must be a finite number, got ${show(value)}`);
}

/** Labels as JSON, CSV and Parquet have them. */
function labelOf(value: unknown, column: string, where: string): boolean {
  const word = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (word === true || word === 1 || word === "true" || word === "1") return true;
  if (word === false || word === 0 || word === "false" || word === "0") return false;
  throw new RowError(where, column, `must be true or false, got ${show(value)}`);
}

/** Tables without nested columns have tools as JSON. */
function parseTools(tools: unknown, where: string): readonly JsonValue[] {
  try {
    const list: unknown = typeof tools === "string" ? JSON.parse(tools) : tools;
    if (Array.isArray(list)) return list as readonly JsonValue[];
  } catch {
    // Falls through to the refusal.
  }
  throw new RowError(where, "tools", `must be a list, or one as JSON, got ${show(tools)}`);
}

function unknownColumns(cells: Cells): string {
  const columns = Object.keys(cells);
  const known = [...new Set(typeColumns.flatMap(([, needed]) => needed))];
  const near = columns
    .filter((name) => !known.includes(name))
    .map((name) => [name, nearestName(name, known)] as const)
    .find(([, nearest]) => nearest !== undefined);
  const advice = near === undefined ? "" : `; did you mean "${near[1]}" by "${near[0]}"?`;
  const sets = typeColumns.map(([, needed]) => needed.join("+")).join(", ");
  return `must have the columns ${sets}, got ${columns.join(", ") || "none"}${advice}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
