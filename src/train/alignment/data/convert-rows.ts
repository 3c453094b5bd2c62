import { ConfigError } from "../../../base/errors.ts";
import type {
  ChatMessage,
  CommonColumns,
  DatasetRow,
  DatasetRows,
  DatasetType,
  PreferenceRow,
  PromptCompletionRow,
  StepwiseRow,
  Turns,
  UnpairedRow,
} from "./dataset-row.ts";
import { datasetTypeOf } from "./dataset-row.ts";

type Converter = (row: never) => readonly DatasetRow[];

const textOrMessages = (turns: Turns): DatasetRow =>
  typeof turns === "string" ? { text: turns } : { messages: turns };

/** The prompt and the answer as one text or conversation. */
export function joinTurns(prompt: Turns, completion: Turns): Turns {
  if (typeof prompt === "string" && typeof completion === "string") return prompt + completion;
  return [...(prompt as readonly ChatMessage[]), ...(completion as readonly ChatMessage[])];
}

/**
 * Splits the common beginning of both answers off as the prompt. Of strings, a space before the first
 * difference belongs to the answers, as tokenizers have it. Rows with a prompt stay as they are.
 */
export function extractPrompt(row: PreferenceRow): PreferenceRow & { readonly prompt: Turns } {
  const { prompt, ...answers } = row;
  if (prompt !== undefined) return { ...row, prompt };
  const { chosen, rejected } = answers;
  const least = Math.min(chosen.length, rejected.length);
  let length = 0;
  while (length < least && isSame(chosen[length], rejected[length])) length++;
  if (length < least && chosen[length - 1] === " ") length--;
  return {
    prompt: chosen.slice(0, length),
    ...answers,
    chosen: chosen.slice(length),
    rejected: rejected.slice(length),
  };
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const withTools = ({ tools }: DatasetRow): CommonColumns => (tools === undefined ? {} : { tools });

const preferenceTo = {
  language_modeling: (row: PreferenceRow) => [
    textOrMessages(row.prompt === undefined ? row.chosen : joinTurns(row.prompt, row.chosen)),
  ],
  prompt_only: (row: PreferenceRow) => [{ prompt: extractPrompt(row).prompt }],
  prompt_completion: (row: PreferenceRow) => {
    const { prompt, chosen } = extractPrompt(row);
    return [{ prompt, completion: chosen }];
  },
  preference: (row: PreferenceRow) => [extractPrompt(row)],
  unpaired_preference: (row: PreferenceRow) => {
    const { prompt, chosen, rejected } = extractPrompt(row);
    return [
      { prompt, completion: chosen, label: true },
      { prompt, completion: rejected, label: false },
    ];
  },
};

const likedOnly = (
  then: (row: PromptCompletionRow) => readonly DatasetRow[],
): ((row: UnpairedRow) => readonly DatasetRow[]) => {
  return (row) => (row.label ? then(row) : []);
};

const joined = ({ prompt, completion }: PromptCompletionRow): readonly DatasetRow[] => [
  textOrMessages(joinTurns(prompt, completion)),
];
const answered = ({ prompt, completion }: PromptCompletionRow): readonly DatasetRow[] => [
  { prompt, completion },
];
const asked = ({ prompt }: { readonly prompt: Turns }): readonly DatasetRow[] => [{ prompt }];

const whole = ({ prompt, completions, labels }: StepwiseRow): UnpairedRow => ({
  prompt,
  completion: completions.join(""),
  label: labels.every(Boolean),
});

/** From which type to which; a converter gives no row where a row has nothing to give. */
const converters: Readonly<Record<DatasetType, Readonly<Partial<Record<DatasetType, Converter>>>>> =
  {
    language_modeling: {},
    prompt_only: {},
    prompt_completion: { language_modeling: joined, prompt_only: asked },
    preference: preferenceTo,
    unpaired_preference: {
      language_modeling: likedOnly(joined),
      prompt_only: asked,
      prompt_completion: likedOnly(answered),
    },
    stepwise_supervision: {
      language_modeling: (row: StepwiseRow) => likedOnly(joined)(whole(row)),
      prompt_only: asked,
      prompt_completion: (row: StepwiseRow) => likedOnly(answered)(whole(row)),
      unpaired_preference: (row: StepwiseRow) => [whole(row)],
    },
  };

/** The types that rows of a type can become. */
export function conversionsFrom(type: DatasetType): readonly DatasetType[] {
  const direct = Object.keys(converters[type]) as DatasetType[];
  return type === "unpaired_preference" ? [...direct, "preference"] : direct;
}

/**
 * Rows of one type as rows of another: answers become text to continue, preferences become likes, and
 * so on. Answers that were not liked are no examples, so they are left out where examples are made.
 * Preferences become preferences with a prompt. Likes become preferences by pairing, for each prompt,
 * the i-th liked with the i-th disliked answer, over and over until all are used.
 *
 * @throws {ConfigError} if rows of that type do not hold what the other needs.
 * @example const rows = convertRows(preferences, "unpaired_preference");
 */
export function convertRows<To extends DatasetType>(
  rows: readonly DatasetRow[],
  to: To,
): DatasetRows[To][] {
  if (rows.length === 0) return [];
  const from = datasetTypeOf(Object.keys(rows[0]));
  if (from === to && to !== "preference") return rows as DatasetRows[To][];
  if (from === "unpaired_preference" && to === "preference") {
    return pairLikes(rows as readonly UnpairedRow[]) as DatasetRows[To][];
  }
  const convert = from === undefined ? undefined : converters[from][to];
  if (from === undefined || convert === undefined) {
    const possible = from === undefined ? [] : conversionsFrom(from);
    throw new ConfigError(
      `convertRows: rows of type ${from ?? "unknown"} must become one of ` +
        `${possible.join(", ") || "nothing else"}, got "${to}"`,
    );
  }
  return rows.flatMap((row) =>
    convert(row as never).map((made) => ({ ...made, ...withTools(row) })),
  ) as DatasetRows[To][];
}

function pairLikes(rows: readonly UnpairedRow[]): PreferenceRow[] {
  const byPrompt = new Map<string, UnpairedRow[]>();
  for (const row of rows) {
    const key = JSON.stringify(row.prompt);
    const answers = byPrompt.get(key);
    if (answers === undefined) byPrompt.set(key, [row]);
    else answers.push(row);
  }
  return [...byPrompt.values()].flatMap((answers) => {
    const liked = answers.filter(({ label }) => label);
    const disliked = answers.filter(({ label }) => !label);
    const count = liked.length === 0 || disliked.length === 0 ? 0 : undefined;
    const pairs = count ?? Math.max(liked.length, disliked.length);
    return Array.from({ length: pairs }, (_, i) => ({
      prompt: answers[0].prompt,
      chosen: liked[i % liked.length].completion,
      rejected: disliked[i % disliked.length].completion,
      ...withTools(answers[0]),
    }));
  });
}

/** Leaves the prompt in front of both answers, as datasets with an implicit prompt have it. */
export function withImplicitPrompt({ prompt, ...row }: PreferenceRow): PreferenceRow {
  if (prompt === undefined) return row;
  return {
    ...row,
    chosen: joinTurns(prompt, row.chosen),
    rejected: joinTurns(prompt, row.rejected),
  };
}

/** A row of strings as one of messages: prompts are the user's, answers the assistant's. */
export function toConversational(row: DatasetRow): DatasetRow {
  const roles: Readonly<Record<string, string>> = {
    prompt: "user",
    completion: "assistant",
    chosen: "assistant",
    rejected: "assistant",
  };
  const hasPrompt = "prompt" in row;
  const entries = Object.entries(row).map(([column, value]): [string, unknown] => {
    const role = hasPrompt ? roles[column] : undefined;
    return role === undefined || typeof value !== "string"
      ? [column, value]
      : [column, [{ role, content: value }]];
  });
  return Object.fromEntries(entries);
}
