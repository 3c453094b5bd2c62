import { ConfigError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";

/** For what a stream is read. */
export interface StreamContext {
  readonly epoch: number;
  readonly seed: number;
}

/**
 * Items one after the other, such as the lines of a file that does not fit into memory. Every
 * iterable is one; a dataset that wants to know the epoch takes the context.
 */
export type IterableDataset<Item> =
  | {
      /** Opens the stream. */
      [Symbol.asyncIterator](context?: StreamContext): AsyncIterator<Item>;
    }
  | {
      /** Opens the stream. */
      [Symbol.iterator](context?: StreamContext): Iterator<Item>;
    };

/** Whether a dataset is a stream. */
export function isIterableDataset(dataset: object): dataset is IterableDataset<unknown> {
  return Symbol.asyncIterator in dataset || Symbol.iterator in dataset;
}

/** Opens a stream. The iterator is closed when the loop over it ends early. */
export async function* iterate<Item>(
  dataset: IterableDataset<Item>,
  context: StreamContext,
): AsyncGenerator<Item, void, void> {
  if (Symbol.asyncIterator in dataset) {
    yield* { [Symbol.asyncIterator]: () => dataset[Symbol.asyncIterator](context) };
  } else {
    yield* { [Symbol.iterator]: () => dataset[Symbol.iterator](context) };
  }
}

/** Streams behind each other. */
export class ChainDataset<Item> implements AsyncIterable<Item> {
  readonly datasets: readonly IterableDataset<Item>[];

  constructor(datasets: readonly IterableDataset<Item>[]) {
    this.datasets = datasets;
  }

  /** Opens one stream after the other. */
  async *[Symbol.asyncIterator](
    context: StreamContext = { epoch: 0, seed: 0 },
  ): AsyncGenerator<Item, void, void> {
    for (const dataset of this.datasets) yield* iterate(dataset, context);
  }
}

/** A stream whose items are changed when they are read. */
export function mapIterable<Item, Result>(
  dataset: IterableDataset<Item>,
  change: (item: Item, context: { readonly random: HostRandom }) => Result | Promise<Result>,
): AsyncIterable<Result> {
  return {
    async *[Symbol.asyncIterator]({ epoch, seed }: StreamContext = { epoch: 0, seed: 0 }) {
      let index = 0;
      for await (const item of iterate(dataset, { epoch, seed })) {
        yield await change(item, { random: new HostRandom(seed, epoch, 2, index++) });
      }
    },
  };
}

/**
 * Shuffles a stream through a buffer: each item that leaves is drawn from the `size` next ones.
 * The order depends on seed and epoch only.
 *
 * @throws {ConfigError} if the size is no positive integer.
 */
export function shuffleIterable<Item>(
  dataset: IterableDataset<Item>,
  size: number,
): AsyncIterable<Item> {
  if (!Number.isInteger(size) || size < 1) {
    throw new ConfigError(`shuffleIterable: size must be a positive integer, got ${size}`);
  }
  return {
    async *[Symbol.asyncIterator]({ epoch, seed }: StreamContext = { epoch: 0, seed: 0 }) {
      const random = new HostRandom(seed, epoch, 0);
      const buffer: Item[] = [];
      for await (const item of iterate(dataset, { epoch, seed })) {
        buffer.push(item);
        if (buffer.length > size) yield takeRandom(buffer, random);
      }
      while (buffer.length > 0) yield takeRandom(buffer, random);
    },
  };
}

function takeRandom<Item>(buffer: Item[], random: HostRandom): Item {
  const at = random.integer(buffer.length);
  const last = buffer.length - 1;
  const item = buffer[at];
  buffer[at] = buffer[last];
  buffer.length = last;
  return item;
}
