import type { ChatOptions, ChatTokens, Message } from "./chat-message.ts";

/** Turns text into numbers and back. */
export interface Tokenizer {
  readonly name: string;
  /** Tokens are 0 … vocabSize - 1. */
  readonly vocabSize: number;
  /** The token that stands between documents; no text becomes it. -1 if there is none. */
  readonly endOfText: number;
  /** The tokens of a text; `decode` gives the text back. */
  encode(text: string): Int32Array;
  /**
   * The text of tokens, without the marks between documents. Tokens may end inside of a character,
   * which then is �.
   * @throws {ConfigError} for a number that is no token.
   */
  decode(tokens: ArrayLike<number>): string;
}

/** A token with a meaning of its own, such as the end of a turn. */
export interface SpecialToken {
  readonly text: string;
  readonly id: number;
}

/** How {@link TextTokenizer.encode} works. */
export interface EncodeOptions {
  /** Adds what the model expects around a text, such as its first token. @defaultValue true */
  readonly addSpecialTokens?: boolean;
  /**
   * Which spellings of special tokens in the text become the tokens. Text from outside must not: it
   * could end its own turn and speak as the system. @defaultValue "none"
   */
  readonly allowSpecial?: "none" | "all" | ReadonlySet<string>;
}

/** How {@link TextTokenizer.decode} works. */
export interface DecodeOptions {
  /** Leaves special tokens out. @defaultValue true */
  readonly skipSpecialTokens?: boolean;
}

/** Text of tokens that arrive one by one. */
export interface DecodeStream {
  /** The text that is certain after one more token: empty while a character is incomplete. */
  push(token: number): string;
  /** The rest: an incomplete character is �. The stream can then take a new text. */
  end(): string;
}

/** The tokenizer of a language model. */
export interface TextTokenizer extends Tokenizer {
  /** Tokens that no text becomes unless the caller allows it, by their spelling. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly bosToken: SpecialToken | null;
  readonly eosToken: SpecialToken | null;
  readonly padToken: SpecialToken | null;
  readonly unkToken: SpecialToken | null;
  /** @throws {ConfigError} if `allowSpecial` names what is no special token. */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** @throws {ConfigError} for a number that is no token. */
  decode(tokens: ArrayLike<number>, options?: DecodeOptions): string;
  /** Decodes tokens that arrive one by one. */
  decodeStream(options?: DecodeOptions): DecodeStream;
  /**
   * A conversation as the model was trained to read it. Texts of messages and tools stay text,
   * whatever they spell.
   * @throws {ConfigError} if there is no template, or the template refuses the messages.
   */
  applyChatTemplate(
    messages: readonly Message[],
    options: ChatOptions & { tokenize: false },
  ): string;
  /** The same as tokens, by default. */
  applyChatTemplate(messages: readonly Message[], options?: ChatOptions): ChatTokens;
}
