import { createHash } from "node:crypto";
import { AthanorError } from "../../../base/errors.ts";
import type { DatasetFormat, DatasetRow, DatasetType, Turns } from "./dataset-row.ts";
import { isConversational } from "./dataset-row.ts";
import { extractPrompt } from "./convert-rows.ts";
import type { LengthSummary } from "./length-summary.ts";
import { summarizeLengths } from "./length-summary.ts";
import { parseRow, RowError } from "./parse-row.ts";
import type { PlacedRecord } from "./read-rows.ts";
import { streamRecords } from "./read-rows.ts";
import type { RowTokenizer } from "./row-tokenizer.ts";
import { tokenizeAnswer, tokenizeChat, tokenizePrompt, tokenizeText } from "./row-tokenizer.ts";
import type { TruncationOptions } from "./truncate.ts";
import { truncationOf } from "./truncate.ts";

/** Options of {@link checkDataset}. */
export interface CheckDatasetOptions extends TruncationOptions {
  /** Measures in its tokens. @defaultValue characters */
  readonly tokenizer?: RowTokenizer | undefined;
}

/** A row that cannot be read. */
export interface RowProblem {
  /** From 1. */
  readonly row: number;
  /** The column, or null if the row as a whole is wrong. */
  readonly column: string | null;
  /** One line. */
  readonly message: string;
}

/** Rows with something in common: how many, and the first few of them. */
export interface RowGroup {
  readonly count: number;
  /** Numbers from 1, at most 20. */
  readonly rows: readonly number[];
}

/** What {@link checkDataset} found. */
export interface DatasetReport {
  readonly path: string;
  /** All rows, right or wrong. */
  readonly rows: number;
  /** Null if no row could be read. */
  readonly type: DatasetType | null;
  readonly format: DatasetFormat | null;
  /** Whether rows can be trained on: nothing is wrong with any, and there are some. */
  readonly isUsable: boolean;
  readonly problems: { readonly count: number; readonly first: readonly RowProblem[] };
  /** Rows that an earlier row says word for word. */
  readonly duplicates: RowGroup;
  /** Pairs whose answers are the same: they teach nothing. */
  readonly identicalPairs: RowGroup;
  /** Rows with an answer (or text) without anything in it. */
  readonly emptyAnswers: RowGroup;
  /** Likes and dislikes, of datasets that have them. */
  readonly labels: { readonly liked: number; readonly disliked: number } | null;
  readonly unit: "characters" | "tokens";
  /** By part: prompt, completion, chosen, rejected, text; and total: the longest sequence of a row. */
  readonly lengths: Readonly<Record<string, LengthSummary>>;
  /** What `maxLength` would do; null without a tokenizer. */
  readonly truncation: {
    readonly maxLength: number;
    readonly truncated: number;
    /** Rows whose prompt leaves no place for an answer. */
    readonly dropped: number;
  } | null;
}

/** Most rows that a report names. */
const named = 20;

/**
 * Looks a dataset through before somebody trains on it: format, lengths, duplicates, pairs of equal
 * answers, empty answers, and what a maximal length would cut off. Reads all rows, wrong ones too.
 *
 * @throws {ConfigError} for files of another kind; {CheckpointError} for files that cannot be read.
 * @example const { isUsable, problems } = await checkDataset("pairs.jsonl");
 */
export async function checkDataset(
  path: string,
  options: CheckDatasetOptions = {},
): Promise<DatasetReport> {
  const inspection = new Inspection(options);
  for await (const record of streamRecords(path)) inspection.add(record);
  return inspection.report(path);
}

class Inspection {
  private readonly tokenizer: RowTokenizer | undefined;
  private readonly maxLength: number;
  private readonly dropsPrompts: boolean;
  private rows = 0;
  private type: DatasetType | undefined;
  private format: DatasetFormat | undefined;
  private problemCount = 0;
  private readonly problems: RowProblem[] = [];
  private readonly seen = new Set<string>();
  private readonly duplicates = new Group();
  private readonly identicalPairs = new Group();
  private readonly emptyAnswers = new Group();
  private readonly likes = { liked: 0, disliked: 0 };
  private readonly lengths = new Map<string, number[]>();
  private truncated = 0;
  private dropped = 0;

  constructor(options: CheckDatasetOptions) {
    const { maxLength, mode } = truncationOf(options);
    this.tokenizer = options.tokenizer;
    this.maxLength = maxLength;
    this.dropsPrompts = mode === "keep_start";
  }

  add({ record, number, where }: PlacedRecord): void {
    this.rows = number;
    try {
      const { type, row } = parseRow(record, where, this.type);
      this.type ??= type;
      this.format ??= formatOf(row);
      this.inspect(row, number);
    } catch (error) {
      // Anything that is wrong with a row, such as messages that the template refuses.
      if (!(error instanceof AthanorError)) throw error;
      this.problemCount++;
      if (this.problems.length >= named) return;
      const column = error instanceof RowError ? (error.column ?? null) : null;
      const message =
        error instanceof RowError ? error.message : `dataset: ${where}: ${error.message}`;
      this.problems.push({ row: number, column, message });
    }
  }

