import { CheckpointError, ConfigError, ShapeError, UsageError } from "../../base/errors.ts";
import { Pcg64 } from "../../base/pcg64.ts";
import type { Pcg64State } from "../../base/pcg64.ts";
import { resolveDevice } from "../../engine/devices.ts";
import type { DeviceName } from "../../engine/devices.ts";
import type { Module } from "../../nn/module.ts";
import { Adam } from "../../optim/adam.ts";
import type { AdamOptions } from "../../optim/adam.ts";
import { clipGradNorm } from "../../optim/clip.ts";
import type { OptimizerState } from "../../optim/state.ts";
import type { Replay } from "../../rl/replay/replay.ts";
import { RunningStatistics } from "../../rl/running-statistics.ts";
import { Box } from "../../rl/box.ts";
import type { Env } from "../../rl/env.ts";
import type { Space } from "../../rl/space.ts";
import type { Rows, Transitions } from "../../rl/transitions.ts";
import { zeros } from "../../tensor/factories.ts";
import { Generator } from "../../tensor/generator.ts";
import { grad } from "../../tensor/grad.ts";
import { persistent, scope } from "../../tensor/memory.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { ActionCodec } from "./action-codec.ts";
import type { NetPlace } from "./actor-critic-nets.ts";
import { ExplorationNoise } from "./exploration-noise.ts";
import type { ActionNoiseSettings } from "./exploration-noise.ts";
import type { Learner, LearnerState, UpdateMetrics } from "./learner.ts";
import type { AdamSettings, OffPolicySettings } from "./off-policy-settings.ts";
import { learn } from "./learn.ts";
import type { LearnOptions, LearnResult } from "./learn.ts";
import { makeReplay } from "./make-replay.ts";
import { loadPolicy, restorePolicy, savePolicy } from "./policy-file.ts";
import { requireSame } from "./run-identity.ts";
import { scheduleAt } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";
import { rowSize } from "./space-rows.ts";
import type { LearnEnv } from "./stepper-of.ts";

/** The spaces of one environment. @throws {ConfigError} if there is none. */
export function spacesOf(env: LearnEnv): {
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;
} {
  if (isList(env)) {
    if (env.length > 0) return env[0];
    throw new ConfigError("learner: there must be at least one environment, got none");
  }
  if ("singleActionSpace" in env) {
    return { observationSpace: env.singleObservationSpace, actionSpace: env.singleActionSpace };
  }
  return { observationSpace: env.observationSpace, actionSpace: env.actionSpace };
}

/** Transitions as the updates see them. */
export interface UpdateBatch {
  /** [batch, observation size], normalised where the settings say so. */
  readonly observations: Tensor;
  /** [batch, action size], as stored. */
  readonly actions: Tensor;
  /** [batch], n of them added up and discounted. */
  readonly rewards: Tensor;
  readonly nextObservations: Tensor;
  /** [batch] discount of the value that follows: γⁿ, and 0 where the task ended. */
  readonly discounts: Tensor;
  /** [batch] how much each counts in losses; of a prioritised replay only. */
  readonly weights?: Tensor;
}

/** What a learner keeps beside the replay buffer: found here by what is saved and freed. */
export interface LearnerParts {
  readonly nets: Readonly<Record<string, Module>>;
  readonly optimizers: Readonly<Record<string, Adam>>;
  /** Further state, such as the temperature of SAC. */
  readonly tensors?: Readonly<Record<string, Tensor>>;
  readonly programs: readonly { dispose(): void }[];
}

/** How a learner acts. */
interface ActingSettings {
  readonly codec: ActionCodec;
  /** Steps with random actions. @defaultValue learningStarts */
  readonly randomSteps?: number | undefined;
  readonly actionNoise?: ActionNoiseSettings | null;
}

interface RatedOptimizer {
  readonly optimizer: Adam;
  readonly rate: Schedule;
}

const observationLimit = 10;

/**
 * What the off-policy algorithms share and none of it is an algorithm: memory, normalisation,
 * scaling of actions, random numbers, saving. Nets, losses and updates are in `ddpg.ts`, `td3.ts`,
 * `sac.ts` and `dqn.ts`.
 */
