import { CheckpointError, ConfigError, ShapeError } from "../base/errors.ts";
import { product } from "../base/integers.ts";

/** The state of {@link RunningStatistics}: plain numbers, for checkpoints. */
export interface RunningStatisticsState {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly count: number;
}

/** Options of {@link RunningStatistics}. */
export interface RunningStatisticsOptions {
  /** Added to the variance before its root is taken. @defaultValue 1e-8 */
  readonly epsilon?: number;
}

/** Weight of the start, mean 0 and variance 1, in rows; what Gymnasium uses. */
const startCount = 1e-4;

/**
 * Mean and variance of each number of a row over all rows seen, in double precision. Batches are
 * merged, so the result does not depend on how rows are split into batches, except for rounding.
 *
 * @see Chan, Golub, LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
 *   Variances".
 */
export class RunningStatistics {
  /** Numbers per row. */
  readonly size: number;
  readonly epsilon: number;
  readonly mean: Float64Array;
  /** Of the whole population: the sum of squares over the count, not over count - 1. */
  readonly variance: Float64Array;
  #count: number = startCount;
  #isFrozen = false;

  /** @param shape - sizes of a row; [] for single numbers. */
  constructor(shape: number | readonly number[], options: RunningStatisticsOptions = {}) {
    this.size = typeof shape === "number" ? shape : product(shape);
    this.epsilon = options.epsilon ?? 1e-8;
    if (!Number.isInteger(this.size) || this.size < 1) {
      throw new ConfigError(
        `RunningStatistics: a row must have numbers, got shape [${String(shape)}]`,
      );
    }
    if (!(this.epsilon >= 0)) {
      throw new ConfigError(`RunningStatistics: epsilon must be at least 0, got ${this.epsilon}`);
    }
    this.mean = new Float64Array(this.size);
    this.variance = new Float64Array(this.size).fill(1);
  }

  /** Rows seen, and the weight of the start. */
  get count(): number {
    return this.#count;
  }

  /** Whether {@link RunningStatistics.update} changes nothing: for evaluation. */
  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** From now on rows are normalized but not counted. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Rows count again. */
  unfreeze(): void {
    this.#isFrozen = false;
  }

  /**
   * Merges rows into the statistics.
   *
   * @param rows - [count × size]
   * @throws {ShapeError} if there are not `count` rows.
   * @throws {ConfigError} if a number is not finite: it would stay in the statistics for ever.
   */
  update(rows: ArrayLike<number>, count: number = rows.length / this.size): void {
    this.#requireRows(rows, count);
    if (this.#isFrozen || count === 0) return;
    // All columns are looked at before one changes: rows that are refused leave no trace.
    const moments = Array.from(this.mean, (_, column) => this.#moments(rows, column, count));
    const total = this.#count + count;
    moments.forEach(([mean, squares], column) => {
      const delta = mean - this.mean[column];
      const between = (delta * delta * this.#count * count) / total;
      this.mean[column] += (delta * count) / total;
      this.variance[column] = (this.variance[column] * this.#count + squares + between) / total;
    });
    this.#count = total;
  }

  /**
   * Rows with mean 0 and variance 1, within ± `clip`.
   *
   * @returns f32 [count × size], new.
   */
  normalize(rows: ArrayLike<number>, clip: number = Infinity): Float32Array {
    this.#requireRows(rows, rows.length / this.size);
    const scales = this.variance.map((variance) => Math.sqrt(variance + this.epsilon));
    return Float32Array.from({ length: rows.length }, (_, i) => {
      const column = i % this.size;
      const value = (rows[i] - this.mean[column]) / scales[column];
      return value > clip ? clip : value < -clip ? -clip : value;
    });
  }

  /** What {@link RunningStatistics.loadState} needs to continue from here. */
  state(): RunningStatisticsState {
    return { mean: [...this.mean], variance: [...this.variance], count: this.#count };
  }

  /** @throws {CheckpointError} if the state is of rows of another size. */
  loadState(state: RunningStatisticsState): void {
    if (state.mean.length !== this.size || state.variance.length !== this.size) {
      throw new CheckpointError(
        `RunningStatistics: the state must have ${this.size} columns, got ${state.mean.length}; ` +
          "it belongs to other observations",
      );
    }
    this.mean.set(state.mean);
    this.variance.set(state.variance);
    this.#count = state.count;
  }

  /** Mean of a column, and its sum of squares around it. */
  #moments(rows: ArrayLike<number>, column: number, count: number): [number, number] {
    let mean = 0;
    let squares = 0;
    for (let row = 0; row < count; row++) {
      const value = rows[row * this.size + column];
      const delta = value - mean;
      mean += delta / (row + 1);
      squares += delta * (value - mean);
    }
    if (Number.isFinite(squares)) return [mean, squares];
    throw new ConfigError(
      `RunningStatistics: rows must be finite, got a number in column ${column} that is not; ` +
        "find where it comes from with VectorCheckNan",
    );
  }

  #requireRows(rows: ArrayLike<number>, count: number): void {
    if (Number.isInteger(count) && rows.length === count * this.size) return;
    throw new ShapeError(
      `RunningStatistics: rows of ${this.size} numbers are needed, got ${rows.length} numbers ` +
        `for ${count} rows`,
    );
  }
}
