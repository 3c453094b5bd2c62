import { ConfigError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";
import type { Collated } from "./collate.ts";
import { stackItems } from "./collate.ts";
import type { Dataset } from "./dataset.ts";
import { requireIndex } from "./dataset.ts";
import type { ItemRequest } from "./item-context.ts";
import { itemContext } from "./item-context.ts";
import type { IterableDataset } from "./iterable-dataset.ts";
import { isIterableDataset, iterate } from "./iterable-dataset.ts";
import { groupItems, readAhead, runAhead } from "./read-ahead.ts";
import type { BatchSource, Sampler, Sized } from "./sampler.ts";
import { BatchSampler, RandomSampler, SequentialSampler } from "./sampler.ts";

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
  /** Which items an epoch consists of, instead of `shuffle`. */
  readonly sampler?: Sampler;
  /** Which items each batch consists of, instead of all options above but `seed`. */
  readonly batchSampler?: BatchSource;
  /**
   * Batches whose items are read ahead of the one in use. @defaultValue what the dataset asks for:
   * 2 per worker of a worker dataset, else 0
   */
  readonly prefetch?: number;
  /** Device of the batches that are stacked by default. */
  readonly device?: string;
  /** Makes a batch of items. @defaultValue `stackItems` */
  readonly collate?: (
    items: readonly Awaited<Item>[],
    context: BatchContext,
  ) => Batch | Promise<Batch>;
}

/** Where a loader stands, as plain data. */
export interface DataLoaderState {
  readonly epoch: number;
  /** Batches of this epoch that were handed out. */
  readonly batch: number;
  readonly seed: number;
  /** 0 if a batch sampler decides. */
  readonly batchSize: number;
  /** Items of the dataset, 0 for a stream. */
  readonly length: number;
}

/**
 * Batches of a dataset or a stream. One `for await` loop is one epoch; the order of epoch e is a
 * function of seed and e alone, so a run that stops and continues sees the same batches.
 *
 * @example
 * const loader = new DataLoader(dataset, { batchSize: 64, shuffle: true, seed: 1 });
 * for await (const [images, labels] of loader) await step(images, labels);
 */
