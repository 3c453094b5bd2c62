import { ConfigError } from "../../base/errors.ts";
import type { DeviceName } from "../../engine/devices.ts";
import type { AdamGroupOptions } from "../../optim/adam.ts";
import { requireChoice, requireInRange } from "../../optim/checks.ts";
import { requireActionNoise } from "./exploration-noise.ts";
import type { ActionNoiseSettings } from "./exploration-noise.ts";
import type { ReplaySettings } from "./make-replay.ts";
import { activations } from "./mlp.ts";
import type { Activation } from "./mlp.ts";
import { requireKnownNames } from "../../rl/option-names.ts";
import { requireSchedule } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

/** Options that all algorithms here share, by the names of Stable-Baselines3. */
export interface OffPolicySettings extends ReplaySettings {
  /** Rate of Adam; one that moves while training is { from, to }. */
  readonly learningRate: Schedule;
  /** Options of Adam beside the rate, such as { weightDecay } or { eps }. */
  readonly optimizer: AdamSettings;
  /** Gradients are scaled down to this norm; null for no limit. */
  readonly maxGradNorm: number | null;
  /** Transitions that are kept; then the oldest are overwritten. */
  readonly bufferSize: number;
  /** Steps before the first update, at least as many as a batch has transitions. */
  readonly learningStarts: number;
  /** Transitions of an update. */
  readonly batchSize: number;
  /** Part of the way that target nets move to the online ones at an update of theirs, in (0, 1]. */
  readonly tau: number;
  /** Discount of the next step's value, in [0, 1]. */
  readonly gamma: number;
  /** Steps of each environment between updates. */
  readonly trainFrequency: number;
  /** Updates each time; -1: as many as steps were taken since. */
  readonly gradientSteps: number;
  /** Rewards that are added up before the value of what follows comes in. */
  readonly nSteps: number;
  /** Whether observations are scaled by their running mean and variance, and limited to ±10. */
  readonly normalizeObservations: boolean;
  /** What follows a hidden layer. */
  readonly activation: Activation;
  /** Whether hidden layers are normalised before their activation. */
  readonly layerNorm: boolean;
  /** Of everything the algorithm draws: weights, batches, noise. Null takes a new one each time. */
  readonly seed: number | null;
  /** Where nets and replay buffer live; null for the default device. */
  readonly device: DeviceName | null;
}

/** Options of Adam beside the rate. */
export type AdamSettings = Partial<
  Pick<AdamGroupOptions, "betas" | "eps" | "weightDecay" | "amsgrad" | "decoupledWeightDecay">
>;

/** Widths of hidden layers: of all nets, or of actors (pi) and critics (qf). */
export type NetArch =
  | readonly number[]
  | { readonly pi: readonly number[]; readonly qf: readonly number[] };

/** Options that the algorithms with a policy net share. */
export interface ActorCriticSettings extends OffPolicySettings {
  /** Rate of the actor where it differs; null for learningRate. */
  readonly actorLearningRate: Schedule | null;
  /** Rate of the critic where it differs; null for learningRate. */
  readonly criticLearningRate: Schedule | null;
  /** Options of the critic's Adam that differ from `optimizer`: Lillicrap's { weightDecay: 1e-2 }. */
  readonly criticOptimizer: AdamSettings;
  /** Noise on actions that explore; null for none. */
  readonly actionNoise: ActionNoiseSettings | null;
  /** Steps with random actions; null for learningStarts. */
  readonly randomSteps: number | null;
  readonly netArch: NetArch;
  /** Layer of the critic that takes the action in, from 1; Lillicrap's is 2. */
  readonly actionLayer: number;
  /** Bound of the last layers' first weights, Lillicrap's is 3e-3; null for 1/√fanIn. */
  readonly lastLayerInit: number | null;
  /** Weight of the mean square of the policy's outputs before tanh: keeps actions off the bounds. */
  readonly preactivationPenalty: number;
}

/** What the algorithms start from; each file says what it changes. */
export const offPolicyDefaults: OffPolicySettings = {
  learningRate: 1e-3,
  optimizer: {},
  maxGradNorm: null,
  bufferSize: 1_000_000,
  learningStarts: 1000,
  batchSize: 256,
  tau: 0.005,
  gamma: 0.99,
  trainFrequency: 1,
  gradientSteps: 1,
  nSteps: 1,
  prioritizedReplay: null,
  hindsightReplay: null,
  normalizeObservations: false,
  activation: "relu",
  layerNorm: false,
  seed: null,
  device: null,
};

