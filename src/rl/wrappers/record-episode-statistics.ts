import { UsageError } from "../../base/errors.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import { EpisodeQueue } from "./episode-queue.ts";
import type { EpisodeQueueOptions } from "./episode-queue.ts";
import { Wrapper } from "./wrapper.ts";

/**
 * Tells at the end of each episode its return, length and duration in seconds: `info.episode` is
 * `{ r, l, t }`.
 */
export class RecordEpisodeStatistics<Observation, Action> extends Wrapper<Observation, Action> {
  /** The last episodes. */
  readonly episodes: EpisodeQueue;
  readonly #statsKey: string;
  #return = 0;
  #length = 0;
  #start = 0;

  constructor(env: Env<Observation, Action>, options: EpisodeQueueOptions = {}) {
    super(env);
    this.episodes = new EpisodeQueue(options);
    this.#statsKey = options.statsKey ?? "episode";
  }

  override reset(options?: ResetOptions): Reset<Observation> {
    const result = this.env.reset(options);
    this.#return = 0;
    this.#length = 0;
    this.#start = performance.now();
    return result;
  }

  /** @throws {UsageError} if the environment has facts under that key already. */
  override step(action: Action): Step<Observation> {
    const step = this.env.step(action);
    this.#return += step.reward;
    this.#length++;
    if (!step.terminated && !step.truncated) return step;
    if (this.#statsKey in step.info) {
      throw new UsageError(
        `RecordEpisodeStatistics: info must not have the key "${this.#statsKey}" already; ` +
          "use one such wrapper, or give it another statsKey",
      );
    }
    const seconds = (performance.now() - this.#start) / 1000;
    const episode = this.episodes.add(this.#return, this.#length, seconds);
    return { ...step, info: { ...step.info, [this.#statsKey]: episode } };
  }
}