export class DataLoader<Item, Batch = Collated<Awaited<Item>>> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Item> | IterableDataset<Item>;
  /** 0 if a batch sampler decides. */
  readonly batchSize: number;
  readonly seed: number;
  readonly #source: BatchSource | undefined;
  readonly #dropLast: boolean;
  readonly #prefetch: number;
  readonly #collate: (
    items: readonly Awaited<Item>[],
    context: BatchContext,
  ) => Batch | Promise<Batch>;
  #epoch = 0;
  #batch = 0;
  #isResuming = false;

  /** @throws {ConfigError} if an option is out of range, or two options contradict each other. */
  constructor(
    dataset: Dataset<Item> | IterableDataset<Item>,
    options: DataLoaderOptions<Item, Batch> = {},
  ) {
    const { batchSize = 1, dropLast = false, seed = 0, device, collate } = options;
    const prefetch = options.prefetch ?? ("prefetch" in dataset ? (dataset.prefetch ?? 0) : 0);
    requireInteger("batchSize must be a positive integer", batchSize, 1);
    requireInteger("prefetch must be an integer of at least 0", prefetch, 0);
    refuseContradictions(dataset, options);
    this.dataset = dataset;
    this.batchSize = options.batchSampler === undefined ? batchSize : 0;
    this.seed = seed;
    this.#source = isIterableDataset(dataset) ? undefined : batchSource(dataset, options);
    this.#dropLast = dropLast;
    this.#prefetch = prefetch;
    this.#collate = collate ?? ((items) => stackItems(items, { device }) as Batch);
  }

  /** Batches per epoch. @throws {ConfigError} for a stream, whose end is not known. */
  get length(): number {
    if (this.#source !== undefined) return this.#source.length;
    throw new ConfigError("DataLoader: length is not known for a stream; count its batches");
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
    let batch = this.#batch;
    for await (const items of this.#itemLists(epoch, batch)) {
      const random = new HostRandom(this.seed, epoch, 1, batch);
      const result = await this.#collate(items, { epoch, batch, random });
      this.#batch = ++batch;
      yield result;
    }
    this.#nextEpoch();
  }

  /** Where the loader stands; a batch counts as seen once it was handed out. */
  stateDict(): DataLoaderState {
    const { seed, batchSize } = this;
    const isAtEnd = this.#batch > 0 && this.#batch >= (this.#source?.length ?? Infinity);
    return {
      epoch: isAtEnd ? this.#epoch + 1 : this.#epoch,
      batch: isAtEnd ? 0 : this.#batch,
      seed,
      batchSize,
      length: isIterableDataset(this.dataset) ? 0 : this.dataset.length,
    };
  }

  /**
   * Continues where another loader stood: the next loop hands out the rest of its epoch. A stream
   * is read again up to there.
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

  /** The items of each batch from `first` on. */
  #itemLists(epoch: number, first: number): AsyncGenerator<Awaited<Item>[], void, void> {
    const { dataset, seed } = this;
    if (!isIterableDataset(dataset) && this.#source !== undefined) {
      const jobs = itemJobs(dataset, this.#source.batches(epoch), { epoch, seed, first });
      return runAhead(jobs, this.#prefetch);
    }
    const items = iterate(dataset as IterableDataset<Item>, { epoch, seed });
    const lists = groupItems(items, this.batchSize, this.#dropLast);
    return readAhead(skip(lists, first), this.#prefetch) as AsyncGenerator<Awaited<Item>[]>;
  }
}

function requireInteger(invariant: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ConfigError(`DataLoader: ${invariant}, got ${value}`);
}

type Order = Pick<
  DataLoaderOptions<never, never>,
  "batchSize" | "batchSampler" | "dropLast" | "sampler" | "seed" | "shuffle"
>;

function refuseContradictions(dataset: object, options: Order): void {
  const given = (["batchSize", "dropLast", "sampler", "shuffle"] as const).filter(
    (key) => options[key] !== undefined && options[key] !== false,
  );
  const refuse = (what: string, others: readonly string[]): never => {
    throw new ConfigError(`DataLoader: ${what}, got ${others.join(", ")}; leave it out`);
  };
  if (options.batchSampler !== undefined && given.length > 0) {
    refuse("a batchSampler excludes batchSize, dropLast, sampler and shuffle", given);
  }
  if (options.sampler !== undefined && options.shuffle === true) {
    refuse("a sampler excludes shuffle", ["shuffle"]);
  }
  if (!isIterableDataset(dataset)) return;
  const orders = (["batchSampler", "sampler", "shuffle"] as const).filter(
    (key) => options[key] !== undefined && options[key] !== false,
  );
  if (orders.length > 0) refuse("a stream has an order of its own (see shuffleIterable)", orders);
}

function batchSource(dataset: Sized, options: Order): BatchSource {
  const { batchSize = 1, shuffle = false, dropLast = false, seed = 0 } = options;
  if (options.batchSampler !== undefined) return options.batchSampler;
  const order = shuffle ? new RandomSampler(dataset, { seed }) : new SequentialSampler(dataset);
  return new BatchSampler(options.sampler ?? order, batchSize, dropLast);
}

/** One job per batch from `first` on, which reads its items. */
function* itemJobs<Item>(
  dataset: Dataset<Item>,
  batches: Iterable<ArrayLike<number>>,
  { epoch, seed, first }: { epoch: number; seed: number; first: number },
): Generator<() => Promise<Awaited<Item>[]>, void, void> {
  const seen = new Uint32Array(dataset.length);
  let batch = 0;
  for (const indices of batches) {
    const requests = Array.from(indices, (index) => {
      requireIndex("DataLoader", index, dataset.length);
      const occurrence = seen[index]++;
      return { index, epoch, seed, occurrence };
    });
    if (batch++ >= first) yield () => readItems(dataset, requests);
  }
}

async function readItems<Item>(
  dataset: Dataset<Item>,
  requests: readonly ItemRequest[],
): Promise<Awaited<Item>[]> {
  if (dataset.getBatch !== undefined) return dataset.getBatch(requests);
  return Promise.all(requests.map((request) => dataset.get(request.index, itemContext(request))));
}

async function* skip<Item>(
  stream: AsyncIterable<Item>,
  count: number,
): AsyncGenerator<Item, void, void> {
  let seen = 0;
  for await (const item of stream) {
    if (seen++ >= count) yield item;
  }
}
