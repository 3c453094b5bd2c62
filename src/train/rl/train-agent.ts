import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import { init } from "../../tensor/device.ts";
import { scope } from "../../tensor/memory.ts";
import type { Env } from "../../rl/env.ts";
import { Monitor } from "../../rl/node/monitor.ts";
import { CheckpointFolder } from "../checkpoint-folder.ts";
import type { JsonlLogger, LogEvent } from "../jsonl-logger.ts";
import { jsonlLogger, readJsonl } from "../jsonl-logger.ts";
import type { ProgressMode, ProgressStream } from "../progress-bar.ts";
import { holdsInterruptedRun } from "../run-folder.ts";
import { makeAgentEnv, makeDrawnEnv } from "./agent-envs.ts";
import { writeAgentReport } from "./agent-report.ts";
import type { AgentChoices, AgentSettings } from "./agent-settings.ts";
import { newSettings, readSettings, resumedSettings, writeSettings } from "./agent-settings.ts";
import { makeLearner } from "./algorithms.ts";
import type { Callback } from "./callback.ts";
import { CheckpointCallback } from "./callbacks/checkpoint-callback.ts";
import { EvalCallback } from "./callbacks/eval-callback.ts";
import { ProgressCallback } from "./callbacks/progress-callback.ts";
import { StopOnRewardThreshold } from "./callbacks/stop-callbacks.ts";
import type { PolicyEvaluation } from "./evaluate-policy.ts";
import { evaluatePolicy } from "./evaluate-policy.ts";
import type { LearnResult } from "./learn.ts";
import { learn } from "./learn.ts";
import type { Learner } from "./learner.ts";
import { csvLogger } from "./logs/csv-logger.ts";
import { eventLogger } from "./logs/event-logger.ts";
import type { RunLogger } from "./logs/run-logger.ts";
import { tableLogger } from "./logs/table-logger.ts";
import { tensorboardLogger } from "./logs/tensorboard-logger.ts";
import { filmPolicy, saveFilm } from "./policy-video.ts";
import type { FilmFiles } from "./policy-video.ts";
import { loadPolicy, restorePolicy, savePolicy } from "./policy-file.ts";
import type { RunState } from "./run-state.ts";
import { copyWrapperStates } from "./wrapper-states.ts";

/** Options of {@link trainAgent}. */
export interface AgentOptions extends AgentChoices {
  /** Folder of the run. @defaultValue "runs/<algorithm>-<env>" */
  readonly out?: string;
  /** Continues the run in `out` from its last checkpoint. @defaultValue false */
  readonly resume?: boolean;
  /** Minutes between checkpoints. @defaultValue 10 */
  readonly checkpointMinutes?: number;
  /** Whether checkpoints hold the replay buffer, without which a resumed run has to fill it anew. @defaultValue true */
  readonly saveReplay?: boolean;
  /** Whether the numbers are also printed as tables. @defaultValue false */
  readonly table?: boolean;
  /** Whether a video of the best policy is made, where the environment can be drawn. @defaultValue true */
  readonly video?: boolean;
  /** @defaultValue the default device */
  readonly device?: string;
  /** @defaultValue what the machine has */
  readonly threads?: number;
  /** When it aborts, the run saves a checkpoint after the current step and returns. */
  readonly signal?: AbortSignal;
  readonly progress?: {
    readonly mode?: ProgressMode | undefined;
    readonly stream?: ProgressStream;
  };
  /** Receives what the log does. */
  readonly onEvent?: (event: LogEvent) => void;
}

/** How a run ended. */
export type AgentResult =
  | { readonly status: "interrupted"; readonly step: number; readonly checkpoint: string }
  | {
      readonly status: "finished";
      readonly settings: AgentSettings;
      readonly learned: LearnResult;
      /** Of the best policy, in episodes that no evaluation before had. */
      readonly evaluation: PolicyEvaluation;
      readonly reportPath: string;
      /** The best policy. */
      readonly weightsPath: string;
      /** Null where the environment cannot be drawn. */
      readonly videoPath: string | null;
    };

/** Seeds of the last evaluation: neither training nor the evaluations during it had them. */
const finalSeed = 2_000_000;

/**
 * Trains a policy on a registered environment and leaves a folder: `config.json`, checkpoints in
 * `latest/`, the best policy in `best/`, `progress.csv`, `log.jsonl`, `tensorboard/`, `monitor/`,
 * `report.html` and, where the environment can be drawn, `video.gif`. A run that was interrupted continues bit for
 * bit.
 *
 * @throws {ConfigError} for options out of range; {CheckpointError} if there is nothing to resume or
 *   files cannot be written; {AthanorError} if the environment or the nets give no numbers.
 */
