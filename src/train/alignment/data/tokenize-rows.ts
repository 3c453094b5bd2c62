import { ConfigError } from "../../../base/errors.ts";
import type {
  LanguageModelingRow,
  PreferenceRow,
  PromptCompletionRow,
  PromptOnlyRow,
  StepwiseRow,
  UnpairedRow,
} from "./dataset-row.ts";
import { extractPrompt } from "./convert-rows.ts";
import type { PromptAndAnswer, RowTokenizer } from "./row-tokenizer.ts";
import { tokenizeAnswer, tokenizeChat, tokenizePrompt, tokenizeText } from "./row-tokenizer.ts";
import type { TruncationCounts, TruncationOptions } from "./truncate.ts";
import { keepPart, noTruncation, truncationOf } from "./truncate.ts";

/** A sequence and which of its tokens are learnt. */
export interface SequenceExample {
  readonly inputIds: readonly number[];
  /** 1 where the token is learnt. */
  readonly completionMask: readonly number[];
}

/** A prompt and two answers. */
export interface PreferenceExample {
  readonly promptIds: readonly number[];
  readonly chosenIds: readonly number[];
  readonly rejectedIds: readonly number[];
  readonly margin?: number | undefined;
}

/** A prompt and an answer that was liked or not. */
export interface UnpairedExample {
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
  readonly label: boolean;
}

/** A prompt. */
export interface PromptExample {
  readonly promptIds: readonly number[];
}

/** Examples, and what truncation did. */
export interface Tokenized<Example> {
  readonly examples: Example[];
  readonly counts: TruncationCounts;
}

/** Options of {@link tokenizeSequences}. */
export interface SequenceOptions extends TruncationOptions {
  /** Whether prompts are learnt too. @defaultValue true for rows with a completion */
  readonly completionOnlyLoss?: boolean | undefined;
  /** Whether only what the assistant says is learnt; needs a template with marks. @defaultValue false */
  readonly assistantOnlyLoss?: boolean | undefined;
}

/**
 * Rows of text, messages, or prompts with completions as sequences for supervised fine-tuning.
 * Sequences in which truncation leaves nothing to learn are left out and counted.
 *
 * @throws {ConfigError} without an eos token, without a chat template for messages, or with
 *   `assistantOnlyLoss` for a template that does not mark what the assistant says.
 */
export function tokenizeSequences(
  rows: readonly (LanguageModelingRow | PromptCompletionRow)[],
  tokenizer: RowTokenizer,
  options: SequenceOptions = {},
): Tokenized<SequenceExample> {
  const { maxLength, mode } = truncationOf(options);
  const counts = noTruncation();
  const examples = rows.flatMap((row) => {
    const { inputIds, completionMask } = sequenceOf(row, tokenizer, options, counts);
    countLoss(counts, inputIds.length, maxLength);
    const example = {
      inputIds: keepPart(inputIds, maxLength, mode),
      completionMask: keepPart(completionMask, maxLength, mode),
    };
    // The first token of a sequence follows nothing, so it cannot be learnt.
    if (example.completionMask.indexOf(1, 1) > 0) return [example];
    counts.dropped++;
    return [];
  });
  return { examples, counts };
}

function sequenceOf(
  row: LanguageModelingRow | PromptCompletionRow,
  tokenizer: RowTokenizer,
  { completionOnlyLoss = true, assistantOnlyLoss = false }: SequenceOptions,
  counts: TruncationCounts,
): SequenceExample {
  if ("prompt" in row) {
    const found = tokenizeAnswer(tokenizer, row.prompt, row.completion, row);
    countAnswer(counts, found);
    const first = completionOnlyLoss ? 0 : 1;
    const { promptIds, answerIds } = found;
    return {
      inputIds: [...promptIds, ...answerIds],
      completionMask: [...promptIds.map(() => first), ...answerIds.map(() => 1)],
    };
  }
  if (row.messages === undefined) {
    const inputIds = tokenizeText(tokenizer, row.text ?? "");
    return { inputIds, completionMask: inputIds.map(() => 1) };
  }
  const { ids, assistantMask } = tokenizeChat(tokenizer, row.messages, row);
  if (!assistantOnlyLoss) return { inputIds: [...ids], completionMask: [...ids].map(() => 1) };
  if (assistantMask === null) {
    throw new ConfigError(
      `tokenizeSequences: assistantOnlyLoss must have a chat template that marks the assistant's ` +
        `turns by {% generation %}, got ${tokenizer.name} without; use prompts and completions`,
    );
  }
  return { inputIds: [...ids], completionMask: assistantMask.map(Number) };
}

/**
 * Pairs of answers as tokens, of explicit or implicit prompts. Pairs whose prompt alone fills
 * `maxLength` are left out and counted when the start is kept: no token of the answers would remain.
 */