export const actorCriticDefaults: ActorCriticSettings = {
  ...offPolicyDefaults,
  actorLearningRate: null,
  criticLearningRate: null,
  criticOptimizer: {},
  actionNoise: null,
  randomSteps: null,
  netArch: [256, 256],
  actionLayer: 1,
  lastLayerInit: null,
  preactivationPenalty: 0,
};

/**
 * The defaults with what a caller wants otherwise.
 *
 * @throws {ConfigError} for an option that does not exist, with the one that was probably meant.
 */
export function mergeSettings<S extends object>(owner: string, defaults: S, given: Partial<S>): S {
  requireKnownNames(owner, given, Object.keys(defaults));
  const wanted = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(wanted) };
}

/** @throws {ConfigError} if a shared option is out of its range. */
export function requireOffPolicySettings(owner: string, settings: OffPolicySettings): void {
  const check = requireInRange.bind(null, owner);
  requireSchedule(owner, "learningRate", settings.learningRate, { above: 0, below: Infinity });
  check("tau", settings.tau, { above: 0, max: 1 });
  check("gamma", settings.gamma, { min: 0, max: 1 });
  check("batchSize", settings.batchSize, { min: 1, below: Infinity, isInteger: true });
  check("nSteps", settings.nSteps, { min: 1, max: 1000, isInteger: true });
  check("trainFrequency", settings.trainFrequency, { min: 1, below: Infinity, isInteger: true });
  check("gradientSteps", settings.gradientSteps, { min: -1, below: Infinity, isInteger: true });
  requireChoice(owner, "activation", settings.activation, activations);
  if (settings.maxGradNorm !== null) {
    check("maxGradNorm", settings.maxGradNorm, { above: 0, below: Infinity });
  }
  if (settings.seed !== null) {
    check("seed", settings.seed, { min: 0, max: Number.MAX_SAFE_INTEGER, isInteger: true });
  }
  requireBatchFits(owner, settings);
}

/** @throws {ConfigError} if the first update could not fill its batch. */
function requireBatchFits(owner: string, settings: OffPolicySettings): void {
  const { batchSize, bufferSize, learningStarts, nSteps } = settings;
  const integer = { below: Infinity, isInteger: true };
  requireInRange(owner, "bufferSize", bufferSize, { min: batchSize, ...integer });
  requireInRange(owner, "learningStarts", learningStarts, { min: 0, ...integer });
  if (learningStarts >= batchSize + nSteps - 1) return;
  throw new ConfigError(
    `${owner}: learningStarts must be at least batchSize + nSteps - 1, so that the first update has ` +
      `a batch, got ${learningStarts}, ${batchSize} and ${nSteps}; raise learningStarts`,
  );
}

/** @throws {ConfigError} if an option is out of its range. */
export function requireActorCriticSettings(owner: string, settings: ActorCriticSettings): void {
  requireOffPolicySettings(owner, settings);
  const check = requireInRange.bind(null, owner);
  for (const name of ["actorLearningRate", "criticLearningRate"] as const) {
    const rate = settings[name];
    if (rate !== null) requireSchedule(owner, name, rate, { above: 0, below: Infinity });
  }
  if (settings.actionNoise !== null) requireActionNoise(owner, settings.actionNoise);
  const { pi, qf } = bothArchs(settings.netArch);
  requireWidths(owner, pi);
  requireWidths(owner, qf);
  if (settings.randomSteps !== null) {
    check("randomSteps", settings.randomSteps, { min: 0, below: Infinity, isInteger: true });
  }
  check("actionLayer", settings.actionLayer, { min: 1, max: qf.length + 1, isInteger: true });
  check("preactivationPenalty", settings.preactivationPenalty, { min: 0, below: Infinity });
  if (settings.lastLayerInit !== null) {
    check("lastLayerInit", settings.lastLayerInit, { above: 0, below: Infinity });
  }
}

/** Hidden layers of actors and critics. */
export function bothArchs(netArch: NetArch): {
  readonly pi: readonly number[];
  readonly qf: readonly number[];
} {
  return "pi" in netArch ? netArch : { pi: netArch, qf: netArch };
}

/** @throws {ConfigError} if they are no list of positive integers. */
export function requireWidths(owner: string, widths: readonly number[]): void {
  if (Array.isArray(widths) && widths.every((width) => Number.isInteger(width) && width > 0))
    return;
  throw new ConfigError(
    `${owner}: netArch must be widths of hidden layers such as [256, 256], or { pi, qf } with such ` +
      `lists, got ${JSON.stringify(widths)}`,
  );
}
