import type { EpisodeRecord } from "./episode-record.ts";
import { mean } from "./means.ts";

/** Episodes that the means of a rollout are taken over, as in Stable-Baselines3. */
const windowSize = 100;

/** Episodes whose policy is about that of now. */
const recentEpisodes = 10;

/** What a checkpoint keeps of {@link RolloutStatistics}. */
export interface RolloutState {
  readonly episodes: readonly EpisodeRecord[];
  readonly saturated: number;
  readonly components: number;
  readonly lowestReward: number;
  readonly highestReward: number;
}

/** Running figures of the episodes that exploration makes. */
export class RolloutStatistics {
  #episodes: EpisodeRecord[] = [];
  #saturated = 0;
  #components = 0;
  #lowestReward = Infinity;
  #highestReward = -Infinity;

  addEpisode(episode: EpisodeRecord): void {
    this.#episodes.push(episode);
    if (this.#episodes.length > windowSize) this.#episodes.shift();
  }

  addReward(reward: number): void {
    if (reward < this.#lowestReward) this.#lowestReward = reward;
    if (reward > this.#highestReward) this.#highestReward = reward;
  }

  /** Counts components of actions, and those at more than 99 % of their range. */
  addActions(saturated: number, components: number): void {
    this.#saturated += saturated;
    this.#components += components;
  }

  /** Of the last 100 episodes, the oldest first. */
  get episodes(): readonly EpisodeRecord[] {
    return this.#episodes;
  }

  /** NaN before the first episode ended. */
  get meanReturn(): number {
    return mean(this.#episodes.map((episode) => episode.return));
  }

  get meanLength(): number {
    return mean(this.#episodes.map(({ length }) => length));
  }

  /** NaN where the environment does not say what success is. */
  get successRate(): number {
    const known = this.#episodes.filter(({ success }) => success !== null);
    return mean(known.map(({ success }) => (success === true ? 1 : 0)));
  }

  /** What a critic should have said on average over the steps of the last ten episodes. */
  get meanDiscountedReturn(): number {
    const last = this.#episodes.slice(-recentEpisodes);
    return mean(last.map(({ discountedReturn }) => discountedReturn).filter(Number.isFinite));
  }

  /** Smallest and largest reward so far. */
  get rewardRange(): readonly [lowest: number, highest: number] {
    return [this.#lowestReward, this.#highestReward];
  }

  /** Share of saturated components since the last call; NaN without actions. */
  takeSaturation(): number {
    const share = this.#saturated / this.#components;
    this.#saturated = 0;
    this.#components = 0;
    return share;
  }

  state(): RolloutState {
    return {
      episodes: this.#episodes.map((episode) => ({ ...episode })),
      saturated: this.#saturated,
      components: this.#components,
      lowestReward: this.#lowestReward,
      highestReward: this.#highestReward,
    };
  }

  loadState(state: RolloutState): void {
    this.#episodes = [...state.episodes];
    this.#saturated = state.saturated;
    this.#components = state.components;
    this.#lowestReward = state.lowestReward;
    this.#highestReward = state.highestReward;
  }
}
