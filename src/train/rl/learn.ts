import type { Seed } from "../../base/pcg64.ts";
import { AthanorError, ConfigError } from "../../base/errors.ts";
import { nextTask } from "../../engine/platform.ts";
import type { Env } from "../../rl/env.ts";
import { requireKnownNames } from "../../rl/option-names.ts";
import type { Rows } from "../../rl/transitions.ts";
import { scope } from "../../tensor/memory.ts";
import type {
  Callback,
  CallbackLike,
  LogValues,
  Training,
  TrainingEvaluation,
} from "./callback.ts";
import { isDue, toCallback } from "./callback.ts";
import type { EvaluationOptions } from "./callbacks/eval-callback.ts";
import { EvalCallback } from "./callbacks/eval-callback.ts";
import { discountOf, overestimationWarning } from "./critic-check.ts";
import type { EnvStepper, SteppedEnvs } from "./env-stepper.ts";
import type { LearnEnv } from "./stepper-of.ts";
import { stepperOf } from "./stepper-of.ts";
import type { EpisodeRecord } from "./episode-record.ts";
import { EpisodeTracker } from "./episode-record.ts";
import type { LearnVectorEnv } from "./learn-vector-env.ts";
import type { Learner, UpdateMetrics } from "./learner.ts";
import type { RunLogger } from "./logs/run-logger.ts";
import { requireCount } from "./option-checks.ts";
import { RolloutStatistics } from "./rollout-statistics.ts";
import { identityOf, requireSameRun } from "./run-identity.ts";
import type { RunState } from "./run-state.ts";
import type { SaturationCount } from "./space-rows.ts";
import { rowSize, saturationOf } from "./space-rows.ts";

/** Options of {@link learn}. */
export interface LearnOptions {
  /** Steps of all environments together, those of a resumed state included. */
  readonly totalSteps: number;
  /** Called in this order, after the evaluation. */
  readonly callbacks?: CallbackLike | readonly CallbackLike[];
  /** Judges the policy every now and then, as {@link EvalCallback} does. */
  readonly evaluation?: EvaluationOptions;
  /** Closed at the end. */
  readonly logger?: RunLogger | readonly RunLogger[];
  /** Steps between lines of the log. @defaultValue 1000 */
  readonly logEvery?: number;
  /** Environment i begins with `reset({ seed: seed + i })`. @defaultValue unseeded */
  readonly seed?: Seed;
  /** Continues from the state of another training of the same algorithm and environment. */
  readonly resume?: RunState;
  /** When it aborts, training ends after the present step. */
  readonly signal?: AbortSignal;
  /** Takes lines for people. @defaultValue `console.error` */
  readonly onNote?: (text: string) => void;
}

/** How a training ended. */
export interface LearnResult {
  /** `stopped` by a callback, `interrupted` by the signal. */
  readonly status: "finished" | "stopped" | "interrupted";
  /** Why a callback stopped it. */
  readonly reason: string | null;
  readonly steps: number;
  readonly episodes: number;
  readonly updates: number;
  readonly seconds: number;
  /** Mean return of the last 100 episodes, exploration included; NaN if none ended. */
  readonly meanReturn: number;
}

type StepAnswer = ReturnType<NonNullable<Callback["onStep"]>>;

/** Milliseconds until other tasks get a turn: Ctrl-C is heard, pages are drawn. */
const turnMs = 40;

/**
 * Lets an algorithm learn from environments: act, step, remember, update, until `totalSteps`.
 *
 * @throws {ConfigError} for options out of range, or spaces that are not the learner's;
 *   {CheckpointError} if the state to resume is of another run; {AthanorError} NON_FINITE_STEP if
 *   an environment gives no number, NON_FINITE_LOSS if the networks do.
 */
export async function learn(
  learner: Learner,
  env: LearnEnv,
  options: LearnOptions,
): Promise<LearnResult> {
  const loop = new LearningLoop(learner, stepperOf(env), options);
  try {
    return await loop.run();
  } finally {
    loop.close();
  }
}

