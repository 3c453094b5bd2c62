import type { Command, Flag } from "./command.ts";
import { commonFlags } from "./command.ts";

const width = 80;

/** Breaks text at spaces so that no line is longer than 80 columns. */
function wrap(text: string, indent: string, first: string = indent): string {
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(/\s+/)) {
    const isStart = line === first && lines.length === 0 ? first.trim() === "" : line === indent;
    const next = isStart || line.endsWith(" ") ? line + word : `${line} ${word}`;
    if (next.length > width && line.trim() !== "") {
      lines.push(line.trimEnd());
      line = indent + word;
    } else line = next;
  }
  return [...lines, line].join("\n");
}

function table(rows: readonly (readonly [name: string, text: string])[]): string {
  const column = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows
    .map(([name, text]) => wrap(text, " ".repeat(column), `  ${name}`.padEnd(column)))
    .join("\n");
}

function flagRows(flags: Readonly<Record<string, Flag>>): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, { type, placeholder, description }]) => {
    const value = type === undefined ? "" : ` <${placeholder ?? type}>`;
    return [`--${name}${value}`, description];
  });
}

function examplesOf(commands: readonly Command[]): string {
  return commands
    .flatMap(({ examples }) => examples)
    .map(([command, meaning]) => `  athanor ${command}\n${wrap(meaning, "      ")}`)
    .join("\n\n");
}

/** The help of the whole program. */
export function programHelp(commands: readonly Command[], version: string): string {
  return `athanor ${version} – deep learning for TypeScript

Usage: athanor <command> [flags]

Commands:
${table(commands.map(({ name, summary }) => [name, summary]))}

Flags:
${table(flagRows(commonFlags))}

Examples:
${examplesOf(commands)}

athanor <command> --help tells more about a command.
Exit codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted.
`;
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const paragraphs = command.description.split("\n\n").map((text) => wrap(text, ""));
  const operands = command.operands === undefined ? "" : ` ${command.operands}`;
  return `Usage: athanor ${command.name} [flags]${operands}

${paragraphs.join("\n\n")}

Flags:
${table(flagRows({ ...command.flags, help: commonFlags["help"] }))}

Examples:
${examplesOf([command])}
`;
}
