import { ConfigError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";
import type { Collated } from "./collate.ts";
import { stackItems } from "./collate.ts";
import type { Dataset } from "./dataset.ts";

/** Where in training a batch is made. */
export interface BatchContext {
  readonly epoch: number;
  /** Number of the batch within the epoch. */
  readonly batch: number;
  /** Random numbers that depend on seed, epoch and batch only, for augmentation. */
  readonly random: HostRandom;
}

/** How a {@link DataLoader} forms batches. */
export interface DataLoaderOptions<Item, Batch> {
  /** @defaultValue 1 */
  readonly batchSize?: number;
  /** A new random order in each epoch. @defaultValue false */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is not full. @defaultValue false */
  readonly dropLast?: boolean;
  /** @defaultValue 0 */
  readonly seed?: number;
  /** Device of the batches that are stacked by default. */
  readonly device?: string;
  /** Makes a batch of items. @defaultValue `stackItems` */
  readonly collate?: (items: readonly Item[], context: BatchContext) => Batch | Promise<Batch>;
}

/** Where a loader stands, as plain data. */
export interface DataLoaderState {
  readonly epoch: number;
  /** Batches of this epoch that were handed out. */
  readonly batch: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly length: number;
}

/**
 * Batches of a dataset. One `for await` loop is one epoch; the order of epoch e is a function of
 * seed and e alone, so a run that stops and continues sees the same batches.
 *
 * @example
 * const loader = new DataLoader(dataset, { batchSize: 64, shuffle: true, seed: 1 });
 * for await (const [images, labels] of loader) await step(images, labels);
 */
export class DataLoader<Item, Batch = Collated<Item>> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Item>;
  readonly batchSize: number;
  readonly seed: number;
  readonly #shuffle: boolean;
  readonly #dropLast: boolean;
  readonly #collate: (items: readonly Item[], context: BatchContext) => Batch | Promise<Batch>;
  #epoch = 0;
  #batch = 0;
  #isResuming = false;

  /** @throws {ConfigError} if the batch size is no positive integer. */
  constructor(dataset: Dataset<Item>, options: DataLoaderOptions<Item, Batch> = {}) {
    const { batchSize = 1, shuffle = false, dropLast = false, seed = 0, device, collate } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ConfigError(`DataLoader: batchSize must be a positive integer, got ${batchSize}`);
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.seed = seed;
    this.#shuffle = shuffle;
    this.#dropLast = dropLast;
    this.#collate = collate ?? ((items) => stackItems(items, { device }) as Batch);
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.#dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** The epoch the next batch belongs to, from 0. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Hands out the batches of one epoch: the rest of the current one after `loadStateDict`,
   * otherwise a whole one, even if the last loop was left early.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, void> {
    if (!this.#isResuming && this.#batch > 0) this.#nextEpoch();
    this.#isResuming = false;
    const epoch = this.#epoch;
    const order = this.#order(epoch);
    for (let batch = this.#batch; batch < this.length; batch++) {
      const start = batch * this.batchSize;
      const items = Array.from(order.subarray(start, start + this.batchSize), (index) =>
        this.dataset.get(index),
      );
      const random = new HostRandom(this.seed, epoch, 1, batch);
      const result = await this.#collate(items, { epoch, batch, random });
      this.#batch = batch + 1;
      yield result;
    }
    this.#nextEpoch();
  }

  /** Where the loader stands; a batch counts as seen once it was handed out. */
  stateDict(): DataLoaderState {
    const { seed, batchSize } = this;
    const isAtEnd = this.#batch > 0 && this.#batch >= this.length;
    return {
      epoch: isAtEnd ? this.#epoch + 1 : this.#epoch,
      batch: isAtEnd ? 0 : this.#batch,
      seed,
      batchSize,
      length: this.dataset.length,
    };
  }

  /**
   * Continues where another loader stood: the next loop hands out the rest of its epoch.
   *
   * @throws {ConfigError} if dataset length, batch size or seed differ, since the batches would too.
   */
  loadStateDict(state: DataLoaderState): void {
    const own = this.stateDict();
    for (const key of ["length", "batchSize", "seed"] as const) {
      if (state[key] === own[key]) continue;
      throw new ConfigError(
        `DataLoader: ${key} must be as in the saved state to continue with the same batches, ` +
          `got ${own[key]} instead of ${state[key]}`,
      );
    }
    this.#epoch = state.epoch;
    this.#batch = state.batch;
    this.#isResuming = true;
  }

  #nextEpoch(): void {
    this.#epoch++;
    this.#batch = 0;
  }

  #order(epoch: number): Uint32Array {
    const order = new Uint32Array(this.dataset.length).map((_, index) => index);
    return this.#shuffle ? new HostRandom(this.seed, epoch, 0).shuffle(order) : order;
  }
}