export function tokenizePreferences(
  rows: readonly PreferenceRow[],
  tokenizer: RowTokenizer,
  options: TruncationOptions = {},
): Tokenized<PreferenceExample> {
  const { maxLength, mode } = truncationOf(options);
  const counts = noTruncation();
  const examples = rows.flatMap((given) => {
    const row = extractPrompt(given);
    const chosen = tokenizeAnswer(tokenizer, row.prompt, row.chosen, row);
    const rejected = tokenizeAnswer(tokenizer, row.prompt, row.rejected, row);
    countAnswer(counts, chosen);
    countAnswer(counts, rejected);
    // Templates may cut prompts at different places: the shorter one is the prompt of both.
    const length = Math.min(chosen.promptIds.length, rejected.promptIds.length);
    const promptIds = chosen.promptIds.slice(0, length);
    if (mode === "keep_start" && length >= maxLength) {
      counts.dropped++;
      return [];
    }
    const example: PreferenceExample = {
      promptIds,
      chosenIds: [...chosen.promptIds.slice(length), ...chosen.answerIds],
      rejectedIds: [...rejected.promptIds.slice(length), ...rejected.answerIds],
      ...(row.margin !== undefined && { margin: row.margin }),
    };
    countLoss(counts, length + example.chosenIds.length, maxLength);
    countLoss(counts, length + example.rejectedIds.length, maxLength);
    return [example];
  });
  return { examples, counts };
}

/** Likes as tokens; rows are left out as by {@link tokenizePreferences}. */
export function tokenizeUnpaired(
  rows: readonly UnpairedRow[],
  tokenizer: RowTokenizer,
  options: TruncationOptions = {},
): Tokenized<UnpairedExample> {
  const { maxLength, mode } = truncationOf(options);
  const counts = noTruncation();
  const examples = rows.flatMap((row) => {
    const found = tokenizeAnswer(tokenizer, row.prompt, row.completion, row);
    const { promptIds, answerIds: completionIds } = found;
    countAnswer(counts, found);
    if (mode === "keep_start" && promptIds.length >= maxLength) {
      counts.dropped++;
      return [];
    }
    countLoss(counts, promptIds.length + completionIds.length, maxLength);
    return [{ promptIds, completionIds, label: row.label }];
  });
  return { examples, counts };
}

/** Prompts as tokens; those longer than `maxLength` are left out and counted. */
export function tokenizePrompts(
  rows: readonly PromptOnlyRow[],
  tokenizer: RowTokenizer,
  options: TruncationOptions = {},
): Tokenized<PromptExample> {
  const { maxLength } = truncationOf(options);
  const counts = noTruncation();
  const examples = rows.flatMap((row) => {
    const promptIds = tokenizePrompt(tokenizer, row.prompt, row);
    if (promptIds.length <= maxLength) return [{ promptIds }];
    counts.dropped++;
    return [];
  });
  return { examples, counts };
}

/** Steps and whether they are right, at the last token of each step; −100 elsewhere. */
export interface StepwiseExample {
  readonly inputIds: readonly number[];
  readonly labels: readonly number[];
}

/** Answers in steps as tokens, with the separator behind each step. */
export function tokenizeSteps(
  rows: readonly StepwiseRow[],
  tokenizer: RowTokenizer,
  options: TruncationOptions & { readonly stepSeparator?: string | undefined } = {},
): Tokenized<StepwiseExample> {
  const { maxLength, mode } = truncationOf(options);
  const { stepSeparator = "\n" } = options;
  const counts = noTruncation();
  const examples = rows.flatMap((row) => {
    const inputIds = tokenizePrompt(tokenizer, row.prompt, row);
    const labels = inputIds.map(() => -100);
    for (const [i, step] of row.completions.entries()) {
      const ids = plainTokens(tokenizer, step + stepSeparator);
      inputIds.push(...ids);
      labels.push(...ids.map((_, k) => (k === ids.length - 1 ? Number(row.labels[i]) : -100)));
    }
    countLoss(counts, inputIds.length, maxLength);
    const kept = keepPart(labels, maxLength, mode);
    if (kept.some((label) => label >= 0)) {
      return [{ inputIds: keepPart(inputIds, maxLength, mode), labels: kept }];
    }
    counts.dropped++;
    return [];
  });
  return { examples, counts };
}

function plainTokens(tokenizer: RowTokenizer, text: string): readonly number[] {
  if ("applyChatTemplate" in tokenizer) {
    return [...tokenizer.encode(text, { addSpecialTokens: false })];
  }
  return [...tokenizer.encode(text)];
}

function countAnswer(counts: TruncationCounts, { answerIds, isSplit }: PromptAndAnswer): void {
  if (isSplit) counts.splitBoundaries++;
  if (answerIds.length <= 1) counts.emptyAnswers++;
}

function countLoss(counts: TruncationCounts, length: number, maxLength: number): void {
  if (length <= maxLength) return;
  counts.truncated++;
  counts.lostTokens += length - maxLength;
}
