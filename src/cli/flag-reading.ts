import type { FlagValues } from "./command.ts";

/** The value of a flag for a number; undefined if it was not given. */
export function numberOf(values: FlagValues, name: string): number | undefined {
  const value = values[name];
  return typeof value === "number" ? value : undefined;
}

/** The value of a flag for a text; undefined if it was not given. */
export function textOf(values: FlagValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** Drops what was not given, so that the trainer's defaults or the checkpoint's values hold. */
export function given<T extends object>(options: {
  readonly [K in keyof T]: T[K] | undefined;
}): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as T;
}

/** Quotes what a shell would split. */
function shellWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command that continues a run: `--resume` with the flags that do not come from a checkpoint. */
export function resumeCommand(
  command: string,
  values: FlagValues,
  names: readonly string[],
): string {
  const parts = [`athanor ${command} --resume`];
  for (const name of names) {
    if (name in values) parts.push(`--${name} ${shellWord(String(values[name]))}`);
  }
  return parts.join(" ");
}
