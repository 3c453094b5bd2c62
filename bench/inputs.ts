/** Deterministic numbers, so that every contender computes the same thing in a process of its own. */

/** Uniform numbers in [-scale, scale) from a linear congruential generator. */
export function uniform(count: number, seed: number, scale = 1): Float32Array {
  const values = new Float32Array(count);
  let state = (Math.imul(seed, 2654435761) + 12345) | 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = (state / 2 ** 31) * scale;
  }
  return values;
}

/** Class indices below `classes`. */
export function classes(count: number, seed: number, total: number): Int32Array {
  return Int32Array.from(uniform(count, seed), (value) => Math.floor(((value + 1) / 2) * total));
}

/** Rows of a one-hot matrix, for contenders whose losses want one. @public */
export function oneHot(indices: Int32Array, total: number): Float32Array {
  const values = new Float32Array(indices.length * total);
  indices.forEach((index, row) => (values[row * total + index] = 1));
  return values;
}

/** Root of the mean square: one number that two results of the same computation share. */
export function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum / values.length);
}

/** A weight and how it starts: uniform within ±1/√fanIn. */
interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly fanIn: number;
}

/** The starting values of a list of weights, in order. @public */
export function initialWeights(specs: readonly WeightSpec[]): Float32Array[] {
  return specs.map(({ shape, fanIn }, i) =>
    uniform(
      shape.reduce((product, size) => product * size, 1),
      100 + i,
      1 / Math.sqrt(fanIn),
    ),
  );
}
