import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import { RunningStatistics } from "../running-statistics.ts";
import type { RunningStatisticsState } from "../running-statistics.ts";
import type { SpaceArray } from "../space-array.ts";
import { boxOf, openBox } from "./box-of.ts";
import { requireClip } from "./normalize-options.ts";
import type { NormalizeOptions } from "./normalize-options.ts";
import { Wrapper } from "./wrapper.ts";

/**
 * Observations with mean 0 and variance 1, by the statistics of all observations seen. For
 * evaluation, load the state of the training's wrapper and freeze the statistics.
 */
export class NormalizeObservation<Action> extends Wrapper<
  Float32Array,
  Action,
  SpaceArray,
  Action
> {
  readonly statistics: RunningStatistics;
  readonly #clip: number;

  /** @throws {ConfigError} if observations are no Box. */
  constructor(env: Env<SpaceArray, Action>, options: NormalizeOptions = {}) {
    const { shape } = boxOf("NormalizeObservation", "observationSpace", env.observationSpace);
    super(env, { observationSpace: openBox(shape) });
    this.statistics = new RunningStatistics(shape, options);
    this.#clip = requireClip("NormalizeObservation", options.clip);
  }

  override reset(options?: ResetOptions): Reset<Float32Array> {
    const { observation, info } = this.env.reset(options);
    return { observation: this.#normalize(observation), info };
  }

  override step(action: Action): Step<Float32Array> {
    const step = this.env.step(action);
    return { ...step, observation: this.#normalize(step.observation) };
  }

  /** The statistics change no more: for evaluation. */
  freeze(): void {
    this.statistics.freeze();
  }

  /** The statistics, for checkpoints. */
  state(): RunningStatisticsState {
    return this.statistics.state();
  }

  /** Goes on with statistics from a checkpoint. */
  loadState(state: RunningStatisticsState): void {
    this.statistics.loadState(state);
  }

  #normalize(observation: SpaceArray): Float32Array {
    this.statistics.update(observation, 1);
    return this.statistics.normalize(observation, this.#clip);
  }
}
