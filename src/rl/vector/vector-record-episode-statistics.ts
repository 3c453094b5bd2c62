import { UsageError } from "../../base/errors.ts";
import { EpisodeQueue } from "../wrappers/episode-queue.ts";
import type { EpisodeQueueOptions } from "../wrappers/episode-queue.ts";
import { maskOf } from "./seeds.ts";
import type { Batch } from "./batch.ts";
import type { VectorEnv, VectorReset, VectorResetOptions, VectorStep } from "./vector-env.ts";
import { addInfo, finalInfoKey } from "./vector-info.ts";
import type { VectorInfo } from "./vector-info.ts";
import { VectorWrapper } from "./vector-wrapper.ts";

/**
 * Tells at the end of each episode its return, length and duration: `infos.episode` has the arrays
 * `r`, `l` and `t` (seconds), and `_episode` tells whose ended. In mode `SameStep`,
 * `infos.finalInfo.episode` has them too.
 *
 * Unlike Gymnasium 1.3, mode `SameStep` counts the first step of every episode.
 */
export class VectorRecordEpisodeStatistics<Observation, Action> extends VectorWrapper<
  Observation,
  Action
> {
  /** The last episodes of all environments. */
  readonly episodes: EpisodeQueue;
  readonly #statsKey: string;
  readonly #returns: Float64Array;
  readonly #lengths: Int32Array;
  readonly #starts: Float64Array;
  /** 1 where the last step ended an episode. */
  readonly #hasEnded: Uint8Array;

  constructor(env: VectorEnv<Observation, Action>, options: EpisodeQueueOptions = {}) {
    super(env);
    this.episodes = new EpisodeQueue(options);
    this.#statsKey = options.statsKey ?? "episode";
    this.#returns = new Float64Array(env.numEnvs);
    this.#lengths = new Int32Array(env.numEnvs);
    this.#starts = new Float64Array(env.numEnvs);
    this.#hasEnded = new Uint8Array(env.numEnvs);
  }

  protected override changeReset(
    reset: VectorReset<Batch<Observation>>,
    options: VectorResetOptions,
  ): VectorReset<Batch<Observation>> {
    maskOf("reset", options.resetMask, this.numEnvs).forEach((isReset, index) => {
      if (isReset === 1) this.#begin(index);
    });
    return reset;
  }

  protected override changeStep(
    step: VectorStep<Batch<Observation>>,
  ): VectorStep<Batch<Observation>> {
    if (this.#statsKey in step.infos) {
      throw new UsageError(
        `VectorRecordEpisodeStatistics: infos must not have the key "${this.#statsKey}" already; ` +
          "use one such wrapper, or give it another statsKey",
      );
    }
    for (let index = 0; index < this.numEnvs; index++) this.#count(step, index);
    return step;
  }

  #begin(index: number): void {
    this.#returns[index] = 0;
    this.#lengths[index] = 0;
    this.#starts[index] = performance.now();
    this.#hasEnded[index] = 0;
  }

  #count(step: VectorStep<Batch<Observation>>, index: number): void {
    const isFirst = this.#hasEnded[index] === 1;
    if (isFirst) this.#begin(index);
    // In mode NextStep this was no step, but the reset.
    if (isFirst && this.autoresetMode === "NextStep") return;
    this.#returns[index] += step.rewards[index];
    this.#lengths[index]++;
    if ((step.terminated[index] | step.truncated[index]) === 0) return;
    this.#hasEnded[index] = 1;
    const seconds = (performance.now() - this.#starts[index]) / 1000;
    const episode = this.episodes.add(this.#returns[index], this.#lengths[index], seconds);
    const info = { [this.#statsKey]: { ...episode } };
    addInfo(step.infos, info, index, this.numEnvs);
    if (this.autoresetMode !== "SameStep") return;
    addInfo(step.infos[finalInfoKey] as VectorInfo, info, index, this.numEnvs);
  }
}
