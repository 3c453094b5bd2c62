import { join } from "node:path";
import { backendOf } from "../engine/devices.ts";
import { getFloat32MatmulPrecision, setFloat32MatmulPrecision } from "../engine/precision.ts";
import { saveSafetensors } from "../io/save-safetensors.ts";
import type { OptimizerState } from "../optim/state.ts";
import { init } from "../tensor/device.ts";
import { defaultGenerator, manualSeed } from "../tensor/generator.ts";
import { scope } from "../tensor/memory.ts";
import { Tensor } from "../tensor/tensor.ts";
import { CheckpointFolder } from "./checkpoint-folder.ts";
import { ConfigError } from "../base/errors.ts";
import { flopsPerToken, peakFlops } from "./device-peaks.ts";
import type { Corpus } from "./gpt-corpus.ts";
import { heldOutBatches, loadCorpus, trainBatch } from "./gpt-corpus.ts";
import { writeGptReport } from "./gpt-report.ts";
import type { GptSettings } from "./gpt-settings.ts";
import { gptProgress, gptRate, resolveGptSettings } from "./gpt-settings.ts";
import type { GptSteps } from "./gpt-steps.ts";
import { makeGptSteps } from "./gpt-steps.ts";
import type { JsonlLogger, LogEvent } from "./jsonl-logger.ts";
import { jsonlLogger, readJsonl } from "./jsonl-logger.ts";
import { assertFinite, RunningMean } from "./metrics.ts";
import type { ProgressBar, ProgressMode, ProgressStream } from "./progress-bar.ts";
import { progressBar } from "./progress-bar.ts";
import { holdsInterruptedRun } from "./run-folder.ts";

/** Options of {@link trainGpt}. */
export interface GptOptions extends Partial<GptSettings> {
  /** Text file to learn; `<|endoftext|>` parts documents. @defaultValue State of the Union addresses */
  readonly text?: string | undefined;
  /** What the sample begins with. @defaultValue nothing */
  readonly prompt?: string;
  /** Minutes between checkpoints. @defaultValue 10 */
  readonly checkpointMinutes?: number;
  /** Folder of the report, weights, checkpoints and log. @defaultValue "runs/gpt" */
  readonly out?: string;
  /** Continues the run in `out` from its last checkpoint. @defaultValue false */
  readonly resume?: boolean;
  /** @defaultValue the default device */
  readonly device?: string;
  /** @defaultValue what the machine has */
  readonly threads?: number;
  /** When it aborts, the run saves a checkpoint after the current step and returns. */
  readonly signal?: AbortSignal;
  /** How progress is shown. */
  readonly progress?: {
    readonly mode?: ProgressMode | undefined;
    readonly stream?: ProgressStream;
  };
  /** Receives what the log does. */
  readonly onEvent?: (event: LogEvent) => void;
}

/** What a finished run came to. */
export interface GptSummary {
  readonly settings: GptSettings;
  readonly step: number;
  /** Spent in training, over all parts of the run. */
  readonly seconds: number;
  readonly tokens: number;
  /** Of this part of the run, without its first step, which compiles; undefined if there was no other. */
  readonly tokensPerSecond: number | undefined;
  /** Share of the device's peak that the model's arithmetic took; undefined for unknown devices. */
  readonly mfu: number | undefined;
  /** Mean cross-entropy per held-out token, in nats. */
  readonly heldOutLoss: number;
  readonly bitsPerByte: number;
  readonly sample: string;
}

/** How a run ended. */
export type GptResult =
  | { readonly status: "interrupted"; readonly step: number; readonly checkpoint: string }
  | (GptSummary & {
      readonly status: "finished";
      readonly reportPath: string;
      readonly weightsPath: string;
    });

/** Everything a run needs to continue. */
interface GptState {
  readonly settings: GptSettings;
  readonly trainTokens: number;
  readonly step: number;
  readonly seconds: number;
  readonly model: Record<string, Tensor>;
  readonly optimizer: OptimizerState;
  readonly random: readonly number[];
}

/** How often the held-out loss is measured over a run. */
const evaluations = 10;
const sampleTokens = 200;

/**
 * Trains a GPT on text from nothing: AdamW with decay of matrices only, warm-up and cosine, clipped
 * gradients, a held-out part of the text, a sample at the end. The model is GPT-2's architecture, so
 * that its weights load in transformers too.
 *
 * A run that is limited by steps and was interrupted continues bit for bit.
 * @throws {ConfigError} for options out of range; {CheckpointError} if there is nothing to resume or
 *   files cannot be written; {AthanorError} NON_FINITE_LOSS if training diverges.
 */
