import { cudaPrelude, deviceEnd } from "./prelude.ts";

/** Something the prelude defines at its top level, or several that stand in one `#if`. */
interface Definition {
  readonly text: string;
  readonly names: readonly string[];
}

/** What begins a definition, and the name it defines. */
const definitionPatterns: readonly RegExp[] = [
  /^DEVICE [\w ]+?[ *]+(\w+)\(/gm,
  /^MMA_M16N8K16\((\w+),/gm,
  /^#define (\w+)/gm,
  /^(?:typedef [^{}]*|typedef [^}]*\} )\b(\w+);/gm,
];

function namesIn(text: string): string[] {
  return definitionPatterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1]),
  );
}

const wordsOf = (text: string): Set<string> => new Set(text.match(/[A-Za-z_]\w*/g));

/** The parts of a text that can stand alone: braces, conditions, comments and lines are closed. */
function topLevelParts(text: string): string[] {
  const parts: string[] = [];
  let part: string[] = [];
  let open = 0;
  for (const line of text.split("\n")) {
    part.push(line);
    open += (line.match(/\{|^#if|\/\*/g) ?? []).length;
    open -= (line.match(/\}|^#endif|\*\//g) ?? []).length;
    if (open > 0 || line.endsWith("\\")) continue;
    parts.push(part.join("\n"));
    part = [];
  }
  return parts;
}

let known: readonly Definition[] | undefined;

/** The prelude's definitions in order; comments stay behind. */
function definitions(): readonly Definition[] {
  known ??= topLevelParts(cudaPrelude)
    .map((text) => ({ text, names: namesIn(text) }))
    .filter(({ text, names }) => names.length > 0 || text === deviceEnd);
  return known;
}

/**
 * The part of the prelude that a unit's text needs. Most units use a tenth of it, and a compiler
 * would read the rest for nothing.
 */
export function usedPrelude(text: string): string {
  const list = definitions();
  const byName = new Map(list.flatMap((part) => part.names.map((name) => [name, part] as const)));
  const used = new Set<Definition>();
  const pending = [text];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const word of wordsOf(next)) {
      const definition = byName.get(word);
      if (definition === undefined || used.has(definition)) continue;
      used.add(definition);
      pending.push(definition.text);
    }
  }
  const parts = list.filter((part) => used.has(part) || part.text === deviceEnd);
  return parts.map((part) => `${part.text}\n`).join("");
}