export function trainAgent(options: AgentOptions): Promise<AgentResult> {
  return scope(() => runAgent(options));
}

async function runAgent(options: AgentOptions): Promise<AgentResult> {
  const { algorithm, env, device, threads, resume = false } = options;
  await init({
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
  });
  if (options.out === undefined && env === undefined) {
    throw new ConfigError(
      `train ${algorithm}: env must be given, got none; write --env Pendulum-v1 (athanor envs lists ` +
        "them), or name the folder of a run to resume",
    );
  }
  const out = options.out ?? join("runs", `${algorithm}-${env}`);
  const settings = await resolveSettings(options, out, resume);
  const checkpoints = new CheckpointFolder(join(out, "latest"));
  const saved = resume ? await checkpoints.load<RunState>() : undefined;
  const envs = await makeEnvs(settings, out, !resume);
  try {
    const run = new AgentRun(options, settings, out, envs);
    return await run.train(checkpoints, saved);
  } finally {
    for (const one of [...envs.training, envs.evaluation]) one.close();
  }
}

async function resolveSettings(
  options: AgentOptions,
  out: string,
  resume: boolean,
): Promise<AgentSettings> {
  if (resume) return resumedSettings(options, readSettings(out));
  const { algorithm, env, actionBins = 11 } = options;
  if (env === undefined) return newSettings(options, null);
  const probe = await makeAgentEnv({ algorithm, env, actionBins });
  const threshold = probe.spec?.rewardThreshold ?? null;
  probe.close();
  return newSettings(options, threshold);
}

/** The environments of a run. */
interface AgentEnvs {
  readonly training: readonly Env[];
  readonly evaluation: Env;
}

async function makeEnvs(
  settings: AgentSettings,
  out: string,
  override: boolean,
): Promise<AgentEnvs> {
  const evaluation = await makeAgentEnv(settings);
  const training: Env[] = [];
  for (let i = 0; i < settings.numEnvs; i++) {
    const env = await makeAgentEnv(settings);
    training.push(new Monitor(env, join(out, "monitor", String(i)), { override }));
  }
  return { training, evaluation };
}

class AgentRun {
  readonly #options: AgentOptions;
  readonly #settings: AgentSettings;
  readonly #out: string;
  readonly #envs: AgentEnvs;
  readonly #learner: Learner;
  readonly #progress: ProgressCallback;
  readonly #logPath: string;
  #log: JsonlLogger | null = null;
  #checkpoint = "";

