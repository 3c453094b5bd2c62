import { ConfigError } from "../../../base/errors.ts";
import type { ChatTokens } from "../../../text/chat-message.ts";
import type { TextTokenizer, Tokenizer } from "../../../text/tokenizer.ts";
import type { ChatMessage, CommonColumns, Turns } from "./dataset-row.ts";
import { isConversational } from "./dataset-row.ts";
import { joinTurns } from "./convert-rows.ts";

/** What tokenizes rows: conversations need a {@link TextTokenizer} with a chat template. */
export type RowTokenizer = Tokenizer | TextTokenizer;

/** A prompt and what follows it, as tokens. */
export interface PromptAndAnswer {
  readonly promptIds: readonly number[];
  readonly answerIds: readonly number[];
  /** Whether the prompt's tokens are not how the whole text begins: see {@link tokenizeAnswer}. */
  readonly isSplit: boolean;
}

const hasTemplate = (tokenizer: RowTokenizer): tokenizer is TextTokenizer =>
  "applyChatTemplate" in tokenizer;

/** The token that ends answers. @throws {ConfigError} if the tokenizer has none. */
export function endOfAnswer(tokenizer: RowTokenizer): number {
  const id = hasTemplate(tokenizer) ? tokenizer.eosToken?.id : tokenizer.endOfText;
  if (id !== undefined && id >= 0) return id;
  throw new ConfigError(
    `tokenize: ${tokenizer.name} must have an eos token, got none; ` +
      "name one in tokenizer_config.json, or no answer will ever end",
  );
}

/** The token that fills rows up: the pad token, or the one that ends answers. */
export function paddingToken(tokenizer: RowTokenizer): number {
  const id = hasTemplate(tokenizer) ? tokenizer.padToken?.id : undefined;
  return id ?? endOfAnswer(tokenizer);
}

/** The tokens of a conversation. @throws {ConfigError} if the tokenizer has no chat template. */
export function tokenizeChat(
  tokenizer: RowTokenizer,
  messages: readonly ChatMessage[],
  { tools }: CommonColumns,
  addGenerationPrompt = false,
): ChatTokens {
  if (hasTemplate(tokenizer)) {
    return tokenizer.applyChatTemplate(messages, { addGenerationPrompt, ...(tools && { tools }) });
  }
  throw new ConfigError(
    `tokenize: messages must have a tokenizer with a chat template, got ${tokenizer.name}; ` +
      "load the model's own tokenizer, or use text instead of messages",
  );
}

/** The tokens of a text as the model expects it to begin, with the eos token at its end. */
export function tokenizeText(tokenizer: RowTokenizer, text: string): number[] {
  return withEnd([...tokenizer.encode(text)], endOfAnswer(tokenizer));
}

/** The tokens of a prompt, as they are before the model goes on. */
export function tokenizePrompt(
  tokenizer: RowTokenizer,
  prompt: Turns,
  columns: CommonColumns = {},
): number[] {
  if (isConversational(prompt)) return [...tokenizeChat(tokenizer, prompt, columns, true).ids];
  const ids = [...tokenizer.encode(prompt)];
  // Some tokenizers end every text; an ended prompt has no answer.
  while (prompt !== "" && ids.at(-1) === endOfAnswer(tokenizer)) ids.pop();
  return ids;
}

/**
 * The tokens of a prompt and its answer, which ends with the eos token (of a conversation, with what
 * the template says).
 *
 * Both are tokenized as one text, which is how models see texts. Where a token would then reach from
 * the prompt into the answer, the prompt keeps the tokens that it has when the model is asked, and the
 * answer is tokenized by itself: otherwise the model would learn to answer a prompt that it never gets.
 */
export function tokenizeAnswer(
  tokenizer: RowTokenizer,
  prompt: Turns,
  answer: Turns,
  columns: CommonColumns = {},
): PromptAndAnswer {
  const promptIds = tokenizePrompt(tokenizer, prompt, columns);
  const whole = joinTurns(prompt, answer);
  const ids = isConversational(whole)
    ? [...tokenizeChat(tokenizer, whole, columns).ids]
    : tokenizeText(tokenizer, whole);
  if (promptIds.every((id, i) => id === ids[i])) {
    return { promptIds, answerIds: ids.slice(promptIds.length), isSplit: false };
  }
  if (typeof answer === "string") {
    const alone = hasTemplate(tokenizer)
      ? tokenizer.encode(answer, { addSpecialTokens: false })
      : tokenizer.encode(answer);
    return { promptIds, answerIds: withEnd([...alone], endOfAnswer(tokenizer)), isSplit: true };
  }
  // A template that writes earlier turns differently once there is an answer.
  const common = ids.findIndex((id, i) => id !== promptIds[i]);
  const length = common < 0 ? ids.length : common;
  return { promptIds: ids.slice(0, length), answerIds: ids.slice(length), isSplit: true };
}

function withEnd(ids: number[], end: number): number[] {
  if (ids.at(-1) !== end) ids.push(end);
  return ids;
}