export abstract class OffPolicyLearner<S extends OffPolicySettings> implements Learner {
  readonly algorithm: string;
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;
  readonly options: Readonly<Record<string, unknown>>;
  /** The options by their types. */
  readonly settings: S;
  readonly learningStarts: number;
  readonly trainFrequency: number;
  readonly gradientSteps: number;
  /** Transitions in the memory of the device. */
  readonly replay: Replay;
  /** The environment it was made for. */
  readonly env: LearnEnv;
  protected readonly device: DeviceName;
  protected readonly codec: ActionCodec;
  protected readonly observationSize: number;
  /** Of choices on the host: random actions, noise. */
  protected readonly random: Pcg64;
  /** Of what programs draw: weights, noise of policies and targets. */
  protected readonly generator: Generator;
  protected readonly noise: ExplorationNoise | null;
  /** Scalars that programs write: see {@link UpdateMetrics}. */
  protected readonly metrics: Record<string, Tensor> = {};
  readonly #randomSteps: number;
  readonly #statistics: RunningStatistics | null;
  /** Mean and reciprocal deviation of observations on the device: [2, observation size]. */
  readonly #scaling: Tensor | null;
  #isScalingOld = true;
  readonly #rated: RatedOptimizer[] = [];
  #steps = 0;
  #updates = 0;

