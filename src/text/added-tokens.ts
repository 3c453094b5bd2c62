import { guardMark } from "./spelling-guard.ts";

/** A token beside the model's vocabulary, found in the text before anything else looks at it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Controls the model: left out of readable text. */
  readonly special: boolean;
  /** Takes the white space before or after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Only where no letter, digit or underscore touches it. */
  readonly singleWord: boolean;
  /** Looked for in the normalized text. */
  readonly normalized: boolean;
}

/** A stretch of plain text, or a token. */
export type TextPart = string | AddedToken;

const wordBefore = /[\p{L}\p{M}\p{N}_]$/u;
const wordAfter = /^[\p{L}\p{M}\p{N}_]/u;

/** Finds tokens in a text: the leftmost, and of those that begin together the longest. */
export class AddedTokenSplitter {
  /** Tokens by first UTF-16 unit, longest first. */
  readonly #tokens: Map<number, [string, AddedToken][]> = new Map();

  /** @param spell - how a token is spelled in the text, its content if not given. */
  constructor(tokens: Iterable<AddedToken>, spell?: (content: string) => string) {
    for (const token of tokens) {
      const spelling = spell === undefined ? token.content : spell(token.content);
      if (spelling === "") continue;
      const first = spelling.charCodeAt(0);
      this.#tokens.set(first, [...(this.#tokens.get(first) ?? []), [spelling, token]]);
    }
    for (const list of this.#tokens.values()) list.sort((a, b) => b[0].length - a[0].length);
  }

  split(text: string): TextPart[] {
    if (this.#tokens.size === 0) return text === "" ? [] : [text];
    const parts: TextPart[] = [];
    let done = 0;
    for (let at = 0; at < text.length; at++) {
      const found = this.#findAt(text, at);
      if (found === undefined) continue;
      const [spelling, token] = found;
      const before = text.slice(done, at);
      done = at + spelling.length;
      if (token.rstrip) done = text.length - text.slice(done).trimStart().length;
      push(parts, token.lstrip ? before.trimEnd() : before);
      parts.push(token);
      at = done - 1;
    }
    push(parts, text.slice(done));
    return parts;
  }

  #findAt(text: string, at: number): [string, AddedToken] | undefined {
    return this.#tokens.get(text.charCodeAt(at))?.find(
      ([spelling, token]) =>
        text.startsWith(spelling, at) &&
        // A guarded spelling of one character has the mark behind it.
        text[at + spelling.length] !== guardMark &&
        (!token.singleWord || standsAlone(text, at, at + spelling.length)),
    );
  }
}

function standsAlone(text: string, begin: number, end: number): boolean {
  return !wordBefore.test(text.slice(0, begin)) && !wordAfter.test(text.slice(end));
}

function push(parts: TextPart[], text: string): void {
  if (text !== "") parts.push(text);
}
