import { ConfigError } from "../../base/errors.ts";

/** Options of wrappers that record episodes. */
export interface EpisodeQueueOptions {
  /** How many of the last episodes are kept. @defaultValue 100 */
  readonly bufferLength?: number;
  /** Key of the facts at an episode's end. @defaultValue "episode" */
  readonly statsKey?: string;
}

/** An episode under Gymnasium's names: return, length, seconds. */
export interface EpisodeStatistics {
  readonly r: number;
  readonly l: number;
  readonly t: number;
}

/** The last episodes of one or several environments. */
export class EpisodeQueue {
  readonly #length: number;
  readonly #episodes: EpisodeStatistics[] = [];
  #count = 0;

  /** @throws {ConfigError} if the length is no positive integer. */
  constructor({ bufferLength = 100 }: EpisodeQueueOptions = {}) {
    if (!Number.isInteger(bufferLength) || bufferLength < 1) {
      throw new ConfigError(
        `RecordEpisodeStatistics: bufferLength must be a positive integer, got ${bufferLength}`,
      );
    }
    this.#length = bufferLength;
  }

  /** Episodes that ended so far, those that are not kept any more included. */
  get count(): number {
    return this.#count;
  }

  /** The last episodes, the oldest first. */
  get last(): readonly EpisodeStatistics[] {
    return this.#episodes;
  }

  get returns(): number[] {
    return this.#episodes.map(({ r }) => r);
  }

  get lengths(): number[] {
    return this.#episodes.map(({ l }) => l);
  }

  get times(): number[] {
    return this.#episodes.map(({ t }) => t);
  }

  /** Keeps an episode; its duration is rounded to microseconds. */
  add(r: number, l: number, seconds: number): EpisodeStatistics {
    const episode = { r, l, t: Math.round(seconds * 1e6) / 1e6 };
    this.#count++;
    this.#episodes.push(episode);
    if (this.#episodes.length > this.#length) this.#episodes.shift();
    return episode;
  }
}
