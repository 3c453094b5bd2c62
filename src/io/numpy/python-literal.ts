import { CheckpointError } from "../../base/errors.ts";

/** What a literal of Python becomes: tuples and lists arrays, dicts objects, None null. */
export type PythonLiteral =
  | null
  | boolean
  | number
  | string
  | readonly PythonLiteral[]
  | { readonly [key: string]: PythonLiteral };

const maxDepth = 16;
const keywords: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/**
 * Parses a literal of Python, as the header of an `.npy` file is one: dicts with string keys,
 * tuples, lists, strings, whole numbers, True, False and None. Nothing is evaluated.
 *
 * @throws {CheckpointError} saying where the text is no such literal; the caller adds the file.
 */
export function parsePythonLiteral(text: string): PythonLiteral {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.skipSpace();
  if (parser.at < text.length) parser.fail("the end");
  return value;
}

class Parser {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  fail(wanted: string): never {
    const got = JSON.stringify(this.text.slice(this.at, this.at + 20));
    throw new CheckpointError(`literal: ${wanted} must stand at ${this.at}, got ${got}`);
  }

  skipSpace(): void {
    while (" \t\r\n".includes(this.text[this.at] ?? "x")) this.at++;
  }

  /** Skips a text if it comes next. */
  accept(token: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  value(depth: number): PythonLiteral {
    if (depth > maxDepth) this.fail(`at most ${maxDepth} levels`);
    if (this.accept("{")) return this.dict(depth);
    if (this.accept("(")) return this.list(")", depth);
    if (this.accept("[")) return this.list("]", depth);
    const quote = this.text[this.at];
    if (quote === "'" || quote === '"') return this.string(quote);
    // Python 2 wrote long integers as 3L.
    const [token, digits] = /^(?:(-?\d+)L?|\w+)/.exec(this.text.slice(this.at, this.at + 40)) ?? [];
    if (token === undefined) return this.fail("a value");
    if (digits === undefined && !Object.hasOwn(keywords, token)) return this.fail("a value");
    this.at += token.length;
    return digits === undefined ? keywords[token] : Number(digits);
  }

  list(close: string, depth: number): PythonLiteral[] {
    const items: PythonLiteral[] = [];
    while (!this.accept(close)) {
      if (items.length > 0 && !this.accept(",")) this.fail(`"," or "${close}"`);
      if (this.accept(close)) break;
      items.push(this.value(depth + 1));
    }
    return items;
  }

  dict(depth: number): Readonly<Record<string, PythonLiteral>> {
    const members: [string, PythonLiteral][] = [];
    while (!this.accept("}")) {
      if (members.length > 0 && !this.accept(",")) this.fail('"," or "}"');
      if (this.accept("}")) break;
      const key = this.value(depth + 1);
      if (typeof key !== "string" || !this.accept(":")) return this.fail('a string key and ":"');
      members.push([key, this.value(depth + 1)]);
    }
    return Object.fromEntries(members);
  }

  string(quote: string): string {
    let result = "";
    for (this.at++; this.text[this.at] !== quote; this.at++) {
      let char = this.text[this.at];
      if (char === "\\") {
        char = this.text[++this.at];
        char = escapes[char] ?? char;
      }
      if (char === undefined) this.fail("a closing quote");
      result += char;
    }
    this.at++;
    return result;
  }
}
