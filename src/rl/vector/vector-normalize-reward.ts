import { CheckpointError } from "../../base/errors.ts";
import { RunningStatistics } from "../running-statistics.ts";
import { requireClip, requireGamma } from "../wrappers/normalize-options.ts";
import type { NormalizeRewardOptions } from "../wrappers/normalize-options.ts";
import { scaledReward } from "../wrappers/normalize-reward.ts";
import type { NormalizeRewardState } from "../wrappers/normalize-reward.ts";
import { maskOf } from "./seeds.ts";
import type { Batch } from "./batch.ts";
import type { VectorEnv, VectorReset, VectorResetOptions, VectorStep } from "./vector-env.ts";
import { VectorWrapper } from "./vector-wrapper.ts";

/**
 * Rewards divided by the standard deviation of their discounted sum, by the statistics of all
 * environments; no mean is subtracted. As in Gymnasium, the sum of an environment starts anew after
 * a termination and goes on after a truncation; rows in which mode `NextStep` only reset do not
 * count.
 */
export class VectorNormalizeReward<Observation, Action> extends VectorWrapper<Observation, Action> {
  readonly statistics: RunningStatistics;
  readonly gamma: number;
  readonly #clip: number;
  readonly #accumulated: Float64Array;
  /** 1 where the last step ended an episode. */
  readonly #hasEnded: Uint8Array;
  #originalRewards: Float64Array;

  /** @throws {ConfigError} if gamma is outside [0, 1]. */
  constructor(env: VectorEnv<Observation, Action>, options: NormalizeRewardOptions = {}) {
    super(env);
    this.statistics = new RunningStatistics([], options);
    this.gamma = requireGamma("VectorNormalizeReward", options.gamma);
    this.#clip = requireClip("VectorNormalizeReward", options.clip);
    this.#accumulated = new Float64Array(env.numEnvs);
    this.#hasEnded = new Uint8Array(env.numEnvs);
    this.#originalRewards = new Float64Array(env.numEnvs);
  }

  /** [numEnvs] The last rewards before they were scaled. */
  get originalRewards(): Float64Array {
    return this.#originalRewards;
  }

  /** The statistics change no more: for evaluation. */
  freeze(): void {
    this.statistics.freeze();
  }

  /** The statistics, for checkpoints. */
  state(): NormalizeRewardState {
    return { statistics: this.statistics.state(), accumulated: [...this.#accumulated] };
  }

  /** @throws {CheckpointError} if the state is of another number of environments. */
  loadState(state: NormalizeRewardState): void {
    if (state.accumulated.length !== this.numEnvs) {
      throw new CheckpointError(
        `VectorNormalizeReward: the state must be of ${this.numEnvs} environments, ` +
          `got ${state.accumulated.length}`,
      );
    }
    this.statistics.loadState(state.statistics);
    this.#accumulated.set(state.accumulated);
  }

  protected override changeReset(
    reset: VectorReset<Batch<Observation>>,
    options: VectorResetOptions,
  ): VectorReset<Batch<Observation>> {
    maskOf("reset", options.resetMask, this.numEnvs).forEach((isReset, index) => {
      if (isReset === 0) return;
      this.#accumulated[index] = 0;
      this.#hasEnded[index] = 0;
    });
    return reset;
  }

  protected override changeStep(
    step: VectorStep<Batch<Observation>>,
  ): VectorStep<Batch<Observation>> {
    const active: number[] = [];
    step.rewards.forEach((reward, index) => {
      const isReset = this.#hasEnded[index] === 1 && this.autoresetMode === "NextStep";
      this.#hasEnded[index] = step.terminated[index] | step.truncated[index];
      if (isReset) return;
      const kept = step.terminated[index] === 1 ? 0 : this.gamma;
      this.#accumulated[index] = this.#accumulated[index] * kept + reward;
      active.push(this.#accumulated[index]);
    });
    this.statistics.update(active, active.length);
    this.#originalRewards = step.rewards;
    const rewards = step.rewards.map((reward) => {
      return scaledReward(this.statistics, reward, this.#clip);
    });
    return { ...step, rewards };
  }
}
