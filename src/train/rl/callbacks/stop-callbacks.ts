import { ConfigError } from "../../../base/errors.ts";
import type { EpisodeRecord } from "../episode-record.ts";
import type { Callback, Training, TrainingEvaluation } from "../callback.ts";
import { requireCount } from "../option-checks.ts";

/** Ends training when an evaluation's mean return reaches a threshold. */
export class StopOnRewardThreshold implements Callback {
  readonly threshold: number;

  /** @throws {ConfigError} if the threshold is no finite number. */
  constructor(threshold: number) {
    if (!Number.isFinite(threshold)) {
      throw new ConfigError(
        `StopOnRewardThreshold: threshold must be a finite number, got ${threshold}; ` +
          "an environment without a threshold has spec.rewardThreshold null",
      );
    }
    this.threshold = threshold;
  }

  onEvaluation(training: Training, { meanReturn, episodes }: TrainingEvaluation): void {
    if (meanReturn < this.threshold) return;
    training.stop(
      `mean return ${meanReturn.toFixed(2)} over ${episodes.length} episodes reached ${this.threshold}`,
    );
  }
}

/** Options of {@link StopOnNoModelImprovement}. */
export interface NoImprovementOptions {
  /** Evaluations without a new best that are put up with. */
  readonly maxNoImprovementEvals: number;
  /** Evaluations before counting begins. @defaultValue 0 */
  readonly minEvals?: number;
}

/** Ends training when too many evaluations in a row were no better than the best before. */
export class StopOnNoModelImprovement implements Callback {
  readonly name: string = "StopOnNoModelImprovement";
  readonly #most: number;
  readonly #least: number;
  #evaluations = 0;
  #withoutBest = 0;

  constructor({ maxNoImprovementEvals, minEvals = 0 }: NoImprovementOptions) {
    requireCount("StopOnNoModelImprovement", "maxNoImprovementEvals", maxNoImprovementEvals);
    requireCount("StopOnNoModelImprovement", "minEvals", minEvals, 0);
    this.#most = maxNoImprovementEvals;
    this.#least = minEvals;
  }

  onEvaluation(training: Training, { isBest, bestMeanReturn }: TrainingEvaluation): void {
    this.#evaluations++;
    if (isBest || this.#evaluations <= this.#least) this.#withoutBest = 0;
    else this.#withoutBest++;
    if (this.#withoutBest <= this.#most) return;
    training.stop(
      `no better mean return than ${bestMeanReturn.toFixed(2)} in ${this.#withoutBest} evaluations`,
    );
  }

  state(): Readonly<Record<string, unknown>> {
    return { evaluations: this.#evaluations, withoutBest: this.#withoutBest };
  }

  /** Goes on counting where a resumed run was. */
  loadState(state: Readonly<Record<string, unknown>>): void {
    this.#evaluations = Number(state["evaluations"]);
    this.#withoutBest = Number(state["withoutBest"]);
  }
}

/** Ends training after a number of episodes, over all environments. */
export class StopOnMaxEpisodes implements Callback {
  readonly maxEpisodes: number;

  constructor(maxEpisodes: number) {
    requireCount("StopOnMaxEpisodes", "maxEpisodes", maxEpisodes);
    this.maxEpisodes = maxEpisodes;
  }

  onEpisodeEnd(training: Training, _episode: EpisodeRecord): void {
    if (training.episodes < this.maxEpisodes) return;
    training.stop(`${training.episodes} episodes have ended`);
  }
}