  private inspect(row: DatasetRow, number: number): void {
    const key = createHash("sha1").update(JSON.stringify(row)).digest("base64");
    if (this.seen.has(key)) this.duplicates.add(number);
    this.seen.add(key);
    const full = withPrompt(row);
    if ("chosen" in full && isEqual(full.chosen, full.rejected)) this.identicalPairs.add(number);
    if (answersOf(full).some(isEmpty)) this.emptyAnswers.add(number);
    if ("label" in full) this.likes[full.label ? "liked" : "disliked"]++;
    this.measure(measureRow(full, this.tokenizer));
  }

  private measure(parts: Readonly<Record<string, number>>): void {
    const { prompt = 0, text = 0, ...answers } = parts;
    const total = prompt + text + Math.max(0, ...Object.values(answers));
    for (const [name, length] of Object.entries({ ...parts, total })) {
      const list = this.lengths.get(name) ?? [];
      list.push(length);
      this.lengths.set(name, list);
    }
    if (this.dropsPrompts && prompt >= this.maxLength) this.dropped++;
    else if (total > this.maxLength) this.truncated++;
  }

  report(path: string): DatasetReport {
    const { tokenizer, type, maxLength, truncated, dropped } = this;
    const isLimited = tokenizer !== undefined && Number.isFinite(maxLength);
    const lengths = [...this.lengths].map(([name, all]) => [name, summarizeLengths(all)] as const);
    return {
      path,
      rows: this.rows,
      type: type ?? null,
      format: this.format ?? null,
      isUsable: this.problemCount === 0 && this.rows > 0,
      problems: { count: this.problemCount, first: this.problems },
      duplicates: this.duplicates,
      identicalPairs: this.identicalPairs,
      emptyAnswers: this.emptyAnswers,
      labels: type === "unpaired_preference" ? this.likes : null,
      unit: tokenizer === undefined ? "characters" : "tokens",
      lengths: Object.fromEntries(lengths),
      truncation: isLimited ? { maxLength, truncated, dropped } : null,
    };
  }
}

class Group implements RowGroup {
  count = 0;
  readonly rows: number[] = [];

  add(row: number): void {
    this.count++;
    if (this.rows.length < named) this.rows.push(row);
  }
}

function formatOf(row: DatasetRow): DatasetFormat {
  const { messages, prompt, chosen } = row as {
    readonly messages?: unknown;
    readonly prompt?: Turns;
    readonly chosen?: Turns;
  };
  const turns = prompt ?? chosen ?? "";
  return messages !== undefined || isConversational(turns) ? "conversational" : "standard";
}

function withPrompt(row: DatasetRow): DatasetRow {
  return "chosen" in row ? extractPrompt(row) : row;
}

const isEqual = (a: Turns, b: Turns): boolean => JSON.stringify(a) === JSON.stringify(b);

function isEmpty(turns: Turns): boolean {
  if (!isConversational(turns)) return turns.trim() === "";
  return turns.every(
    ({ content, tool_calls: calls }) =>
      calls == null && (content == null || (typeof content === "string" && content.trim() === "")),
  );
}

/** What of a row is learnt. */
function answersOf(row: DatasetRow): readonly Turns[] {
  if ("chosen" in row) return [row.chosen, row.rejected];
  if ("completions" in row) return row.completions;
  if ("completion" in row) return [row.completion];
  return "prompt" in row ? [row.prompt] : [row.messages ?? row.text ?? ""];
}

function measureRow(row: DatasetRow, tokenizer: RowTokenizer | undefined): Record<string, number> {
  const answers = namedAnswers(row);
  if (!("prompt" in row) || row.prompt === undefined) {
    const turns = "messages" in row || "text" in row ? (row.messages ?? row.text ?? "") : "";
    return {
      text: tokenizer === undefined ? characters(turns) : textTokens(row, turns, tokenizer),
    };
  }
  const { prompt } = row;
  if (tokenizer === undefined) {
    const entries = Object.entries(answers).map(([name, turns]) => [name, characters(turns)]);
    return { prompt: characters(prompt), ...Object.fromEntries(entries) };
  }
  const lengths = Object.entries(answers).map(([name, turns]) => {
    return [name, tokenizeAnswer(tokenizer, prompt, turns, row).answerIds.length] as const;
  });
  return {
    prompt: tokenizePrompt(tokenizer, prompt, row).length,
    ...Object.fromEntries(lengths),
  };
}

function namedAnswers(row: DatasetRow): Readonly<Record<string, Turns>> {
  if ("chosen" in row) return { chosen: row.chosen, rejected: row.rejected };
  if ("completions" in row) return { completion: row.completions.join("") };
  return "completion" in row ? { completion: row.completion } : {};
}

function characters(turns: Turns): number {
  if (!isConversational(turns)) return turns.length;
  return turns.reduce(
    (sum, { content }) =>
      sum + (typeof content === "string" ? content : JSON.stringify(content ?? "")).length,
    0,
  );
}

function textTokens(row: DatasetRow, turns: Turns, tokenizer: RowTokenizer): number {
  if (!isConversational(turns)) return tokenizeText(tokenizer, turns).length;
  return tokenizeChat(tokenizer, turns, row).ids.length;
}