export function trainGpt(options: GptOptions = {}): Promise<GptResult> {
  return scope(async () => {
    const before = getFloat32MatmulPrecision();
    try {
      return await runGpt(options);
    } finally {
      setFloat32MatmulPrecision(before);
    }
  });
}

async function runGpt(options: GptOptions): Promise<GptResult> {
  const { out = join("runs", "gpt"), resume = false, device, threads } = options;
  const { name } = await init({
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
  });
  const checkpoints = new CheckpointFolder(join(out, "checkpoints"));
  const saved = resume ? await checkpoints.load<GptState>() : undefined;
  const settings = resolveGptSettings(options, saved?.settings);
  if (settings.precision === "tf32") setFloat32MatmulPrecision("high");
  const corpus = await loadCorpus(options.text, settings);
  checkPrompt(options, settings, corpus);
  requireSameText(corpus, saved);
  manualSeed(settings.seed);
  using steps = makeGptSteps(settings, corpus.tokenizer.vocabSize);
  if (saved !== undefined) {
    steps.model.loadStateDict(saved.model);
    steps.optimizer.loadStateDict(saved.optimizer);
    defaultGenerator().setState(saved.random);
  }
  const logPath = join(out, "log.jsonl");
  using bar = makeBar(settings, saved, options);
  if (!resume && (await holdsInterruptedRun(checkpoints, logPath))) {
    bar.note(`note: ${out} holds an interrupted run (--resume continues it); starting anew`);
  }
  const keep = (event: LogEvent): boolean =>
    saved !== undefined && Number(event["step"]) <= saved.step;
  using log = jsonlLogger(logPath, { keep });
  const run = new GptRun({ options, settings, corpus, steps, checkpoints, bar, log, device: name });
  run.begin(saved);
  // Log and bar stay open until it is done.
  return await run.finish(await run.train(), out, logPath);
}

function checkPrompt(
  { prompt = "", checkpointMinutes = 10 }: GptOptions,
  { context }: GptSettings,
  { tokenizer }: Corpus,
): void {
  const { length } = tokenizer.encode(prompt);
  if (length >= context) {
    throw new ConfigError(
      `train gpt: prompt must be shorter than context ${context}, got ${length} tokens`,
    );
  }
  if (checkpointMinutes > 0) return;
  throw new ConfigError(
    `train gpt: checkpointMinutes must be a positive number, got ${checkpointMinutes}`,
  );
}

function requireSameText({ train, name }: Corpus, saved: GptState | undefined): void {
  if (saved === undefined || saved.trainTokens === train.length) return;
  throw new ConfigError(
    `train gpt: text must be that of the run that is resumed, got ${train.length} tokens of ${name} ` +
      `instead of ${saved.trainTokens}; give the same text`,
  );
}

/** A bar over steps, or over seconds where only these limit the run. */
function makeBar(
  settings: GptSettings,
  saved: GptState | undefined,
  { progress }: GptOptions,
): ProgressBar {
  const { steps, minutes } = settings;
  const [label, total, start] =
    steps > 0
      ? ["training", steps, saved?.step ?? 0]
      : ["training, seconds", Math.ceil(minutes * 60), Math.floor(saved?.seconds ?? 0)];
  return progressBar({ label, total, start, ...progress });
}

interface GptRunParts {
  readonly options: GptOptions;
  readonly settings: GptSettings;
  readonly corpus: Corpus;
  readonly steps: GptSteps;
  readonly checkpoints: CheckpointFolder;
  readonly bar: ProgressBar;
  readonly log: JsonlLogger;
  readonly device: string;
}

/** A step whose loss is on its way from the device. */
interface PendingStep {
  readonly step: number;
  readonly lr: number;
  readonly values: Promise<ArrayLike<number>>;
  /** Whether its time counts for tokens per second: not with compiling in it. */
  readonly isMeasured: boolean;
  /** Seconds it took to start while no other step was waited for. */
  readonly startSeconds: number;
}

class GptRun {
  readonly #parts: GptRunParts;
  readonly #flops: number;
  readonly #peak: number | undefined;
  readonly #deviceName: string;
  #step = 0;
  #seconds = 0;
  #checkpoint: string | undefined;
  #heldOutLoss = NaN;
  #pending: PendingStep | undefined;
  /** Steps and seconds that count for the rate: those after the first one, which compiles. */
  #hasCompiled = false;
  #measuredSteps = 0;
  #measuredSeconds = 0;

