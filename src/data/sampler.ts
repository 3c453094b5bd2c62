import { ConfigError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";

/**
 * Which items an epoch consists of. The order is a function of the epoch alone, so that a loader
 * resumes exactly from two numbers.
 */
export interface Sampler {
  /** Items per epoch. */
  readonly length: number;
  /** The numbers of an epoch's items, in their order. */
  indices(epoch: number): ArrayLike<number>;
}

/** Anything with a number of items. */
export interface Sized {
  readonly length: number;
}

function requireCount(name: string, what: string, value: number, least = 0): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ConfigError(`${name}: ${what} must be an integer of at least ${least}, got ${value}`);
}

function range(length: number): Uint32Array {
  return new Uint32Array(length).map((_, index) => index);
}

/** Items in their own order. */
export class SequentialSampler implements Sampler {
  readonly #source: Sized;

  constructor(source: Sized) {
    this.#source = source;
  }

  get length(): number {
    return this.#source.length;
  }

  indices(): Uint32Array {
    return range(this.length);
  }
}

/**
 * Items in a new random order in each epoch, or drawn independently. Without replacement, more
 * samples than items are whole shuffles behind each other.
 */
export class RandomSampler implements Sampler {
  readonly #source: Sized;
  readonly #replacement: boolean;
  readonly #count: number | undefined;
  readonly #seed: number;

  /**
   * @param options.numSamples - samples per epoch. @defaultValue the number of items
   * @throws {ConfigError} if `numSamples` is no positive integer.
   */
  constructor(
    source: Sized,
    options: {
      readonly replacement?: boolean;
      readonly numSamples?: number;
      readonly seed?: number;
    } = {},
  ) {
    const { replacement = false, numSamples, seed = 0 } = options;
    if (numSamples !== undefined) requireCount("RandomSampler", "numSamples", numSamples, 1);
    this.#source = source;
    this.#replacement = replacement;
    this.#count = numSamples;
    this.#seed = seed;
  }

  get length(): number {
    return this.#count ?? this.#source.length;
  }

