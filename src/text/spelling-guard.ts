/**
 * Keeps the spellings of special tokens in messages apart from those that a template writes: a mark
 * after their first character, which the tokenizer takes out again once it has found its tokens. Marks
 * are noncharacters of Unicode, which no text may hold.
 */
export const guardMark = "\uFDD0";

/** Where the assistant's text begins and ends, and where an open message ends. */
export const assistantBegin = "\uFDD1";
export const assistantEnd = "\uFDD2";
export const finalEnd = "\uFDD3";

const marks = /[\uFDD0-\uFDD3]/gu;

/** A function that puts marks into all spellings of the tokens in a text, and takes foreign ones out. */
export function spellingGuard(spellings: Iterable<string>): (text: string) => string {
  const list = [...spellings].filter(Boolean).toSorted((a, b) => b.length - a.length);
  const anyOf = list.map((spelling) => spelling.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");
  if (anyOf === "") return (text) => text.replace(marks, "�");
  // Looks ahead, so that spellings which overlap are all found.
  const pattern = new RegExp(`(?=(?:${anyOf}))([^])`, "gu");
  return (text) => text.replace(marks, "�").replace(pattern, `$1${guardMark}`);
}

/** The text without the marks of {@link spellingGuard}. */
export function unguard(text: string): string {
  return text.includes(guardMark) ? text.replaceAll(guardMark, "") : text;
}