  constructor(
    algorithm: string,
    env: LearnEnv,
    settings: S,
    { codec, randomSteps = settings.learningStarts, actionNoise = null }: ActingSettings,
  ) {
    const { observationSpace, actionSpace } = spacesOf(env);
    const { bufferSize, nSteps, gamma } = settings;
    this.algorithm = algorithm;
    this.env = env;
    this.observationSpace = observationSpace;
    this.actionSpace = actionSpace;
    this.settings = settings;
    this.options = { ...(settings as Readonly<Record<string, unknown>>) };
    this.learningStarts = settings.learningStarts;
    this.trainFrequency = settings.trainFrequency;
    this.gradientSteps = settings.gradientSteps;
    this.codec = codec;
    this.#randomSteps = randomSteps;
    requireBox(algorithm, observationSpace);
    this.observationSize = rowSize(observationSpace, "observation");
    this.device = resolveDevice(settings.device ?? undefined);
    this.random = settings.seed === null ? new Pcg64() : new Pcg64(settings.seed);
    const { device, observationSize } = this;
    this.generator = new Generator(this.#drawSeed(), { device });
    this.replay = makeReplay(algorithm, env, settings, {
      capacity: bufferSize,
      observationSize,
      actionSize: codec.size,
      device,
      seed: this.#drawSeed(),
      nSteps,
      gamma,
    });
    this.noise =
      actionNoise === null
        ? null
        : new ExplorationNoise(actionNoise, codec.size, new Pcg64(this.#drawSeed()));
    const { normalizeObservations } = settings;
    this.#statistics = normalizeObservations ? new RunningStatistics([observationSize]) : null;
    this.#scaling = normalizeObservations
      ? persistent(() => zeros([2, observationSize], { device }))
      : null;
  }

  /** Steps of all environments that it remembers. */
  get steps(): number {
    return this.#steps;
  }

  /** Updates so far. */
  get updates(): number {
    return this.#updates;
  }

  /**
   * Learns from its environments until `totalSteps`: see the function {@link learn}.
   * @example await agent.learn({ totalSteps: 10_000, evaluation: { env: await make("Pendulum-v1") } });
   */
  async learn(options: LearnOptions): Promise<LearnResult> {
    return learn(this, this.env, options);
  }

  /**
   * Saves weights, optimizers and random states in a folder; `load` of the class reads it.
   * @returns the path of the file.
   * @throws {CheckpointError} if it cannot be written.
   */
  async save(folder: string, options: { readonly withReplay?: boolean } = {}): Promise<string> {
    return savePolicy(folder, this, options);
  }

  /**
   * One update from a batch of the memory, in one program on the device.
   * @returns numbers of this update, scalars on the device: the next update overwrites them.
   * @throws {UsageError} if fewer transitions than a batch are remembered.
   */
  abstract update(): UpdateMetrics;

  /** Stored actions, [count × action size], for observations of [count, observation size]. */
  protected abstract choose(observations: Tensor, isExploring: boolean): Rows;

  /** Nets, optimizers and other state, which it then saves, restores and frees. */
  protected abstract parts(): LearnerParts;

  act(observations: Rows, count: number, isExploring: boolean): Rows {
    requireRows(this.algorithm, observations, count, this.observationSize);
    if (isExploring && this.#steps < this.#randomSteps) {
      return this.codec.decode(this.codec.random(count, this.random));
    }
    this.#refreshScaling();
    const { device, observationSize } = this;
    using input = Tensor.from(observations, [count, observationSize], { device });
    return this.#decode(this.choose(input, isExploring));
  }

  /** The action for one observation, as the environment takes it. */
  async predict(
    observation: ArrayLike<number>,
    { deterministic = true }: { readonly deterministic?: boolean } = {},
  ): Promise<{ readonly action: Rows }> {
    return { action: this.act(Float32Array.from(observation), 1, !deterministic) };
  }

  remember(transitions: Transitions): void {
    const { count, observations } = transitions;
    requireRows(this.algorithm, observations, count, this.observationSize);
    this.replay.add({ ...transitions, actions: this.codec.encode(transitions.actions) });
    this.#steps += count;
    if (this.#statistics === null) return;
    this.#statistics.update(observations, count);
    this.#isScalingOld = true;
  }

  setProgress(done: number): void {
    this.noise?.setProgress(done);
    for (const { optimizer, rate } of this.#rated) {
      for (const group of optimizer.paramGroups) group.lr = scheduleAt(rate, done);
    }
  }

  episodeEnded(index: number): void {
    this.noise?.reset(index);
    this.replay.endEpisode(index);
  }

  state({ withReplay }: { readonly withReplay: boolean }): LearnerState {
    const { nets, optimizers, tensors = {} } = this.parts();
    const optimizerStates = Object.entries(optimizers).map(
      ([name, optimizer]) => [name, optimizer.stateDict()] as const,
    );
    const replay = withReplay ? this.replay.state() : null;
    return {
      tensors: {
        ...prefixed("", tensors),
        generator: this.generator.state,
        ...joined(Object.entries(nets).map(([name, net]) => prefixed(`${name}.`, net.stateDict()))),
        ...joined(optimizerStates.map(([name, { state }]) => optimizerTensors(name, state))),
        ...(replay !== null && prefixed("replay.", replay.tensors)),
      },
      plain: {
        algorithm: this.algorithm,
        observationSize: this.observationSize,
        actionSize: this.codec.size,
        steps: this.#steps,
        updates: this.#updates,
        random: this.random.state(),
        noise: this.noise?.state() ?? null,
        statistics: this.#statistics?.state() ?? null,
        optimizers: Object.fromEntries(
          optimizerStates.map(([name, { paramGroups }]) => [name, paramGroups]),
        ),
        replay: replay?.plain ?? null,
      },
    };
  }

  async loadState({ tensors, plain }: LearnerState): Promise<void> {
    this.#requireFitting(plain);
    this.#requireTensors(tensors);
    const { nets, optimizers, tensors: own = {} } = this.parts();
    for (const [name, net] of Object.entries(nets)) {
      net.loadStateDict(withPrefix(`${name}.`, tensors));
    }
    const groups = plain["optimizers"] as Record<string, OptimizerState["paramGroups"]>;
    for (const [name, optimizer] of Object.entries(optimizers)) {
      const state = optimizerState(withPrefix(`optimizers.${name}.`, tensors));
      optimizer.loadStateDict({ state, paramGroups: groups[name] });
    }
    for (const [name, tensor] of Object.entries({ ...own, generator: this.generator.state })) {
      tensor.assign(tensors[name].to(this.device));
    }
    this.random.setState(plain["random"] as Pcg64State);
    this.noise?.loadState(plain["noise"] as unknown[]);
    this.#statistics?.loadState(plain["statistics"] as never);
    this.#isScalingOld = true;
    this.#steps = plain["steps"] as number;
    this.#updates = plain["updates"] as number;
    if (plain["replay"] === null) return;
    this.replay.loadState({
      tensors: withPrefix("replay.", tensors),
      plain: plain["replay"] as never,
    });
  }

  /** Frees nets, optimizers, programs and the memory. The environments stay open. */
  dispose(): void {
    const { nets, optimizers, tensors = {}, programs } = this.parts();
    for (const program of programs) program.dispose();
    for (const net of Object.values(nets)) net.dispose();
    for (const optimizer of Object.values(optimizers)) optimizer.dispose();
    for (const tensor of [...Object.values(tensors), ...Object.values(this.metrics)]) {
      tensor.dispose();
    }
    this.generator.state.dispose();
    this.#scaling?.dispose();
    this.replay.dispose();
  }

  /** As `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Begins an update: what was remembered reaches the device.
   * @returns its number, from 1.
   * @throws {UsageError} if fewer transitions than a batch are remembered.
   */
  protected beginUpdate(): number {
    this.replay.prepare(this.settings.batchSize);
    this.#refreshScaling();
    return ++this.#updates;
  }

  /**
   * Transitions for an update, inside its program.
   * @param indices - rows of the replay buffer; without them a batch is drawn.
   */
  protected batch(indices?: Tensor): UpdateBatch {
    const { replay, settings } = this;
    const rows = indices === undefined ? replay.sample(settings.batchSize) : replay.gather(indices);
    return {
      ...rows,
      observations: this.normalize(rows.observations),
      nextObservations: this.normalize(rows.nextObservations),
      discounts: rows.discounts.mul(rows.terminated.neg().add(1)),
    };
  }

  /** Tells a prioritised replay by how much the drawn transitions missed their targets. */
  protected reportErrors(errors: Tensor, indices: Tensor | undefined): void {
    if (indices === undefined) this.replay.updatePriorities(errors);
  }

  /** Observations [count, size] as the nets take them, inside a program. */
  protected normalize(observations: Tensor): Tensor {
    if (this.#scaling === null) return observations;
    const mean = this.#scaling.select(0, 0);
    const factor = this.#scaling.select(0, 1);
    const limits = { min: -observationLimit, max: observationLimit };
    return observations.sub(mean).mul(factor).clamp(limits);
  }

  /** Adam, whose rate follows a schedule. Later options go before earlier ones. */
  protected adam(
    parameters: readonly Tensor[],
    rate: Schedule,
    ...options: readonly AdamSettings[]
  ): Adam {
    const lr = scheduleAt(rate, 0);
    const optimizer = new Adam(parameters, Object.assign({ lr }, ...options) as AdamOptions);
    this.#rated.push({ optimizer, rate });
    return optimizer;
  }

  /** A step of the optimizer down the loss, inside a program. */
  protected descend(optimizer: Adam, loss: Tensor): void {
    const gradients = grad(loss, optimizer.parameters);
    const { maxGradNorm } = this.settings;
    optimizer.step(maxGradNorm === null ? gradients : clipGradNorm(gradients, maxGradNorm).grads);
  }

  /** Sizes and sources of new nets. */
  protected netPlace(): NetPlace {
    const { observationSize, codec, generator, device } = this;
    return { observationSize, actionSize: codec.size, generator, device };
  }

  /** Makes the scalars that programs will write: `actor_loss` is logged as `train/actor_loss`. */
  protected declareMetrics(...names: readonly string[]): void {
    const { device } = this;
    for (const name of names) {
      this.metrics[`train/${name}`] = persistent(() => zeros([], { device }));
    }
  }

  /** Writes scalars inside a program. */
  protected record(values: Readonly<Record<string, Tensor>>): void {
    for (const [name, value] of Object.entries(values)) {
      this.metrics[`train/${name}`].assign(value);
    }
  }

  #decode(rows: Rows): Rows {
    for (let i = 0; i < rows.length; i++) if (!Number.isFinite(rows[i])) this.#refuse(rows[i]);
    return this.codec.decode(rows);
  }

  #refuse(value: number): never {
    throw new UsageError(
      `${this.algorithm}: the policy must give finite actions, got ${value} after ` +
        `${this.#updates} updates: the training diverged; lower learningRate, normalise ` +
        "observations, or scale the rewards down",
    );
  }

  /** Brings the running mean and deviation to the device if they have changed. */
  #refreshScaling(): void {
    if (this.#scaling === null || this.#statistics === null || !this.#isScalingOld) return;
    const { mean, variance } = this.#statistics;
    const values = new Float32Array(2 * this.observationSize);
    for (let i = 0; i < this.observationSize; i++) {
      values[i] = mean[i];
      values[this.observationSize + i] = 1 / Math.sqrt(variance[i] + 1e-8);
    }
    using next = Tensor.from(values, [2, this.observationSize], { device: this.device });
    this.#scaling.assign(next);
    this.#isScalingOld = false;
  }

  #drawSeed(): number {
    return this.random.integers(0, 2 ** 32);
  }

  /** Before anything is loaded, so that a state that does not fit changes nothing. */
  #requireTensors(tensors: LearnerState["tensors"]): void {
    scope(() => {
      for (const [key, { shape }] of Object.entries(this.state({ withReplay: false }).tensors)) {
        const given = tensors[key]?.shape;
        if (given?.join() === shape.join()) continue;
        const got = given === undefined ? "nothing" : `shape [${given.join(", ")}]`;
        throw new CheckpointError(
          `${this.algorithm}: the state must fit, got ${got} for ${key} of shape ` +
            `[${shape.join(", ")}]; make the learner with the options it was saved with`,
        );
      }
    });
  }

  #requireFitting(plain: Readonly<Record<string, unknown>>): void {
    const { algorithm, observationSize, codec } = this;
    const own: Record<string, unknown> = { algorithm, observationSize, actionSize: codec.size };
    for (const [name, value] of Object.entries(own)) {
      if (plain[name] === value) continue;
      throw new CheckpointError(
        `${algorithm}: the state must fit, got ${name} ${String(plain[name])} for ` +
          `${String(value)}; load it with the algorithm and the environment it was saved with`,
      );
    }
  }
}

