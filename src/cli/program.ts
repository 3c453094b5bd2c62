import { AthanorError } from "../base/errors.ts";
import { benchCommand } from "./bench.ts";
import type { Command, Terminal } from "./command.ts";
import { CommandLineError, commonFlags, didYouMean, parseFlags, splitOperands } from "./command.ts";
import { dataCheckCommand } from "./data-check.ts";
import { envsCommand } from "./envs.ts";
import { commandHelp, programHelp } from "./help.ts";
import { infoCommand } from "./info.ts";
import { playCommand } from "./play.ts";
import { runCommand } from "./run.ts";
import { trainAgentCommands } from "./train-agent.ts";
import { trainDigitsCommand } from "./train-digits.ts";
import { trainGptCommand } from "./train-gpt.ts";
import { packageVersion } from "./version.ts";

const commands: readonly Command[] = [
  infoCommand,
  trainDigitsCommand,
  trainGptCommand,
  ...trainAgentCommands,
  playCommand,
  envsCommand,
  dataCheckCommand,
  runCommand,
  benchCommand,
];

/** Runs a command line and returns its exit code: 0 done, 1 failed, 2 wrong, 130 interrupted. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    if (error instanceof AthanorError) {
      terminal.error(`athanor: ${error.message}\n`);
      return error instanceof CommandLineError ? 2 : 1;
    }
    const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.error(`athanor: something unexpected happened, please report it\n${details}\n`);
    return 1;
  }
}

async function dispatch(given: readonly string[], terminal: Terminal): Promise<number> {
  const { args, operands } = withoutOperands(given);
  const words = args.slice(0, wordCount(args));
  const isAsked = (flag: string, short: string): boolean =>
    args.includes(flag) || args.includes(short);
  if (isAsked("--version", "-v")) {
    terminal.out(`${packageVersion()}\n`);
    return 0;
  }
  const topic = words[0] === "help" ? words.slice(1) : words;
  const wantsHelp = isAsked("--help", "-h") || words[0] === "help";
  const command = findCommand(topic);
  if (wantsHelp) {
    const known = command === undefined && topic.length > 0 ? requireCommand(topic) : command;
    const help = known === undefined ? programHelp(commands, packageVersion()) : commandHelp(known);
    terminal.out(help);
    return 0;
  }
  if (args.length === 0) {
    terminal.error(programHelp(commands, packageVersion()));
    return 2;
  }
  if (words.length === 0) {
    throw new CommandLineError(
      `command line: a command must come first, got ${args[0]}; ${didYouMean(args[0].replace(/^-+/, ""), Object.keys(commonFlags), "see athanor --help", "--")}`,
    );
  }
  const chosen = command ?? requireCommand(words);
  const rest = args.slice(chosen.name.split(" ").length);
  return chosen.run(parseFlags(chosen, rest), terminal, operands);
}

/** The program's own arguments, and those that a command hands on to another program. */
function withoutOperands(given: readonly string[]): {
  readonly args: readonly string[];
  readonly operands: readonly string[];
} {
  const command = findCommand(given);
  if (command === undefined) return { args: given, operands: [] };
  const words = command.name.split(" ").length;
  const { own, operands } = splitOperands(command, given.slice(words));
  return { args: [...given.slice(0, words), ...own], operands };
}

/** How many words stand before the first flag. */
function wordCount(args: readonly string[]): number {
  const first = args.findIndex((arg) => arg.startsWith("-"));
  return first < 0 ? args.length : first;
}

/** The command whose words come first. */
function findCommand(words: readonly string[]): Command | undefined {
  return commands.find(({ name }) => `${words.join(" ")} `.startsWith(`${name} `));
}

function requireCommand(words: readonly string[]): never {
  const given = words.slice(0, 2).join(" ");
  const names = commands.map(({ name }) => name);
  const longer = names.filter((name) => name.startsWith(`${given} `));
  const advice =
    longer.length > 0
      ? `say which: ${longer.join(", ")}`
      : didYouMean(
          given,
          [...names, ...names.map((name) => name.split(" ")[0])],
          "see athanor --help",
        );
  throw new CommandLineError(
    `command line: the command must be one of ${names.join(", ")}, got "${given}"; ${advice}`,
  );
}
