import type { JsonValue, Message } from "../../../text/chat-message.ts";

/** A turn of a conversation. */
export type ChatMessage = Message;

/** Text (standard format), or messages (conversational format). */
export type Turns = string | readonly ChatMessage[];

/** Columns that a row of any type may have. */
export interface CommonColumns {
  /** Descriptions of functions, for the chat template. */
  readonly tools?: readonly JsonValue[];
}

/** Text to continue: `text` or `messages`. */
export interface LanguageModelingRow extends CommonColumns {
  readonly text?: string;
  readonly messages?: readonly ChatMessage[];
}

/** A prompt to answer. */
export interface PromptOnlyRow extends CommonColumns {
  readonly prompt: Turns;
}

/** A prompt and its answer. */
export interface PromptCompletionRow extends PromptOnlyRow {
  readonly completion: Turns;
}

/** A better and a worse answer. Without a prompt, both begin with it. */
export interface PreferenceRow extends CommonColumns {
  readonly prompt?: Turns;
  readonly chosen: Turns;
  readonly rejected: Turns;
  /** By how much the chosen one is better. */
  readonly margin?: number;
}

/** An answer that was liked or not. */
export interface UnpairedRow extends PromptCompletionRow {
  readonly label: boolean;
}

/** An answer in steps, each right or wrong. */
export interface StepwiseRow extends CommonColumns {
  readonly prompt: string;
  readonly completions: readonly string[];
  readonly labels: readonly boolean[];
}

/** The row of each type of dataset, by the type's name in TRL. */
export interface DatasetRows {
  readonly language_modeling: LanguageModelingRow;
  readonly prompt_only: PromptOnlyRow;
  readonly prompt_completion: PromptCompletionRow;
  readonly preference: PreferenceRow;
  readonly unpaired_preference: UnpairedRow;
  readonly stepwise_supervision: StepwiseRow;
}

/** Names of the types of datasets. */
export type DatasetType = keyof DatasetRows;

/** A row of any type. */
export type DatasetRow = DatasetRows[DatasetType];

/** Strings, or lists of messages. */
export type DatasetFormat = "standard" | "conversational";

/** Whether turns are messages. */
export function isConversational(turns: Turns): turns is readonly ChatMessage[] {
  return typeof turns !== "string";
}

/** The columns that make a row one of a type; the first type whose columns are all there counts. */
export const typeColumns: readonly (readonly [DatasetType, readonly string[]])[] = [
  ["preference", ["chosen", "rejected"]],
  ["stepwise_supervision", ["prompt", "completions", "labels"]],
  ["unpaired_preference", ["prompt", "completion", "label"]],
  ["prompt_completion", ["prompt", "completion"]],
  ["language_modeling", ["messages"]],
  ["language_modeling", ["text"]],
  ["prompt_only", ["prompt"]],
];

/** The type of dataset that columns make, or undefined if they make none. */
export function datasetTypeOf(columns: readonly string[]): DatasetType | undefined {
  return typeColumns.find(([, needed]) => needed.every((name) => columns.includes(name)))?.[0];
}
