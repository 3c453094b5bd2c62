import { ConfigError, UsageError } from "../../base/errors.ts";
import type { Env, Info, Reset, ResetOptions, Step } from "../env.ts";
import type { Batch } from "../vector/batch.ts";
import type { VectorEnv, VectorStep } from "../vector/vector-env.ts";
import { finalInfoKey, infoOf } from "../vector/vector-info.ts";
import { VectorRecordEpisodeStatistics } from "../vector/vector-record-episode-statistics.ts";
import { RecordEpisodeStatistics } from "../wrappers/record-episode-statistics.ts";
import type { EpisodeStatistics } from "../wrappers/episode-queue.ts";
import { nameOf } from "../wrappers/wrapper.ts";
import { MonitorFile } from "./monitor-file.ts";
import type { MonitorOptions } from "./monitor-file.ts";

/** Options of {@link Monitor}. */
export interface EnvMonitorOptions extends MonitorOptions {
  /** Options of resets that become columns; each reset must then have them. */
  readonly resetKeywords?: readonly string[];
  /** Whether an episode may be left before its end; it has no row then. @defaultValue true */
  readonly allowEarlyResets?: boolean;
}

/**
 * Writes a row to a file at the end of each episode, readable by Stable-Baselines3's
 * `load_results`, and tells `info.episode` as {@link RecordEpisodeStatistics} does.
 *
 * @example
 * const env = new Monitor(await make("Pendulum-v1"), "runs/0"); // runs/0.monitor.csv
 */
export class Monitor<Observation, Action> extends RecordEpisodeStatistics<Observation, Action> {
  readonly file: MonitorFile;
  readonly #options: EnvMonitorOptions;
  #resetFacts: Info = {};
  #isUnderWay = false;

  constructor(env: Env<Observation, Action>, path: string, options: EnvMonitorOptions = {}) {
    super(env);
    const { resetKeywords = [], infoKeywords = [], override = true } = options;
    const columns = [...resetKeywords, ...infoKeywords];
    this.file = new MonitorFile(path, nameOf(env), { columns, override });
    this.#options = options;
  }

  /**
   * @throws {UsageError} if an episode is left early and must not be.
   * @throws {ConfigError} if an option among `resetKeywords` is missing.
   */
  override reset(options?: ResetOptions): Reset<Observation> {
    if (this.#isUnderWay && this.#options.allowEarlyResets === false) {
      throw new UsageError(
        "Monitor: an episode must end before a reset, got one in between; " +
          "step to its end, or set allowEarlyResets",
      );
    }
    this.#resetFacts = this.#factsOf(options?.options ?? {});
    const result = super.reset(options);
    this.#isUnderWay = true;
    return result;
  }

  override step(action: Action): Step<Observation> {
    const step = super.step(action);
    if (!step.terminated && !step.truncated) return step;
    this.#isUnderWay = false;
    const facts = { ...step.info, ...this.#resetFacts };
    this.file.write(step.info["episode"] as EpisodeStatistics, facts);
    return step;
  }

  override close(): void {
    this.file.close();
    super.close();
  }

  #factsOf(options: Info): Info {
    const names = this.#options.resetKeywords ?? [];
    const missing = names.find((name) => !(name in options));
    if (missing === undefined) {
      return Object.fromEntries(names.map((name) => [name, options[name]]));
    }
    throw new ConfigError(
      `Monitor: every reset must have the option "${missing}", got ` +
        `${Object.keys(options).join(", ") || "none"}; call reset({ options: { ${missing}: … } })`,
    );
  }
}

/** {@link Monitor} for vector environments: the episodes of all in one file. */
export class VectorMonitor<Observation, Action> extends VectorRecordEpisodeStatistics<
  Observation,
  Action
> {
  readonly file: MonitorFile;

  constructor(env: VectorEnv<Observation, Action>, path: string, options: MonitorOptions = {}) {
    super(env);
    const { infoKeywords: columns = [], override = true } = options;
    this.file = new MonitorFile(path, env.spec?.id ?? env.constructor.name, { columns, override });
  }

  override async close(): Promise<void> {
    this.file.close();
    await super.close();
  }

  protected override changeStep(
    step: VectorStep<Batch<Observation>>,
  ): VectorStep<Batch<Observation>> {
    const result = super.changeStep(step);
    const facts = this.autoresetMode === "SameStep" ? result.infos[finalInfoKey] : result.infos;
    for (let index = 0; index < this.numEnvs; index++) {
      const info = infoOf(facts, index);
      if ("episode" in info) this.file.write(info["episode"] as EpisodeStatistics, info);
    }
    return result;
  }
}
