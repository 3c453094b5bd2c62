import { AthanorError, ConfigError } from "../base/errors.ts";
import { deviceNames } from "../engine/devices.ts";
import type { LogEvent } from "../train/jsonl-logger.ts";
import type { ProgressMode, ProgressStream } from "../train/progress-bar.ts";
import type { Flag, Terminal } from "./command.ts";
import { onInterrupt } from "./interrupt.ts";

/** Flags that every training has; what it writes goes to `defaultFolder` if none is named. */
export function trainingFlags(defaultFolder: string): Record<string, Flag> {
  return {
    out: {
      type: "text",
      placeholder: "folder",
      description: `Where everything is written. [${defaultFolder}]`,
    },
    resume: { description: "Continue the run in the folder from its last checkpoint." },
    device: {
      type: "text",
      placeholder: "name",
      choices: ["auto", ...deviceNames()],
      pattern: /^cuda:\d+$/,
      description: "Where to compute; athanor info lists the devices. [auto]",
    },
    threads: { type: "integer", min: 1, description: "Threads to compute with. [all]" },
    json: { description: "Print progress and results as JSON lines for machines." },
  };
}

/** How a run of training ends, whatever it trains. */
type Ended =
  | { readonly status: "interrupted"; readonly step: number; readonly checkpoint: string }
  | { readonly status: "finished"; readonly reportPath: string; readonly weightsPath: string };

/** What every trainer takes beside its own options. */
export interface RunHooks {
  readonly signal: AbortSignal;
  readonly onEvent?: (event: LogEvent) => void;
  readonly progress?: { readonly mode: ProgressMode; readonly stream: ProgressStream };
}

/** A run to make from the command line. */
export interface TrainingRun<R extends Ended> {
  readonly isJson: boolean;
  readonly terminal: Terminal;
  readonly train: (hooks: RunHooks) => Promise<R>;
  /** What a person reads at the end. */
  readonly describe: (result: R) => string;
  /** Flags by the trainer's names for them. */
  readonly flagNames: Readonly<Record<string, string>>;
}

/** Events for machines; progress comes once a second instead of every step. */
function jsonLines({ out }: Terminal): (event: LogEvent) => void {
  return (event) => {
    if (event.event !== "step-end") out(`${JSON.stringify(event)}\n`);
  };
}

/** Trains until the end or Ctrl-C, reports for people or machines, and gives the exit code. */
export async function runTraining<R extends Ended>(run: TrainingRun<R>): Promise<number> {
  const { isJson, terminal, train, describe, flagNames } = run;
  const interrupt = onInterrupt(() => {
    if (!isJson) terminal.error("\nstopping after this step (again to stop at once) ...\n");
  });
  try {
    const result = await train({
      signal: interrupt.signal,
      ...(isJson && {
        onEvent: jsonLines(terminal),
        progress: { mode: "json", stream: { write: terminal.out } },
      }),
    });
    terminal.out(isJson ? jsonResult(result) : describe(result));
    return result.status === "interrupted" ? 130 : 0;
  } catch (error) {
    if (isJson && error instanceof AthanorError) {
      const { code, message } = error;
      terminal.out(`${JSON.stringify({ event: "error", code, message })}\n`);
    }
    // The trainer speaks of its options, people here of flags.
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(withFlags(error.message, flagNames), { cause: error });
  } finally {
    interrupt.dispose();
  }
}

function jsonResult(result: Ended): string {
  if (result.status === "interrupted") {
    const { step, checkpoint } = result;
    return `${JSON.stringify({ event: "run-interrupted", step, checkpoint })}\n`;
  }
  const { reportPath, weightsPath } = result;
  return `${JSON.stringify({ event: "files-written", reportPath, weightsPath })}\n`;
}

function withFlags(message: string, flagNames: Readonly<Record<string, string>>): string {
  return Object.entries(flagNames).reduce(
    (text, [option, flag]) => text.replaceAll(option, `--${flag}`),
    message,
  );
}