  constructor(parts: GptRunParts) {
    this.#parts = parts;
    const { layers, width, context, precision } = parts.settings;
    const positions = context * width;
    const all = parts.steps.model.parameters().reduce((sum, { numel }) => sum + numel, 0);
    this.#flops = flopsPerToken({ parameters: all - positions, layers, width, context });
    this.#deviceName = backendOf(parts.device).info.name;
    this.#peak = peakFlops(this.#deviceName, precision);
  }

  begin(saved: GptState | undefined): void {
    const { settings, corpus, checkpoints, device } = this.#parts;
    this.#step = saved?.step ?? 0;
    this.#seconds = saved?.seconds ?? 0;
    this.#checkpoint = saved === undefined ? undefined : checkpoints.pathOf(saved.step);
    this.#emit({
      event: saved === undefined ? "run-start" : "run-resume",
      step: this.#step,
      ...settings,
      device,
      text: corpus.name,
      trainTokens: corpus.train.length,
      heldOutTokens: corpus.heldOut.length,
    });
  }

  /** Trains to the end, or until the signal. @returns whether it came to the end. */
  async train(): Promise<boolean> {
    const { signal, checkpointMinutes = 10 } = this.#parts.options;
    let savedAt = this.#seconds;
    while (this.#progress < 1) {
      const before = Math.floor(this.#progress * evaluations);
      await this.#advance();
      if (signal?.aborted === true && this.#progress < 1) {
        await this.#settle();
        await this.#save();
        return false;
      }
      if (Math.floor(this.#progress * evaluations) > before) await this.#evaluate();
      if (this.#seconds - savedAt < checkpointMinutes * 60 || this.#progress >= 1) continue;
      savedAt = this.#seconds;
      await this.#save();
    }
    await this.#settle();
    if (Number.isNaN(this.#heldOutLoss)) await this.#evaluate();
    await this.#save();
    return true;
  }

  /** Writes what a run leaves. */
  async finish(isComplete: boolean, out: string, logPath: string): Promise<GptResult> {
    if (!isComplete) {
      const checkpoint = this.#checkpoint ?? "";
      return { status: "interrupted", step: this.#step, checkpoint };
    }
    const summary = await this.#summarize();
    const { heldOutLoss, bitsPerByte, seconds, tokensPerSecond, mfu, step } = summary;
    this.#emit({ event: "run-end", step, heldOutLoss, bitsPerByte, seconds, tokensPerSecond, mfu });
    const { corpus, steps } = this.#parts;
    const weightsPath = join(out, "model.safetensors");
    const reportPath = join(out, "report.html");
    // The classifier is the table of tokens.
    const { "lm_head.weight": _tied, ...state } = steps.model.stateDict();
    const config = JSON.stringify(steps.model.config);
    const metadata = { format: "pt", model: "GPT2", config, tokenizer: corpus.tokenizer.name };
    await saveSafetensors(weightsPath, state, { metadata });
    await writeGptReport(reportPath, {
      ...summary,
      text: corpus.name,
      trainTokens: corpus.train.length,
      heldOutTokens: corpus.heldOut.length,
      parameters: steps.model.parameters().reduce((sum, { numel }) => sum + numel, 0),
      device: `${this.#parts.device} (${this.#deviceName})`,
      events: readJsonl(logPath),
    });
    return { status: "finished", ...summary, reportPath, weightsPath };
  }

  get #progress(): number {
    return gptProgress(this.#parts.settings, this.#step, this.#seconds);
  }

  get #tokensPerStep(): number {
    const { batch, context, accumulate } = this.#parts.settings;
    return batch * context * accumulate;
  }

  get #tokensPerSecond(): number | undefined {
    if (this.#measuredSteps === 0) return undefined;
    return (this.#measuredSteps * this.#tokensPerStep) / this.#measuredSeconds;
  }

  get #mfu(): number | undefined {
    const rate = this.#tokensPerSecond;
    if (this.#peak === undefined || rate === undefined) return undefined;
    return (rate * this.#flops) / this.#peak;
  }

  /** Starts a step, then waits for the one before: the device always has work. */
  async #advance(): Promise<void> {
    const { settings, corpus, steps } = this.#parts;
    const start = performance.now();
    const lr = gptRate(settings, this.#step, this.#seconds);
    steps.setRate(lr);
    const batches = Array.from({ length: settings.accumulate }, (_, part) =>
      trainBatch(corpus, settings, this.#step, part),
    );
    const result = steps.train(batches);
    const values = result.data();
    // Whoever waits for it hears of a failure; nobody may wait any more when another step fails.
    values.catch(() => undefined);
    result.dispose();
    for (const batch of batches) batch.dispose();
    this.#step++;
    const isFirst = !this.#hasCompiled;
    this.#hasCompiled = true;
    const before = this.#pending;
    const startSeconds = before === undefined ? (performance.now() - start) / 1000 : 0;
    this.#pending = { step: this.#step, lr, values, isMeasured: !isFirst, startSeconds };
    if (before !== undefined) await this.#finish(before, start);
    if (isFirst) await this.#settle();
  }

  /** Waits for the step that is on its way. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) await this.#finish(pending, performance.now());
  }

  /** Waits for a step and counts the time from `start` to its end. */
  async #finish(pending: PendingStep, start: number): Promise<void> {
    await Promise.allSettled([pending.values]);
    const seconds = pending.startSeconds + (performance.now() - start) / 1000;
    this.#seconds += seconds;
    if (pending.isMeasured) {
      this.#measuredSteps++;
      this.#measuredSeconds += seconds;
    }
    await this.#note(pending);
  }

  async #note({ step, lr, values }: PendingStep): Promise<void> {
    const [loss, norm] = Array.from(await values);
    assertFinite(loss, { step, lr, checkpoint: this.#checkpoint });
    const rate = this.#tokensPerSecond;
    const tokensPerSecond = rate === undefined ? undefined : Math.round(rate);
    this.#emit({ event: "step-end", step, loss, norm, lr, tokensPerSecond });
    const { steps } = this.#parts.settings;
    const share = this.#mfu;
    this.#parts.bar.update(steps > 0 ? step : Math.floor(this.#seconds), {
      loss,
      ...(tokensPerSecond !== undefined && { "tokens/s": tokensPerSecond }),
      ...(share !== undefined && { MFU: `${(100 * share).toFixed(1)} %` }),
    });
  }

  async #evaluate(): Promise<void> {
    await this.#settle();
    const { corpus, settings, steps, bar } = this.#parts;
    const mean = new RunningMean();
    for (const batch of heldOutBatches(corpus, settings)) {
      using loss = steps.evaluate(batch);
      mean.add(await loss.item());
      batch.dispose();
    }
    this.#heldOutLoss = mean.mean;
    const bitsPerByte = this.#bitsPerByte;
    this.#emit({ event: "evaluation-end", step: this.#step, heldOutLoss: mean.mean, bitsPerByte });
    bar.note(
      `step ${this.#step}  held-out loss ${mean.mean.toFixed(4)}  ` +
        `${bitsPerByte.toFixed(3)} bits per byte`,
    );
  }

  get #bitsPerByte(): number {
    return this.#heldOutLoss / Math.LN2 / this.#parts.corpus.bytesPerToken;
  }

  async #save(): Promise<void> {
    const { settings, corpus, steps, checkpoints } = this.#parts;
    const state = {
      settings,
      trainTokens: corpus.train.length,
      step: this.#step,
      seconds: this.#seconds,
      model: steps.model.stateDict(),
      optimizer: steps.optimizer.stateDict(),
      random: [...(await defaultGenerator().getState())],
    } satisfies GptState;
    const { path } = await scope(() => checkpoints.save(this.#step, state));
    this.#checkpoint = path;
    this.#emit({ event: "checkpoint-end", step: this.#step, path });
  }

  async #summarize(): Promise<GptSummary> {
    const { settings } = this.#parts;
    return {
      settings,
      step: this.#step,
      seconds: this.#seconds,
      tokens: this.#step * this.#tokensPerStep,
      tokensPerSecond: this.#tokensPerSecond,
      mfu: this.#mfu,
      heldOutLoss: this.#heldOutLoss,
      bitsPerByte: this.#bitsPerByte,
      sample: await this.#sample(),
    };
  }

  async #sample(): Promise<string> {
    const { corpus, options, steps, settings } = this.#parts;
    const { tokenizer } = corpus;
    const start = [tokenizer.endOfText, ...tokenizer.encode(options.prompt ?? "")];
    const maxNewTokens = Math.min(sampleTokens, settings.context - start.length + 1);
    steps.model.eval();
    return scope(async () => {
      const prompt = Tensor.from(Int32Array.from(start), [1, start.length], { dtype: "i32" });
      const drawing = { maxNewTokens, temperature: 0.8, topK: 200 };
      const longer = await steps.model.generate(prompt, drawing);
      return tokenizer.decode(await longer.data());
    });
  }

  #emit(event: LogEvent): void {
    this.#parts.log.log(event);
    this.#parts.options.onEvent?.(event);
  }
}
