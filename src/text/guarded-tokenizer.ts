import { ConfigError, UsageError } from "../base/errors.ts";
import type { AddedToken } from "./added-tokens.ts";
import { AddedTokenSplitter } from "./added-tokens.ts";
import type { ChatOptions, ChatTokens, Message } from "./chat-message.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { windowedStream } from "./decode-stream.ts";
import type { SpecialTokenRoles } from "./special-token-roles.ts";
import { assistantBegin, assistantEnd, spellingGuard, unguard } from "./spelling-guard.ts";
import type {
  DecodeOptions,
  DecodeStream,
  EncodeOptions,
  SpecialToken,
  TextTokenizer,
} from "./tokenizer.ts";

/** What every tokenizer shares: special tokens stay out of texts, streams, chat templates. */
export abstract class GuardedTokenizer implements TextTokenizer {
  abstract readonly name: string;
  abstract readonly vocabSize: number;
  readonly endOfText: number;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly bosToken: SpecialToken | null;
  readonly eosToken: SpecialToken | null;
  readonly padToken: SpecialToken | null;
  readonly unkToken: SpecialToken | null;
  readonly #control: readonly AddedToken[];
  readonly #skipped: ReadonlySet<number>;
  readonly #template: ChatTemplate | null;
  readonly #splitters: Map<string, AddedTokenSplitter> = new Map();
  #guard: ((text: string) => string) | undefined;

  /** @param control - tokens that texts do not become unless the caller allows it. */
  constructor(
    control: readonly AddedToken[],
    roles: SpecialTokenRoles,
    template: ChatTemplate | null = null,
  ) {
    this.#control = control;
    this.specialTokens = new Map(control.map(({ content, id }) => [content, id]));
    this.bosToken = roles.bosToken;
    this.eosToken = roles.eosToken;
    this.padToken = roles.padToken;
    this.unkToken = roles.unkToken;
    this.endOfText = roles.eosToken?.id ?? -1;
    this.#skipped = new Set([
      ...control.filter(({ special }) => special).map(({ id }) => id),
      ...Object.values(roles).flatMap((token: SpecialToken | null) => token?.id ?? []),
    ]);
    this.#template = template;
  }

  /** The tokens of a text without control tokens; `first` if it begins the whole text. */
  protected abstract encodePlain(text: string, first: boolean): Iterable<number>;
  /** Adds what the model expects around a text. */
  protected abstract surround(tokens: number[]): number[];
  /** The text of tokens that are known to be in range. */
  protected abstract decodeAll(tokens: readonly number[]): string;

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const tokens = this.#encode(text, options.allowSpecial ?? "none");
    return Int32Array.from(options.addSpecialTokens === false ? tokens : this.surround(tokens));
  }

  decode(tokens: ArrayLike<number>, options: DecodeOptions = {}): string {
    const list = Array.from(tokens);
    for (const token of list) requireToken(this, token);
    const skip = options.skipSpecialTokens ?? true;
    return this.decodeAll(skip ? list.filter((token) => !this.#skipped.has(token)) : list);
  }

  /** Decodes tokens that arrive one by one. */
  decodeStream(options: DecodeOptions = {}): DecodeStream {
    return windowedStream((tokens) => this.decode(tokens, options));
  }

  /** A conversation as the model was trained to read it; its texts stay text. */
  applyChatTemplate(
    messages: readonly Message[],
    options: ChatOptions & { tokenize: false },
  ): string;
  /** The same as tokens, by default. */
  applyChatTemplate(messages: readonly Message[], options?: ChatOptions): ChatTokens;
  applyChatTemplate(messages: readonly Message[], options: ChatOptions = {}): string | ChatTokens {
    const template = this.#requireTemplate();
    this.#guard ??= spellingGuard(this.specialTokens.keys());
    const marked = template.render(messages, options, this.#guard);
    const guarded = marked.replaceAll(assistantBegin, "").replaceAll(assistantEnd, "");
    if (options.tokenize === false) return unguard(guarded);
    const tokens = this.#encode(guarded, "all");
    const assistantMask = template.marksAssistant
      ? this.#assistantMask(tokens, unguard(marked))
      : null;
    return { ids: Int32Array.from(tokens), assistantMask };
  }

  #requireTemplate(): ChatTemplate {
    if (this.#template !== null) return this.#template;
    throw new ConfigError(
      `applyChatTemplate: ${this.name} must come with a chat template, got none; put ` +
        "chat_template.jinja beside its files, or pass chatTemplate to loadTokenizer",
    );
  }

  #encode(text: string, allowed: "none" | "all" | ReadonlySet<string>): number[] {
    // What is no Unicode becomes what every encoder would write for it.
    const clean = text.replace(/\p{Surrogate}/gu, "�");
    let first = true;
    const tokens: number[] = [];
    for (const part of this.#splitter(allowed).split(clean)) {
      if (typeof part !== "string") tokens.push(part.id);
      else for (const token of this.encodePlain(unguard(part), first)) tokens.push(token);
      first = false;
    }
    return tokens;
  }

  #splitter(allowed: "none" | "all" | ReadonlySet<string>): AddedTokenSplitter {
    const key = typeof allowed === "string" ? allowed : JSON.stringify([...allowed].toSorted());
    const known = this.#splitters.get(key);
    if (known !== undefined) return known;
    const splitter = new AddedTokenSplitter(this.#allowedTokens(allowed));
    this.#splitters.set(key, splitter);
    return splitter;
  }

  #allowedTokens(allowed: "none" | "all" | ReadonlySet<string>): readonly AddedToken[] {
    if (allowed === "all") return this.#control;
    if (allowed === "none") return [];
    for (const text of allowed) {
      if (this.specialTokens.has(text)) continue;
      throw new ConfigError(
        `encode: allowSpecial must name special tokens of ${this.name}, got ` +
          `${JSON.stringify(text)}; known are ${[...this.specialTokens.keys()].slice(0, 8).join(" ")}`,
      );
    }
    return this.#control.filter(({ content }) => allowed.has(content));
  }

  #assistantMask(tokens: readonly number[], marked: string): boolean[] {
    // Many tokenizers compose accents, which makes texts shorter.
    const mask = this.#maskOver(tokens, marked) ?? this.#maskOver(tokens, marked.normalize("NFC"));
    if (mask !== null) return mask;
    throw new UsageError(
      `applyChatTemplate: tokens of ${this.name} must decode to the very text for an assistant mask, ` +
        "got another length; use a template without {% generation %}",
    );
  }

  /** Which tokens begin between the marks. Where a token begins is read off the decoded text. */
  #maskOver(tokens: readonly number[], marked: string): boolean[] | null {
    const inside: boolean[] = [];
    let open = false;
    for (const unit of marked.split("")) {
      if (unit === assistantBegin) open = true;
      else if (unit === assistantEnd) open = false;
      else inside.push(open);
    }
    const stream = this.decodeStream({ skipSpecialTokens: false });
    let begin = 0;
    const mask = tokens.map((token) => {
      const here = inside[begin] ?? false;
      begin += stream.push(token).length;
      return here;
    });
    return begin + stream.end().length === inside.length ? mask : null;
  }
}

/** @throws {ConfigError} if the number is no token of the tokenizer. */
function requireToken(
  { name, vocabSize: size }: { readonly name: string; readonly vocabSize: number },
  token: number,
): void {
  if (Number.isInteger(token) && token >= 0 && token < size) return;
  throw new ConfigError(`${name}: a token must be an integer in 0 … ${size - 1}, got ${token}`);
}
