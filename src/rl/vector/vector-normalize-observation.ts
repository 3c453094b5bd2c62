import { RunningStatistics } from "../running-statistics.ts";
import type { RunningStatisticsState } from "../running-statistics.ts";
import type { SpaceArray } from "../space-array.ts";
import { boxOf, openBox } from "../wrappers/box-of.ts";
import { requireClip } from "../wrappers/normalize-options.ts";
import type { NormalizeOptions } from "../wrappers/normalize-options.ts";
import { finalObservations, withFinalObservations } from "./map-observations.ts";
import { maskOf } from "./seeds.ts";
import type { VectorEnv, VectorReset, VectorResetOptions, VectorStep } from "./vector-env.ts";
import { VectorWrapper } from "./vector-wrapper.ts";

/**
 * Observations with mean 0 and variance 1, by the statistics of all observations of all
 * environments. For evaluation, load the state of the training's wrapper and freeze the statistics.
 * Works in every mode: in `SameStep`, last observations of episodes count and are normalized too.
 */
export class VectorNormalizeObservation<Action> extends VectorWrapper<
  Float32Array,
  Action,
  SpaceArray,
  Action
> {
  readonly statistics: RunningStatistics;
  readonly #clip: number;
  #originalObservations: SpaceArray = new Float32Array(0);

  /** @throws {ConfigError} if observations are no Box. */
  constructor(env: VectorEnv<SpaceArray, Action>, options: NormalizeOptions = {}) {
    const caller = "VectorNormalizeObservation";
    const { shape } = boxOf(caller, "observationSpace", env.singleObservationSpace);
    super(env, { observationSpace: openBox(shape) });
    this.statistics = new RunningStatistics(shape, options);
    this.#clip = requireClip(caller, options.clip);
  }

  /** The last observations before they were normalized. */
  get originalObservations(): SpaceArray {
    return this.#originalObservations;
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

  protected override changeReset(
    reset: VectorReset<SpaceArray>,
    options: VectorResetOptions,
  ): VectorReset<Float32Array> {
    const { size } = this.statistics;
    const rows = reset.observations;
    const mask = maskOf("reset", options.resetMask, this.numEnvs);
    // Rows of environments that were not reset counted when they came.
    const isNew = (_: number, i: number): boolean => mask[Math.floor(i / size)] === 1;
    this.statistics.update(mask.includes(0) ? rows.filter(isNew) : rows);
    return { ...reset, observations: this.#normalize(rows) };
  }

  protected override changeStep(step: VectorStep<SpaceArray>): VectorStep<Float32Array> {
    this.statistics.update(step.observations, this.numEnvs);
    for (const final of finalObservations(step.infos)) {
      if (final !== null) this.statistics.update(final, 1);
    }
    const infos = withFinalObservations(step.infos, (final) => {
      return this.statistics.normalize(final, this.#clip);
    });
    return { ...step, infos, observations: this.#normalize(step.observations) };
  }

  #normalize(rows: SpaceArray): Float32Array {
    this.#originalObservations = rows;
    return this.statistics.normalize(rows, this.#clip);
  }
}
