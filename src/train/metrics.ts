import { AthanorError, ConfigError } from "../base/errors.ts";

/** The mean of a stream of values, weighted by their counts. */
export class RunningMean {
  #sum = 0;
  #count = 0;

  /** @param count - how many samples `value` is the mean of. @defaultValue 1 */
  add(value: number, count = 1): void {
    this.#sum += value * count;
    this.#count += count;
  }

  get count(): number {
    return this.#count;
  }

  /** The mean so far; NaN before the first value. */
  get mean(): number {
    return this.#sum / this.#count;
  }

  /** Forgets all values. */
  reset(): void {
    this.#sum = 0;
    this.#count = 0;
  }
}

/** Index of the largest entry of each row; the first one of equals. */
export function argmaxRows(data: ArrayLike<number>, columns: number): Int32Array {
  const rows = new Int32Array(data.length / columns);
  for (let row = 0; row < rows.length; row++) {
    let best = 0;
    for (let i = 1; i < columns; i++) {
      if (data[row * columns + i] > data[row * columns + best]) best = i;
    }
    rows[row] = best;
  }
  return rows;
}

/** Share of equal entries: correct / all. */
export function accuracy(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  let correct = 0;
  for (let i = 0; i < expected.length; i++) if (predicted[i] === expected[i]) correct++;
  return correct / expected.length;
}

/** Counts of (true class, predicted class). */
export class ConfusionMatrix {
  readonly classes: number;
  /** Row-major [true class, predicted class]. */
  readonly counts: Uint32Array;

  constructor(classes: number) {
    this.classes = classes;
    this.counts = new Uint32Array(classes * classes);
  }

  /** Adds pairs of true and predicted classes. @throws {ConfigError} for a class out of range. */
  add(expected: ArrayLike<number>, predicted: ArrayLike<number>): void {
    for (let i = 0; i < expected.length; i++) {
      for (const label of [expected[i], predicted[i]]) {
        if (Number.isInteger(label) && label >= 0 && label < this.classes) continue;
        throw new ConfigError(
          `ConfusionMatrix: classes must be 0 … ${this.classes - 1}, got ${label}`,
        );
      }
      this.counts[expected[i] * this.classes + predicted[i]]++;
    }
  }

  /** How often a true class was predicted as another (or as itself). */
  count(expected: number, predicted: number): number {
    return this.counts[expected * this.classes + predicted];
  }

  /** Samples added. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Samples on the diagonal. */
  get correct(): number {
    let correct = 0;
    for (let label = 0; label < this.classes; label++) correct += this.count(label, label);
    return correct;
  }

  /** correct / total. */
  get accuracy(): number {
    return this.correct / this.total;
  }

  /** Share of a true class that was found: count(c, c) / Σₚ count(c, p). */
  recall(label: number): number {
    let row = 0;
    for (let other = 0; other < this.classes; other++) row += this.count(label, other);
    return this.count(label, label) / row;
  }

  /** Share of a predicted class that is right: count(c, c) / Σₜ count(t, c). */
  precision(label: number): number {
    let column = 0;
    for (let other = 0; other < this.classes; other++) column += this.count(other, label);
    return this.count(label, label) / column;
  }
}

/** Where training was when a loss was measured. */
export interface LossContext {
  readonly step: number;
  readonly lr: number;
  /** The last checkpoint, if there is one. */
  readonly checkpoint?: string | undefined;
}

/** Stops training at a loss that is NaN or infinite. @throws {AthanorError} code NON_FINITE_LOSS. */
export function assertFinite(loss: number, { step, lr, checkpoint }: LossContext): void {
  if (Number.isFinite(loss)) return;
  const saved =
    checkpoint === undefined
      ? "no checkpoint was saved yet"
      : `the last checkpoint before it is ${checkpoint}`;
  throw new AthanorError(
    "NON_FINITE_LOSS",
    `train: the loss must stay finite, got ${loss} at step ${step} with learning rate ` +
      `${Number(lr.toPrecision(3))}; lower the learning rate, clip gradients or check the inputs ` +
      `(${saved})`,
    { details: { loss, step, lr, checkpoint } },
  );
}
