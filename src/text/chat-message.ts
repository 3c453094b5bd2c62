/** A value of JSON. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** One turn of a conversation; a template may read more fields, such as `tool_calls`. */
export interface Message {
  /** Who speaks: "system", "user", "assistant", "tool", or what else the template knows. */
  readonly role: string;
  /** The text, or parts such as `{ type: "text", text }` for templates that know them. */
  readonly content?: JsonValue;
  readonly [field: string]: JsonValue | undefined;
}

/** How a conversation becomes text. */
export interface ChatOptions {
  /** Ends with the beginning of the assistant's turn. @defaultValue false */
  readonly addGenerationPrompt?: boolean;
  /** Leaves the last message open, for the model to go on in it. @defaultValue false */
  readonly continueFinalMessage?: boolean;
  /** Descriptions of functions that the model may call, as JSON schemas. */
  readonly tools?: readonly JsonValue[];
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, JsonValue>>;
  /** false gives the text instead of tokens. @defaultValue true */
  readonly tokenize?: boolean;
}

/** A conversation as tokens. */
export interface ChatTokens {
  readonly ids: Int32Array;
  /**
   * Which tokens the assistant said, where the template marks them by `{% generation %}`; otherwise
   * null.
   */
  readonly assistantMask: readonly boolean[] | null;
}