/**
 * A learner as it was saved, of a class that `make` creates with the options it was saved with.
 *
 * @throws {CheckpointError} if the folder has no saved learner, or one of another algorithm or of
 *   other spaces.
 */
export async function loadLearner<L extends Learner>(
  folder: string,
  algorithm: string,
  make: (options: Readonly<Record<string, unknown>>) => L,
): Promise<L> {
  const saved = await loadPolicy(folder);
  requireSame("algorithm", saved.algorithm, algorithm);
  const learner = make(saved.options);
  try {
    await restorePolicy(learner, saved);
    return learner;
  } catch (error) {
    learner.dispose();
    throw error;
  }
}

/** The values of a tensor, which it frees. */
export function takeRows(tensor: Tensor): Rows {
  const rows = tensor.dataSync() as Rows;
  tensor.dispose();
  return rows;
}

function isList(env: LearnEnv): env is readonly Env[] {
  return Array.isArray(env);
}

function requireBox(owner: string, space: Space<unknown>): void {
  if (space instanceof Box) return;
  throw new ConfigError(
    `${owner}: the observation space must be a Box, got ${String(space)}; wrap the environment in ` +
      "FlattenObservation, which makes one of any space",
  );
}

function requireRows(owner: string, rows: Rows, count: number, size: number): void {
  if (rows.length === count * size && count > 0) return;
  throw new ShapeError(
    `${owner}: observations must be ${count} rows of ${size}, got ${rows.length} numbers`,
  );
}

function prefixed<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [prefix + key, value]));
}

function withPrefix<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  const own = Object.entries(values).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}

function joined<T>(parts: readonly Record<string, T>[]): Record<string, T> {
  return Object.assign({}, ...parts) as Record<string, T>;
}

/** State of an optimizer by flat keys: `optimizers.actor.0.exp_avg`. */
function optimizerTensors(name: string, state: OptimizerState["state"]): Record<string, Tensor> {
  return joined(
    Object.entries(state).map(([number, own]) => prefixed(`optimizers.${name}.${number}.`, own)),
  );
}

function optimizerState(tensors: Readonly<Record<string, Tensor>>): OptimizerState["state"] {
  const state: Record<string, Record<string, Tensor>> = {};
  for (const [key, tensor] of Object.entries(tensors)) {
    const [number, name] = key.split(".");
    (state[number] ??= {})[name] = tensor;
  }
  return state;
}
