import { mean } from "./means.ts";

/** An episode that came to its end in training or evaluation. */
export interface EpisodeRecord {
  /** Which of the environments. */
  readonly index: number;
  /** Sum of its rewards. */
  readonly return: number;
  /** Its steps. */
  readonly length: number;
  /** Ended by the task itself, not by a time limit. */
  readonly terminated: boolean;
  /** What the environment says in `info.isSuccess` at the end; null if it says nothing. */
  readonly success: boolean | null;
  /**
   * Mean over the episode's steps of the discounted sum of rewards from there on: what a critic
   * should have said on average. After a time limit, rewards are taken to go on as they were. NaN
   * if that has no limit.
   */
  readonly discountedReturn: number;
}

/** What is known of an episode that is under way. */
export interface EpisodeInProgress {
  readonly rewards: readonly number[];
}

/**
 * Mean of the discounted sums of rewards from each step on:
 * $\frac 1 T \sum_t \sum_{k ≥ t} γ^{k - t} r_k$. Where a time limit cut the episode, the rewards nobody
 * saw are taken as the mean of the last 1 / (1 - γ) steps, about as far as a critic looks.
 */
function meanDiscountedReturn(
  rewards: readonly number[],
  gamma: number,
  terminated: boolean,
): number {
  if (!terminated && gamma >= 1) return NaN;
  let rest = terminated ? 0 : mean(rewards.slice(-Math.ceil(1 / (1 - gamma)))) / (1 - gamma);
  let sum = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    rest = rewards[t] + gamma * rest;
    sum += rest;
  }
  return sum / rewards.length;
}

/** Follows the episodes of one environment. */
export class EpisodeTracker {
  readonly #index: number;
  readonly #gamma: number;
  #rewards: number[] = [];

  constructor(index: number, gamma: number) {
    this.#index = index;
    this.#gamma = gamma;
  }

  add(reward: number): void {
    this.#rewards.push(reward);
  }

  /** Ends the episode; what a wrapper recorded of the true rewards counts more than the sum. */
  end(terminated: boolean, info: Readonly<Record<string, unknown>>): EpisodeRecord {
    const rewards = this.#rewards;
    this.#rewards = [];
    const recorded = info["episode"] as { readonly r?: unknown } | undefined;
    const success = info["isSuccess"];
    return {
      index: this.#index,
      return:
        typeof recorded?.r === "number"
          ? recorded.r
          : rewards.reduce((sum, reward) => sum + reward, 0),
      length: rewards.length,
      terminated,
      success: typeof success === "boolean" || typeof success === "number" ? !!success : null,
      discountedReturn: meanDiscountedReturn(rewards, this.#gamma, terminated),
    };
  }

  state(): EpisodeInProgress {
    return { rewards: [...this.#rewards] };
  }

  loadState({ rewards }: EpisodeInProgress): void {
    this.#rewards = [...rewards];
  }
}
