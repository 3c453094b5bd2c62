import { ConfigError } from "../base/errors.ts";
import type { ChatOptions, JsonValue, Message } from "./chat-message.ts";
import { assistantBegin, assistantEnd, finalEnd } from "./spelling-guard.ts";

/** A compiled template of `@huggingface/jinja`. */
interface Compiled {
  render(variables: Record<string, unknown>): string;
}

/** Makes a compiled template of its text. */
export type TemplateCompiler = (text: string) => Compiled;

const generationTag = /{%(-?)\s*(end)?generation\s*(-?)%}/g;

/** @throws {ConfigError} if the package `@huggingface/jinja` is not installed. */
export async function loadTemplateCompiler(): Promise<TemplateCompiler> {
  try {
    const { Template } = await import("@huggingface/jinja");
    return (text) => new Template(text);
  } catch (cause) {
    throw new ConfigError(
      'chat template: the npm package "@huggingface/jinja" must be installed, got none; ' +
        "run: npm install @huggingface/jinja",
      { cause },
    );
  }
}

/** A chat template in Jinja, as in `tokenizer_config.json`. */
export class ChatTemplate {
  /** Whether it tells which text is the assistant's. */
  readonly marksAssistant: boolean;
  readonly #compiled: Compiled;
  readonly #special: Readonly<Record<string, string>>;

  /**
   * @param special - texts of special tokens as variables, such as `bos_token`.
   * @throws {ConfigError} if the text is no template.
   */
  constructor(text: string, special: Readonly<Record<string, string>>, compile: TemplateCompiler) {
    this.marksAssistant = text.search(generationTag) >= 0;
    this.#special = special;
    try {
      this.#compiled = compile(markGeneration(text));
    } catch (cause) {
      throw new ConfigError(`chat template: it must be valid Jinja, got: ${reason(cause)}`, {
        cause,
      });
    }
  }

  /**
   * The conversation as text, with marks around the assistant's words.
   * @param guard - applied to all texts of messages and tools.
   * @throws {ConfigError} with the template's own words if it refuses the messages.
   */
  render(
    messages: readonly Message[],
    options: ChatOptions,
    guard: (text: string) => string,
  ): string {
    requireMessages(messages, options);
    const turns = messages.map((message) => guarded(message, guard));
    const variables = {
      ...options.variables,
      ...this.#special,
      ...(options.tools === undefined ? {} : { tools: guarded(options.tools, guard) }),
      add_generation_prompt: options.addGenerationPrompt ?? false,
    };
    const text = this.#render({ ...variables, messages: turns });
    if (options.continueFinalMessage !== true) return text;
    const open = cutOpen(this.#render({ ...variables, messages: openLast(turns) }));
    // The mark of the end keeps white space before it, which the template may take away.
    return text.startsWith(open) ? open : open.trimEnd();
  }

  #render(variables: Record<string, unknown>): string {
    try {
      return this.#compiled.render(variables);
    } catch (cause) {
      throw new ConfigError(
        `applyChatTemplate: the template must accept the messages, got: ${reason(cause)}; ` +
          "change roles or contents",
        { cause },
      );
    }
  }
}

/** The library drops the tags; blocks in their place keep the rules for white space around them. */
function markGeneration(text: string): string {
  return text.replace(
    generationTag,
    (_tag, before: string, end: string | undefined, after: string) => {
      const mark = end === undefined ? assistantBegin : assistantEnd;
      return `{%${before} if true %}{{ '${mark}' }}{% endif ${after}%}`;
    },
  );
}

function requireMessages(messages: readonly Message[], options: ChatOptions): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new ConfigError(
      "applyChatTemplate: messages must be a list of one or more, got " +
        `${Array.isArray(messages) ? "none" : typeof messages}; pass { role, content } of each turn`,
    );
  }
  messages.forEach((message: Message, row) => {
    if (typeof message?.role === "string") return;
    throw new ConfigError(
      `applyChatTemplate: message ${row} must have a role, got ${JSON.stringify(message)}; ` +
        'name who speaks, such as "user"',
    );
  });
  if (options.addGenerationPrompt === true && options.continueFinalMessage === true) {
    throw new ConfigError(
      "applyChatTemplate: addGenerationPrompt begins a new turn and continueFinalMessage goes on in " +
        "the last one, got both; choose one",
    );
  }
}

function guarded(value: JsonValue | undefined, guard: (text: string) => string): unknown {
  if (typeof value === "string") return guard(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((entry: JsonValue) => guarded(entry, guard));
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => [guard(key), guarded(entry, guard)]));
}

function openLast(turns: readonly unknown[]): unknown[] {
  const last = turns.at(-1) as { content?: unknown };
  if (typeof last.content !== "string") {
    throw new ConfigError(
      "applyChatTemplate: the last message must have a text to continue, got " +
        `${JSON.stringify(last.content)}; pass its beginning as content`,
    );
  }
  return [...turns.slice(0, -1), { ...last, content: last.content + finalEnd }];
}

function cutOpen(text: string): string {
  const end = text.lastIndexOf(finalEnd);
  if (end >= 0) return text.slice(0, end);
  throw new ConfigError(
    "applyChatTemplate: the template must print the last message to continue it, got a text without " +
      "it; use addGenerationPrompt instead",
  );
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