  indices(epoch: number): Uint32Array {
    const random = new HostRandom(this.#seed, epoch, 0);
    const items = this.#source.length;
    if (items === 0) return new Uint32Array(0);
    if (this.#replacement) return new Uint32Array(this.length).map(() => random.integer(items));
    const result = new Uint32Array(this.length);
    for (let start = 0; start < result.length; start += items) {
      const order = random.shuffle(range(items));
      result.set(order.subarray(0, Math.min(items, result.length - start)), start);
    }
    return result;
  }
}

/** Some items in a new random order in each epoch. */
export class SubsetRandomSampler implements Sampler {
  readonly #items: ArrayLike<number>;
  readonly #seed: number;

  constructor(indices: ArrayLike<number>, options: { readonly seed?: number } = {}) {
    this.#items = indices;
    this.#seed = options.seed ?? 0;
  }

  get length(): number {
    return this.#items.length;
  }

  indices(epoch: number): Uint32Array {
    return new HostRandom(this.#seed, epoch, 0).shuffle(Uint32Array.from(this.#items));
  }
}

/** Items drawn with probabilities proportional to weights, which need not sum to 1. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly #weights: Float64Array;
  readonly #replacement: boolean;
  readonly #seed: number;

  /**
   * @param weights - one per item, finite and at least 0.
   * @throws {ConfigError} if there are fewer items with a weight than are to be drawn without
   *   replacement, or none at all.
   */
  constructor(
    weights: ArrayLike<number>,
    numSamples: number,
    options: { readonly replacement?: boolean; readonly seed?: number } = {},
  ) {
    const { replacement = true, seed = 0 } = options;
    requireCount("WeightedRandomSampler", "numSamples", numSamples, 1);
    this.#weights = Float64Array.from(weights);
    const bad = this.#weights.findIndex((weight) => !(weight >= 0 && weight < Infinity));
    if (bad >= 0) {
      throw new ConfigError(
        `WeightedRandomSampler: weights must be finite and at least 0, got ${weights[bad]} at ${bad}`,
      );
    }
    const possible = this.#weights.reduce((count, weight) => count + Number(weight > 0), 0);
    const needed = replacement ? 1 : numSamples;
    if (possible < needed) {
      throw new ConfigError(
        `WeightedRandomSampler: at least ${needed} weights must be positive, got ${possible}`,
      );
    }
    this.length = numSamples;
    this.#replacement = replacement;
    this.#seed = seed;
  }

  indices(epoch: number): Uint32Array {
    const random = new HostRandom(this.#seed, epoch, 0);
    return this.#replacement ? this.#independent(random) : this.#distinct(random);
  }

  #independent(random: HostRandom): Uint32Array {
    let total = 0;
    const ends = this.#weights.map((weight) => (total += weight));
    return new Uint32Array(this.length).map(() => firstAbove(ends, random.uniform() * total));
  }

  /** The items with the smallest of -ln(u) / weight are a draw without replacement. */
  #distinct(random: HostRandom): Uint32Array {
    const keys = this.#weights.map((weight) => -Math.log(1 - random.uniform()) / weight);
    const drawable = range(keys.length).filter((index) => this.#weights[index] > 0);
    return drawable.sort((a, b) => keys[a] - keys[b]).subarray(0, this.length);
  }
}

function firstAbove(ends: Float64Array, value: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ends[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How {@link DistributedSampler} shares items. */
export interface DistributedSamplerOptions {
  /** Number of processes. */
  readonly numReplicas: number;
  /** This process, from 0. */
  readonly rank: number;
  /** @defaultValue true */
  readonly shuffle?: boolean;
  /** Must be the same in all processes. @defaultValue 0 */
  readonly seed?: number;
  /** Leaves out the items that cannot be shared evenly instead of repeating some. @defaultValue false */
  readonly dropLast?: boolean;
}

/** The share of one process: every `numReplicas`-th item of an order that all processes agree on. */
export class DistributedSampler implements Sampler {
  readonly length: number;
  readonly #source: Sized;
  readonly #options: Required<DistributedSamplerOptions>;

  /** @throws {ConfigError} if the rank is not below the number of replicas. */
  constructor(source: Sized, options: DistributedSamplerOptions) {
    const { numReplicas, rank, shuffle = true, seed = 0, dropLast = false } = options;
    requireCount("DistributedSampler", "numReplicas", numReplicas, 1);
    if (!Number.isInteger(rank) || rank < 0 || rank >= numReplicas) {
      throw new ConfigError(
        `DistributedSampler: rank must be 0 … ${numReplicas - 1}, got ${rank} of ${numReplicas}`,
      );
    }
    const share = source.length / numReplicas;
    this.length = dropLast ? Math.floor(share) : Math.ceil(share);
    this.#source = source;
    this.#options = { numReplicas, rank, shuffle, seed, dropLast };
  }

  indices(epoch: number): Uint32Array {
    const { numReplicas, rank, shuffle, seed } = this.#options;
    const order = range(this.#source.length);
    if (shuffle) new HostRandom(seed, epoch, 0).shuffle(order);
    // Past its end the order starts again, so that all processes have equally many items.
    return new Uint32Array(this.length).map(
      (_, i) => order[(rank + i * numReplicas) % order.length],
    );
  }
}

/** Which items each batch of an epoch consists of. */
export interface BatchSource {
  /** Batches per epoch. */
  readonly length: number;
  /** The numbers of the items of each of an epoch's batches. */
  batches(epoch: number): Iterable<ArrayLike<number>>;
}

/** Cuts a sampler's order into batches. */
export class BatchSampler implements BatchSource {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  /** @throws {ConfigError} if the batch size is no positive integer. */
  constructor(sampler: Sampler, batchSize: number, dropLast = false) {
    requireCount("BatchSampler", "batchSize", batchSize, 1);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  get length(): number {
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *batches(epoch: number): Generator<Uint32Array, void, void> {
    const order = Uint32Array.from(this.sampler.indices(epoch));
    for (let batch = 0; batch < this.length; batch++) {
      yield order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize);
    }
  }
}
