import type { Env, Step } from "../env.ts";
import { RunningStatistics } from "../running-statistics.ts";
import type { RunningStatisticsState } from "../running-statistics.ts";
import { requireClip, requireGamma } from "./normalize-options.ts";
import type { NormalizeRewardOptions } from "./normalize-options.ts";
import { Wrapper } from "./wrapper.ts";

/** The state of {@link NormalizeReward}. */
export interface NormalizeRewardState {
  readonly statistics: RunningStatisticsState;
  readonly accumulated: readonly number[];
}

/**
 * Rewards divided by the standard deviation of their discounted sum, by the statistics of all
 * steps seen; no mean is subtracted. As in Gymnasium, the sum starts anew after a termination and
 * goes on after a truncation.
 */
export class NormalizeReward<Observation, Action> extends Wrapper<Observation, Action> {
  readonly statistics: RunningStatistics;
  readonly gamma: number;
  readonly #clip: number;
  #accumulated = 0;
  #originalReward = 0;

  /** @throws {ConfigError} if gamma is outside [0, 1]. */
  constructor(env: Env<Observation, Action>, options: NormalizeRewardOptions = {}) {
    super(env);
    this.statistics = new RunningStatistics([], options);
    this.gamma = requireGamma("NormalizeReward", options.gamma);
    this.#clip = requireClip("NormalizeReward", options.clip);
  }

  /** The last reward before it was scaled. */
  get originalReward(): number {
    return this.#originalReward;
  }

  override step(action: Action): Step<Observation> {
    const step = this.env.step(action);
    const kept = step.terminated ? 0 : this.gamma;
    this.#accumulated = this.#accumulated * kept + step.reward;
    this.#originalReward = step.reward;
    this.statistics.update([this.#accumulated], 1);
    return { ...step, reward: scaledReward(this.statistics, step.reward, this.#clip) };
  }

  /** The statistics change no more: for evaluation. */
  freeze(): void {
    this.statistics.freeze();
  }

  /** The statistics and the running return, for checkpoints. */
  state(): NormalizeRewardState {
    return { statistics: this.statistics.state(), accumulated: [this.#accumulated] };
  }

  /** Goes on with what a checkpoint kept. */
  loadState(state: NormalizeRewardState): void {
    this.statistics.loadState(state.statistics);
    this.#accumulated = state.accumulated[0];
  }
}

/** A reward in standard deviations, within ± clip. */
export function scaledReward(statistics: RunningStatistics, reward: number, clip: number): number {
  const scaled = reward / Math.sqrt(statistics.variance[0] + statistics.epsilon);
  return Math.min(Math.max(scaled, -clip), clip);
}
