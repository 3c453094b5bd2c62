import { ConfigError } from "../base/errors.ts";

/** How a run computes: see {@link GptSettings.precision}. */
export type GptPrecision = "f32" | "tf32" | "bf16";

/** Which tokens a run learns. */
export type GptTokenizer = "bytes" | "gpt2";

/** What decides the outcome of a run; a resumed run takes it from its checkpoint. */
export interface GptSettings {
  /** @defaultValue 4 */
  readonly layers: number;
  /** @defaultValue 4 */
  readonly heads: number;
  /** @defaultValue 128 */
  readonly width: number;
  /** Tokens of a sequence. @defaultValue 128 */
  readonly context: number;
  /** Sequences that are computed at once. @defaultValue 16 */
  readonly batch: number;
  /** Batches whose gradients make one step. @defaultValue 1 */
  readonly accumulate: number;
  /** Steps of the run; 0 for no limit but `minutes`. @defaultValue 1000, or 0 if minutes are given */
  readonly steps: number;
  /** Minutes of training after which the run ends; 0 for no limit. @defaultValue 0 */
  readonly minutes: number;
  /** Highest learning rate. @defaultValue 1e-3, from width 512 on 6e-4 */
  readonly lr: number;
  /** Steps until the highest rate. @defaultValue 100, at most a tenth of the steps */
  readonly warmup: number;
  /** Decay of matrices and tables. @defaultValue 0.1 */
  readonly weightDecay: number;
  /** Largest norm of a step's gradient. @defaultValue 1 */
  readonly clip: number;
  /** @defaultValue 0 */
  readonly dropout: number;
  /**
   * `f32`; `tf32`: products of f32 may round their operands; `bf16`: parameters and activations in
   * bf16 with f32 master weights. @defaultValue "f32"
   */
  readonly precision: GptPrecision;
  /** @defaultValue "bytes", from width 512 on "gpt2" */
  readonly tokenizer: GptTokenizer;
  /** Of the weights and of the order. @defaultValue 0 */
  readonly seed: number;
}

type Name = keyof GptSettings;

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isPositive = (value: number): boolean => value > 0 && value < Infinity;
const isNonNegative = (value: number): boolean => value >= 0 && value < Infinity;

type Check = readonly [fits: (value: number) => boolean, range: string];
const count: Check = [isCount, "a positive integer"];
const whole: Check = [isWhole, "0 or a positive integer"];

const checks: Readonly<Record<Exclude<Name, "precision" | "tokenizer">, Check>> = {
  layers: count,
  heads: count,
  width: count,
  context: count,
  batch: count,
  accumulate: count,
  steps: whole,
  minutes: [isNonNegative, "a number ≥ 0"],
  lr: [isPositive, "a positive number"],
  warmup: whole,
  weightDecay: [isNonNegative, "a number ≥ 0"],
  clip: [isPositive, "a positive number"],
  dropout: [(value) => value >= 0 && value < 1, "a number in [0, 1)"],
  seed: whole,
};

const choices: Readonly<Record<"precision" | "tokenizer", readonly string[]>> = {
  precision: ["f32", "tf32", "bf16"],
  tokenizer: ["bytes", "gpt2"],
};

function defaultsFor(given: Partial<GptSettings>): GptSettings {
  const { width = 128, minutes = 0 } = given;
  const steps = given.steps ?? (minutes > 0 ? 0 : 1000);
  const isWide = width >= 512;
  return {
    layers: 4,
    heads: 4,
    width,
    context: 128,
    batch: 16,
    accumulate: 1,
    steps,
    minutes,
    lr: isWide ? 6e-4 : 1e-3,
    warmup: steps === 0 ? 100 : Math.min(100, Math.floor(steps / 10)),
    weightDecay: 0.1,
    clip: 1,
    dropout: 0,
    precision: "f32",
    tokenizer: isWide ? "gpt2" : "bytes",
    seed: 0,
  };
}

/**
 * The given settings over the defaults, or over those of the run that is resumed.
 * @throws {ConfigError} for values out of range, and for others than the resumed run's.
 */
export function resolveGptSettings(given: Partial<GptSettings>, saved?: GptSettings): GptSettings {
  const base = saved ?? defaultsFor(given);
  const names = Object.keys(base) as Name[];
  const settings = Object.fromEntries(
    names.map((name) => [name, given[name] ?? base[name]]),
  ) as unknown as GptSettings;
  for (const name of names) {
    if (saved === undefined || settings[name] === saved[name]) continue;
    throw new ConfigError(
      `train gpt: ${name} must be as in the run that is resumed, got ${settings[name]} instead of ` +
        `${saved[name]}; leave it out, or start a new run in another folder`,
    );
  }
  check(settings);
  return settings;
}

function check(settings: GptSettings): void {
  for (const [name, [fits, range]] of Object.entries(checks)) {
    const value = settings[name as keyof typeof checks];
    if (typeof value === "number" && fits(value)) continue;
    throw new ConfigError(`train gpt: ${name} must be ${range}, got ${String(value)}`);
  }
  for (const [name, known] of Object.entries(choices)) {
    const value = settings[name as keyof typeof choices];
    if (known.includes(value)) continue;
    throw new ConfigError(`train gpt: ${name} must be one of ${known.join(", ")}, got "${value}"`);
  }
  const { heads, width, steps, minutes } = settings;
  if (width % heads !== 0) {
    throw new ConfigError(`train gpt: heads must divide width, got ${heads} and ${width}`);
  }
  if (steps === 0 && minutes === 0) {
    throw new ConfigError("train gpt: steps or minutes must be given, got 0 for both");
  }
}

/** How much of a run is done, from 0 to 1, by steps or by time, whichever is further. */
export function gptProgress(settings: GptSettings, step: number, seconds: number): number {
  const bySteps = settings.steps === 0 ? 0 : step / settings.steps;
  const byTime = settings.minutes === 0 ? 0 : seconds / (60 * settings.minutes);
  return Math.min(1, Math.max(bySteps, byTime));
}

/** Learning rate of a step: linear warm-up, then half a cosine down to a tenth. */
export function gptRate(settings: GptSettings, step: number, seconds: number): number {
  const { lr, warmup, steps } = settings;
  if (step < warmup) return (lr * (step + 1)) / warmup;
  const start = steps === 0 ? 0 : warmup / steps;
  const done = gptProgress(settings, step, seconds);
  const progress = Math.max(0, (done - start) / Math.max(1e-9, 1 - start));
  return lr * (0.1 + 0.45 * (1 + Math.cos(Math.PI * progress)));
}
