import { parseArgs } from "node:util";
import { ConfigError } from "../base/errors.ts";
import { nearestKey } from "../nn/state-key.ts";

/** A flag of a command. Without a type it takes no value. */
export interface Flag {
  readonly type?: "integer" | "number" | "text";
  /** Name of the value in the help, such as `folder`. */
  readonly placeholder?: string;
  readonly description: string;
  /** Smallest value of a number; `above` leaves it out. */
  readonly min?: number;
  readonly above?: number;
  readonly choices?: readonly string[];
  /** Values beside the choices, such as the second card. */
  readonly pattern?: RegExp;
}

/** Parsed flags by name; those that were not given are missing. */
export type FlagValues = Readonly<Record<string, string | number | boolean>>;

/** Where a command prints. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** A command of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs of its own help. */
  readonly description: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /**
   * What follows the flags, such as `<script> [arguments]`: everything from the first word that is
   * no flag on is handed on as it is.
   */
  readonly operands?: string;
  /** Command lines (after the program's name) with what they do. */
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  /** Returns the exit code. */
  run(values: FlagValues, terminal: Terminal, operands: readonly string[]): Promise<number>;
}

/** The command line is wrong: exit code 2 instead of 1. */
export class CommandLineError extends ConfigError {}

/** Flags that every command has. */
export const commonFlags: Readonly<Record<string, Flag>> = {
  help: { description: "Show this help." },
  version: { description: "Show the version." },
};

/** `; did you mean x?` if a candidate is near, otherwise the advice. */
export function didYouMean(
  given: string,
  candidates: readonly string[],
  advice: string,
  prefix = "",
): string {
  const nearest = nearestKey(given, candidates);
  return nearest === undefined ? advice : `did you mean ${prefix}${nearest}?`;
}

/** Cuts the arguments of a command into its flags and its operands. */
export function splitOperands(
  { flags, operands }: Command,
  args: readonly string[],
): { readonly own: readonly string[]; readonly operands: readonly string[] } {
  if (operands === undefined) return { own: args, operands: [] };
  let at = 0;
  while (at < args.length && args[at].startsWith("-") && args[at] !== "--") {
    const name = args[at].slice(2);
    const takesValue = Object.hasOwn(flags, name) && flags[name].type !== undefined;
    at += takesValue ? 2 : 1;
  }
  return { own: args.slice(0, at), operands: args.slice(args[at] === "--" ? at + 1 : at) };
}

/**
 * Reads the flags of a command.
 *
 * @throws {CommandLineError} naming what is unknown or out of range, and what was probably meant.
 */
export function parseFlags(command: Command, args: readonly string[]): FlagValues {
  const flags = { ...command.flags, ...commonFlags };
  const names = Object.keys(flags);
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(flags).map(([name, { type }]) => [
        name,
        { type: type === undefined ? ("boolean" as const) : ("string" as const) },
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const values: Record<string, string | number | boolean> = {};
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new CommandLineError(
        `${command.name}: arguments are given as flags, got "${token.value}"; ` +
          didYouMean(token.value, names, `see athanor ${command.name} --help`, "--"),
      );
    }
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    if (!Object.hasOwn(flags, name) || !rawName.startsWith("--")) {
      throw new CommandLineError(
        `${command.name}: flags must be known, got ${rawName}; ` +
          didYouMean(name, names, `see athanor ${command.name} --help`, "--"),
      );
    }
    values[name] = parseValue(command.name, name, flags[name], value);
  }
  return values;
}

function parseValue(
  command: string,
  name: string,
  flag: Flag,
  text: string | undefined,
): string | number | boolean {
  const refuse = (expected: string, got: string, advice: string): never => {
    throw new CommandLineError(`${command}: --${name} ${expected}, got ${got}; ${advice}`);
  };
  const example = flag.type === undefined ? `--${name}` : `--${name} ${exampleValue(flag)}`;
  const advice = `write ${example}`;
  if (flag.type === undefined) {
    return text === undefined ? true : refuse("takes no value", `"${text}"`, advice);
  }
  // Without a value, the next flag would be swallowed as one.
  if (text === undefined || text === "" || text.startsWith("--")) {
    return refuse("needs a value", text === undefined || text === "" ? "none" : text, advice);
  }
  if (flag.type === "text") {
    const { choices, pattern } = flag;
    if (choices === undefined || choices.includes(text) || pattern?.test(text)) return text;
    const list = `must be one of ${choices.join(", ")}`;
    return refuse(list, `"${text}"`, didYouMean(text, choices, advice));
  }
  const value = Number(text);
  const { min = -Infinity, above = -Infinity } = flag;
  const isInRange = Number.isFinite(value) && value >= min && value > above;
  if (isInRange && (flag.type === "number" || Number.isSafeInteger(value))) return value;
  return refuse(`must be ${describeRange(flag)}`, `"${text}"`, advice);
}

/** `an integer of at least 1`. */
function describeRange({ type, min, above }: Flag): string {
  const kind = type === "integer" ? "an integer" : "a number";
  if (min !== undefined) return `${kind} of at least ${min}`;
  return above === undefined ? kind : `${kind} above ${above}`;
}

function exampleValue({ type, choices, min = 1, placeholder = "value" }: Flag): string {
  if (type === "text") return choices?.[0] ?? placeholder;
  return type === "integer" ? String(Math.max(min, 1)) : "0.001";
}
