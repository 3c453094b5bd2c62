import { ConfigError } from "../base/errors.ts";
import type { Dataset } from "./dataset.ts";
import { requireIndex } from "./dataset.ts";
import type { ItemContext } from "./item-context.ts";
import { itemContext } from "./item-context.ts";

/** Datasets behind each other. */
export class ConcatDataset<Item> implements Dataset<Item> {
  readonly datasets: readonly Dataset<Item>[];
  /** Where each dataset ends. */
  readonly cumulativeSizes: readonly number[];

  /** @throws {ConfigError} if there are no datasets. */
  constructor(datasets: readonly Dataset<Item>[]) {
    if (datasets.length === 0) {
      throw new ConfigError("ConcatDataset: at least one dataset is required, got none");
    }
    let end = 0;
    this.datasets = datasets;
    this.cumulativeSizes = datasets.map(({ length }) => (end += length));
  }

  get length(): number {
    return this.cumulativeSizes[this.cumulativeSizes.length - 1];
  }

  get(index: number, context?: ItemContext): Item {
    requireIndex("ConcatDataset", index, this.length);
    const which = this.cumulativeSizes.findIndex((end) => index < end);
    const start = which === 0 ? 0 : this.cumulativeSizes[which - 1];
    return this.datasets[which].get(index - start, context);
  }
}

/** A result, as a promise if the item it comes from is one. */
export type Mapped<Item, Result> =
  Item extends PromiseLike<unknown> ? Promise<Awaited<Result>> : Result;

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

/**
 * A dataset whose items are changed when they are read, such as by transforms.
 *
 * @param change - takes the item and its context, whose `random` is seeded by epoch and index.
 * @example
 * const flip = new transforms.RandomHorizontalFlip();
 * const augmented = mapDataset(images, (sample, { random }) => flip.forward(sample, random));
 */
export function mapDataset<Item, Result>(
  dataset: Dataset<Item>,
  change: (item: Awaited<Item>, context: ItemContext) => Result,
): Dataset<Mapped<Item, Result>> {
  return {
    get length() {
      return dataset.length;
    },
    get(index, context = itemContext({ index })) {
      const item = dataset.get(index, context);
      const result = isPromise(item)
        ? Promise.resolve(item).then((value) => change(value, context))
        : change(item as Awaited<Item>, context);
      return result as Mapped<Item, Result>;
    },
  };
}

/**
 * A dataset that reads each item once and keeps it in memory; put it before random transforms.
 * What failed is not kept.
 */
export function cacheDataset<Item>(dataset: Dataset<Item>): Dataset<Item> {
  const cache = new Map<number, Item>();
  return {
    get length() {
      return dataset.length;
    },
    get(index, context) {
      const kept = cache.get(index);
      if (kept !== undefined) return kept;
      const item = dataset.get(index, context);
      cache.set(index, item);
      if (isPromise(item)) item.then(undefined, () => cache.delete(index));
      return item;
    },
  };
}
