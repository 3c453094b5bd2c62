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
   * should have said on average. Steps whose rest was cut off by a time limit are left out; NaN if
   * none is left.
   */
  readonly discountedReturn: number;
}

/** What is known of an episode that is under way. */
export interface EpisodeInProgress {
  readonly rewards: readonly number[];
}

/** How small γ^k must be for rewards that were cut off to be left out of a sum. */
const negligible = 0.05;

/** Mean of the discounted sums of rewards from each step on. */
export function meanDiscountedReturn(
  rewards: readonly number[],
  gamma: number,
  terminated: boolean,
): number {
  // After a time limit, rewards would have come that nobody saw: near the end they matter.
  const unseen =
    terminated || gamma === 0
      ? 0
      : gamma >= 1
        ? rewards.length
        : Math.ceil(Math.log(negligible) / Math.log(gamma));
  const count = rewards.length - unseen;
  if (count <= 0) return NaN;
  let [rest, sum] = [0, 0];
  for (let t = rewards.length - 1; t >= 0; t--) {
    rest = rewards[t] + gamma * rest;
    if (t < count) sum += rest;
  }
  return sum / count;
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