  constructor(options: AgentOptions, settings: AgentSettings, out: string, envs: AgentEnvs) {
    const { algorithm, learner, seed, stopAt } = settings;
    this.#options = options;
    this.#out = out;
    this.#envs = envs;
    this.#learner = makeLearner(algorithm, envs.training[0], { ...learner, seed });
    // All of the algorithm's options, so that a later version with other defaults resumes the same.
    this.#settings = { ...settings, learner: this.#learner.options };
    this.#progress = new ProgressCallback({
      ...options.progress,
      hasCurve: options.table !== true,
      goal: stopAt ?? undefined,
    });
    this.#logPath = join(out, "log.jsonl");
  }

  async train(checkpoints: CheckpointFolder, saved: RunState | undefined): Promise<AgentResult> {
    if (saved === undefined && (await holdsInterruptedRun(checkpoints, this.#logPath))) {
      this.#progress.note(
        `note: ${this.#out} holds an interrupted run (--resume continues it); starting anew`,
      );
    }
    if (saved === undefined) await this.#clear(checkpoints);
    await writeSettings(this.#out, this.#settings);
    const step = saved?.loop.steps ?? 0;
    const keep = (event: LogEvent): boolean => Number(event["step"]) <= step;
    using log = jsonlLogger(this.#logPath, saved === undefined ? {} : { keep });
    this.#log = log;
    const { learner: _options, ...facts } = this.#settings;
    this.#emit({ event: saved === undefined ? "run-start" : "run-resume", step, ...facts });
    const learned = await this.#learn(saved, step);
    if (learned.status === "interrupted") {
      return { status: "interrupted", step: learned.steps, checkpoint: this.#checkpoint };
    }
    return await this.#finish(learned);
  }

  async #learn(saved: RunState | undefined, step: number): Promise<LearnResult> {
    const { totalSteps, seed, logEvery } = this.#settings;
    const { signal } = this.#options;
    return learn(this.#learner, this.#envs.training, {
      totalSteps,
      seed,
      logEvery,
      callbacks: this.#callbacks(),
      logger: this.#loggers(saved === undefined ? -1 : step),
      ...(saved !== undefined && { resume: saved }),
      ...(signal !== undefined && { signal }),
      onNote: (text) => this.#progress.note(text),
    });
  }

  /** Nothing of an earlier run in the folder may be taken for this one's. */
  async #clear(checkpoints: CheckpointFolder): Promise<void> {
    await checkpoints.clear();
    await new CheckpointFolder(join(this.#out, "best")).clear();
    await rm(join(this.#out, "tensorboard"), { recursive: true, force: true });
  }

  #callbacks(): Callback[] {
    const { evalEvery, evalEpisodes, stopAt } = this.#settings;
    const { checkpointMinutes = 10, saveReplay = true } = this.#options;
    const evaluation = new EvalCallback({
      env: this.#envs.evaluation,
      everySteps: evalEvery,
      episodes: evalEpisodes,
      bestFolder: join(this.#out, "best"),
    });
    const checkpoint = new CheckpointCallback({
      folder: join(this.#out, "latest"),
      everyMinutes: checkpointMinutes,
      withReplay: saveReplay,
      onSaved: (step, path) => {
        this.#checkpoint = path;
        this.#emit({ event: "checkpoint-end", step, path });
      },
    });
    const stop = stopAt === null ? [] : [new StopOnRewardThreshold(stopAt)];
    return [evaluation, ...stop, this.#listener(), checkpoint, this.#progress];
  }

  /** Puts evaluations and episodes into the log. */
  #listener(): Callback {
    return {
      onEpisodeEnd: ({ steps }, episode) => {
        const { index, length, terminated, return: value } = episode;
        this.#log?.log({
          event: "episode-end",
          step: steps,
          index,
          return: value,
          length,
          terminated,
        });
      },
      onEvaluation: (_training, evaluation) => {
        const { step, meanReturn, stdReturn, meanLength, successRate, isBest } = evaluation;
        const success = Number.isFinite(successRate) ? { successRate } : {};
        const figures = { meanReturn, stdReturn, meanLength, ...success, isBest };
        this.#emit({ event: "evaluation-end", step, ...figures });
      },
    };
  }

  #loggers(keepUntil: number): RunLogger[] {
    const { table = false } = this.#options;
    return [
      csvLogger(join(this.#out, "progress.csv"), { keepUntil }),
      eventLogger((event) => this.#emit(event)),
      tensorboardLogger(join(this.#out, "tensorboard")),
      ...(table ? [tableLogger({ write: (text) => process.stdout.write(text) })] : []),
    ];
  }

  /** Judges the best policy once more, films it, and writes the report. */
  async #finish(learned: LearnResult): Promise<AgentResult> {
    const settings = this.#settings;
    const weightsPath = await this.#takeBest(learned.steps);
    const options = { episodes: settings.evalEpisodes, seed: finalSeed };
    const evaluation = await evaluatePolicy(this.#learner, this.#envs.evaluation, options);
    const film = await this.#film();
    const { meanReturn, stdReturn } = evaluation;
    const { steps, seconds, reason } = learned;
    this.#emit({ event: "run-end", step: steps, meanReturn, stdReturn, seconds, reason });
    const reportPath = join(this.#out, "report.html");
    const events = readJsonl(this.#logPath);
    await writeAgentReport(reportPath, { settings, learned, evaluation, film, events });
    return {
      status: "finished",
      settings,
      learned,
      evaluation,
      reportPath,
      weightsPath,
      videoPath: film?.gifPath ?? null,
    };
  }

  /** Brings the best policy back; the last one is the best if none was ever judged. */
  async #takeBest(step: number): Promise<string> {
    const folder = join(this.#out, "best");
    const found = await new CheckpointFolder(folder).latest();
    if (found === undefined) {
      const [wrappersOf] = this.#envs.training;
      return savePolicy(folder, this.#learner, { env: this.#settings.env, wrappersOf, step });
    }
    await scope(async () => restorePolicy(this.#learner, await loadPolicy(folder)));
    return found.path;
  }

  /** An episode of the best policy in pictures; null where the environment cannot be drawn. */
  async #film(): Promise<FilmFiles | null> {
    const env = this.#options.video === false ? null : await makeDrawnEnv(this.#settings);
    if (env === null) return null;
    try {
      copyWrapperStates(this.#envs.evaluation, env);
      const film = await filmPolicy(this.#learner, env, finalSeed);
      return film.frames.length === 0 ? null : await saveFilm(this.#out, film);
    } finally {
      env.close();
    }
  }

  #emit(event: LogEvent): void {
    this.#log?.log(event);
    this.#options.onEvent?.(event);
  }
}