class LearningLoop implements Training {
  readonly learner: Learner;
  readonly totalSteps: number;
  readonly rollout: RolloutStatistics = new RolloutStatistics();
  readonly #stepper: EnvStepper;
  readonly #options: LearnOptions;
  readonly #callbacks: readonly Callback[];
  readonly #loggers: readonly RunLogger[];
  readonly #logEvery: number;
  readonly #trackers: readonly EpisodeTracker[];
  readonly #gamma: number | undefined;
  readonly #saturation: SaturationCount | null;
  readonly #actionSize: number;
  readonly #note: (text: string) => void;
  #steps = 0;
  #previousSteps = 0;
  #episodes = 0;
  #updates = 0;
  #stepsSinceUpdates = 0;
  /** Steps when the replay buffer was last empty: a run resumed without it has to fill it anew. */
  #emptyUntil = 0;
  #secondsBefore = 0;
  #startedAt = 0;
  #stepsBefore = 0;
  #recorded: Record<string, number> = {};
  #metrics: UpdateMetrics | null = null;
  #hasWarned = false;
  #loggedAt = 0;
  #stopReason: string | null = null;
  #tasks: (() => Promise<void>)[] = [];

  constructor(learner: Learner, stepper: EnvStepper, options: LearnOptions) {
    checkOptions(options);
    this.learner = learner;
    this.totalSteps = options.totalSteps;
    this.#stepper = stepper;
    this.#options = options;
    requireLearnersSpaces(learner, stepper);
    const { evaluation, callbacks = [], logger = [], logEvery = 1000 } = options;
    this.#callbacks = [
      ...(evaluation === undefined ? [] : [new EvalCallback(evaluation)]),
      ...(Array.isArray(callbacks) ? callbacks : [callbacks as CallbackLike]).map(toCallback),
    ];
    this.#loggers = Array.isArray(logger) ? logger : [logger as RunLogger];
    this.#logEvery = logEvery;
    this.#gamma = discountOf(learner);
    this.#saturation = saturationOf(stepper.actionSpace);
    this.#actionSize = rowSize(stepper.actionSpace, "action");
    this.#trackers = Array.from(
      { length: stepper.count },
      (_, i) => new EpisodeTracker(i, this.#gamma ?? 1),
    );
    this.#note = options.onNote ?? ((text) => console.error(text));
  }

  get envId(): string {
    return this.#stepper.envId;
  }

  get envs(): readonly Env[] {
    return this.#stepper.envs;
  }

  get wrapped(): Env | LearnVectorEnv {
    return this.#stepper.wrapped;
  }

  get steps(): number {
    return this.#steps;
  }

  get previousSteps(): number {
    return this.#previousSteps;
  }

  get episodes(): number {
    return this.#episodes;
  }

  get updates(): number {
    return this.#updates;
  }

  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#startedAt) / 1000;
  }

  get stopReason(): string | null {
    return this.#stopReason;
  }

  get isInterrupted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  async evaluated(evaluation: TrainingEvaluation): Promise<void> {
    for (const callback of this.#callbacks) await callback.onEvaluation?.(this, evaluation);
  }

  record(name: string, value: number): void {
    this.#recorded[name] = value;
  }

  note(text: string): void {
    this.#note(text);
  }

  stop(reason: string): void {
    this.#stopReason ??= reason;
  }

  afterCallbacks(task: () => Promise<void>): void {
    this.#tasks.push(task);
  }

  async run(): Promise<LearnResult> {
    const { resume, seed } = this.#options;
    let observations = resume === undefined ? null : await this.#load(resume);
    const isAnew = observations === null;
    observations ??= await this.#stepper.begin(resume === undefined ? seed : undefined);
    // Episodes that could not be brought back have no rewards yet.
    if (isAnew) for (const tracker of this.#trackers) tracker.loadState({ rewards: [] });
    this.#startedAt = performance.now();
    this.#stepsBefore = this.#steps;
    for (const callback of this.#callbacks) await callback.onTrainingStart?.(this);
    let turn = performance.now();
    while (this.#goesOn()) {
      const next = this.#advance(observations);
      observations = next instanceof Promise ? await next : next;
      const now = performance.now();
      if (now - turn < turnMs) continue;
      await nextTask();
      turn = now;
    }
    const result = this.#result();
    // An interrupted run goes on as if it had not stopped: then the line comes when it is due.
    if (result.status !== "interrupted" && this.#loggedAt < this.#steps) await this.log();
    for (const callback of this.#callbacks) await callback.onTrainingEnd?.(this);
    await this.#runTasks();
    return result;
  }

  close(): void {
    for (const callback of this.#callbacks) callback.close?.();
    for (const logger of this.#loggers) logger.close();
  }

  async log(): Promise<void> {
    const values: Record<string, number> = { ...this.#rolloutValues(), ...this.#recorded };
    this.#recorded = {};
    for (const [name, tensor] of Object.entries(this.#metrics ?? {})) {
      values[name.includes("/") ? name : `train/${name}`] = await tensor.item();
    }
    if (this.#updates > 0) values["train/n_updates"] = this.#updates;
    this.#checkCritic(values);
    this.#loggedAt = this.#steps;
    this.#write(values);
  }

  state({ withReplay }: { readonly withReplay: boolean }): RunState {
    const states = this.#callbacks.flatMap((callback) =>
      callback.state === undefined ? [] : [[callbackName(callback), callback.state()] as const],
    );
    return {
      identity: identityOf(this.learner, this.#stepper),
      loop: {
        steps: this.#steps,
        episodes: this.#episodes,
        updates: this.#updates,
        seconds: this.seconds,
        stepsSinceUpdates: this.#stepsSinceUpdates,
        emptyUntil: this.#emptyUntil,
        withReplay,
        recorded: this.#recorded,
        hasWarned: this.#hasWarned,
      },
      learner: this.learner.state({ withReplay }),
      rollout: this.rollout.state(),
      tracked: this.#trackers.map((tracker) => tracker.state()),
      envs: this.#stepper.state(),
      wrappers: this.#stepper.wrapperStates(),
      callbacks: Object.fromEntries(states),
    };
  }

  #goesOn(): boolean {
    return this.#steps < this.totalSteps && this.#stopReason === null && !this.isInterrupted;
  }

  /** One step; a promise only where something has to be waited for. */
  #advance(observations: Rows): Rows | Promise<Rows> {
    const actions = this.learner.act(observations, this.#stepper.count, true);
    if (actions instanceof Promise) return actions.then((rows) => this.#step(rows));
    return this.#step(actions);
  }

  #step(actions: Rows): Rows | Promise<Rows> {
    this.#checkActions(actions);
    const stepped = this.#stepper.step(actions);
    if (stepped instanceof Promise) return stepped.then((result) => this.#learnFrom(result));
    return this.#learnFrom(stepped);
  }

  #learnFrom(stepped: SteppedEnvs): Rows | Promise<Rows> {
    const { transitions, observations, ended, indices } = stepped;
    this.#previousSteps = this.#steps;
    this.#steps += transitions.count;
    this.learner.remember(transitions);
    this.learner.setProgress(this.#steps / this.totalSteps);
    const { rewards, actions } = transitions;
    for (const [row, index] of indices.entries()) {
      this.#trackers[index].add(rewards[row]);
      this.rollout.addReward(rewards[row]);
    }
    if (this.#saturation !== null) {
      this.rollout.addActions(this.#saturation(actions), actions.length);
    }
    const episodes = ended.map(({ index, terminated, info }) => {
      this.learner.episodeEnded(index);
      return this.#trackers[index].end(terminated, info);
    });
    for (const episode of episodes) this.rollout.addEpisode(episode);
    this.#episodes += episodes.length;
    this.#update(transitions.count);
    const notified = this.#notify(episodes, isDue(this, this.#logEvery));
    return notified instanceof Promise ? notified.then(() => observations) : observations;
  }

  #update(taken: number): void {
    const { learningStarts, trainFrequency, gradientSteps } = this.learner;
    this.#stepsSinceUpdates++;
    if (this.#stepsSinceUpdates < trainFrequency) return;
    this.#stepsSinceUpdates = 0;
    if (this.#steps <= this.#emptyUntil + learningStarts) return;
    const count = gradientSteps < 0 ? taken * trainFrequency : gradientSteps;
    for (let i = 0; i < count; i++) this.#metrics = this.learner.update();
    this.#updates += count;
  }

  /** Calls the callbacks, waiting only where there is something to wait for. */
  #notify(episodes: readonly EpisodeRecord[], isLogDue: boolean): void | Promise<void> {
    if (episodes.length > 0) return this.#notifyOfEpisodes(episodes, isLogDue);
    for (const [i, callback] of this.#callbacks.entries()) {
      const answer = callback.onStep?.(this);
      if (answer instanceof Promise) return this.#finishStep(i, answer, isLogDue);
      if (answer === false) this.stop(`${callbackName(callback)} ended it`);
    }
    if (isLogDue || this.#tasks.length > 0) {
      return this.#finishStep(this.#callbacks.length, undefined, isLogDue);
    }
  }

  async #notifyOfEpisodes(episodes: readonly EpisodeRecord[], isLogDue: boolean): Promise<void> {
    for (const callback of this.#callbacks) {
      for (const episode of episodes) await callback.onEpisodeEnd?.(this, episode);
    }
    await this.#finishStep(0, this.#callbacks[0]?.onStep?.(this), isLogDue);
  }

  /** Goes on with the callbacks after one whose answer is on its way; then logs, then saves. */
  async #finishStep(index: number, answer: StepAnswer, isLogDue: boolean): Promise<void> {
    let result = await answer;
    for (let i = index; i < this.#callbacks.length; i++) {
      const callback = this.#callbacks[i];
      if (i > index) result = await callback.onStep?.(this);
      if (result === false) this.stop(`${callbackName(callback)} ended it`);
    }
    if (isLogDue) await this.log();
    await this.#runTasks();
  }

  async #runTasks(): Promise<void> {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) await task();
  }

  #rolloutValues(): Record<string, number> {
    const { rollout } = this;
    const elapsed = this.seconds;
    const here = elapsed - this.#secondsBefore;
    const values: Record<string, number> = {
      "rollout/ep_rew_mean": rollout.meanReturn,
      "rollout/ep_len_mean": rollout.meanLength,
      "rollout/success_rate": rollout.successRate,
      "rollout/discounted_return": this.#gamma === undefined ? NaN : rollout.meanDiscountedReturn,
      "rollout/action_saturation": rollout.takeSaturation(),
      "time/episodes": this.#episodes,
      "time/fps": Math.round((this.#steps - this.#stepsBefore) / here),
      "time/time_elapsed": elapsed,
      "time/total_timesteps": this.#steps,
    };
    return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
  }

  #checkCritic(values: LogValues): void {
    for (const [name, value] of Object.entries(values)) {
      if (name.startsWith("train/") && !Number.isFinite(value)) throw this.#diverged(name, value);
    }
    const { "train/q_mean": q } = values;
    if (q === undefined || this.#gamma === undefined || this.#hasWarned) return;
    const warning = overestimationWarning({
      algorithm: this.learner.algorithm,
      q,
      gamma: this.#gamma,
      rewardRange: this.rollout.rewardRange,
      observed: this.rollout.meanDiscountedReturn,
    });
    if (warning === null) return;
    this.#hasWarned = true;
    this.note(`warning: ${warning}`);
  }

  #checkActions(actions: Rows): void {
    const at = actions.findIndex((value) => !Number.isFinite(value));
    if (at < 0) return;
    throw this.#diverged(`action[${at % this.#actionSize}]`, actions[at]);
  }

  #diverged(name: string, value: number): AthanorError {
    return new AthanorError(
      "NON_FINITE_LOSS",
      `learn: losses and actions must stay finite, got ${name} = ${value} at step ${this.#steps} ` +
        `after ${this.#updates} updates of ${this.learner.algorithm} on ${this.envId}; lower the ` +
        "learning rates, scale rewards and observations (NormalizeReward, NormalizeObservation)",
      { details: { name, value, step: this.#steps, updates: this.#updates } },
    );
  }

  #write(values: LogValues): void {
    for (const logger of this.#loggers) logger.write(this.#steps, values);
    for (const callback of this.#callbacks) callback.onLog?.(this, values);
  }

  /** @returns the observations to go on from; null if new episodes have to begin. */
  async #load(state: RunState): Promise<Rows | null> {
    requireSameRun(state.identity, identityOf(this.learner, this.#stepper));
    await scope(() => this.learner.loadState(state.learner));
    const { loop } = state;
    this.learner.setProgress(loop.steps / this.totalSteps);
    this.#steps = this.#previousSteps = loop.steps;
    this.#episodes = loop.episodes;
    this.#updates = loop.updates;
    this.#loggedAt = loop.steps;
    this.#secondsBefore = loop.seconds;
    this.#stepsSinceUpdates = loop.stepsSinceUpdates;
    this.#emptyUntil = loop.withReplay ? loop.emptyUntil : loop.steps;
    this.#recorded = { ...loop.recorded };
    this.#hasWarned = loop.hasWarned;
    this.rollout.loadState(state.rollout);
    for (const [i, tracker] of this.#trackers.entries()) tracker.loadState(state.tracked[i]);
    for (const callback of this.#callbacks) {
      const kept = state.callbacks[callbackName(callback)];
      if (kept !== undefined) callback.loadState?.(kept);
    }
    this.#stepper.loadWrapperStates(state.wrappers ?? []);
    const observations = state.envs === null ? null : this.#stepper.resume(state.envs);
    if (observations === null) {
      for (const index of this.#trackers.keys()) this.learner.episodeEnded(index);
      this.note(
        `note: episodes of ${this.envId} cannot be brought back where they were; new ones begin, ` +
          "so the run goes on but is not the same bit for bit",
      );
    }
    return observations;
  }

  #result(): LearnResult {
    const isInterrupted =
      this.isInterrupted && this.#stopReason === null && this.#steps < this.totalSteps;
    return {
      status: isInterrupted ? "interrupted" : this.#stopReason === null ? "finished" : "stopped",
      reason: this.#stopReason,
      steps: this.#steps,
      episodes: this.#episodes,
      updates: this.#updates,
      seconds: this.seconds,
      meanReturn: this.rollout.meanReturn,
    };
  }
}

function callbackName(callback: Callback): string {
  return callback.name ?? callback.constructor.name;
}

const optionNames: readonly (keyof LearnOptions)[] = [
  "totalSteps",
  "callbacks",
  "evaluation",
  "logger",
  "logEvery",
  "seed",
  "resume",
  "signal",
  "onNote",
];

function checkOptions(options: LearnOptions): void {
  requireKnownNames("learn", options, optionNames);
  requireCount("learn", "totalSteps", options.totalSteps);
  requireCount("learn", "logEvery", options.logEvery ?? 1);
}

function requireLearnersSpaces(learner: Learner, stepper: EnvStepper): void {
  const pairs = [
    ["observation", learner.observationSpace, stepper.observationSpace],
    ["action", learner.actionSpace, stepper.actionSpace],
  ] as const;
  for (const [name, wanted, got] of pairs) {
    if (got.equals(wanted)) continue;
    throw new ConfigError(
      `learn: the ${name} space of ${stepper.envId} must be the learner's ${String(wanted)}, got ` +
        `${String(got)}; make the learner for this environment`,
    );
  }
}
