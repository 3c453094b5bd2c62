import type { DecodeStream } from "./tokenizer.ts";

/**
 * A stream over a function that decodes lists of tokens. It decodes a short window of past tokens with
 * and without the new ones, as the text of a token may depend on what stands before it, and gives the
 * difference once it does not end inside of a character.
 */
export function windowedStream(decode: (tokens: readonly number[]) => string): DecodeStream {
  let window: number[] = [];
  /** How many tokens of the window, and units of its text, were given out. */
  let given = 0;
  let givenText = "";
  return {
    push(token) {
      window.push(token);
      const text = decode(window);
      if (text.length <= givenText.length || text.endsWith("�")) return "";
      const fresh = text.slice(givenText.length);
      window = window.slice(given);
      given = window.length;
      givenText = decode(window);
      return fresh;
    },
    end() {
      const rest = decode(window).slice(givenText.length);
      window = [];
      given = 0;
      givenText = "";
      return rest;
    },
  };
}
