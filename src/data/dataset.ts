import { ConfigError, ShapeError } from "../base/errors.ts";
import { HostRandom } from "../base/host-random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { HostTensor } from "./host-tensor.ts";
import { hostTensor, rowOf } from "./host-tensor.ts";
import type { ItemContext, ItemRequest } from "./item-context.ts";

/**
 * Items by number. A dataset that reads files has promises as its items; what consumes datasets
 * awaits them.
 */
export interface Dataset<Item> {
  readonly length: number;
  /**
   * Item `index`, from 0 to length - 1.
   *
   * @param context - for what the item is made, with random numbers for augmentation.
   */
  get(index: number, context?: ItemContext): Item;
  /** Many items at once, where that is cheaper than one by one. */
  getBatch?(requests: readonly ItemRequest[]): Promise<NoInfer<Awaited<Item>>[]>;
  /** How many batches a loader should ask for ahead of time. */
  readonly prefetch?: number;
}

/** @internal Refuses what is no item number. */
export function requireIndex(name: string, index: number, length: number): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  throw new ConfigError(`${name}: index must be 0 … ${length - 1}, got ${index}`);
}

/**
 * Arrays in memory that agree in their first dim; item i is the list of their i-th rows.
 *
 * @example
 * const images = hostTensor(pixels, [60_000, 1, 28, 28]);
 * const dataset = new TensorDataset(images, hostTensor(labels));
 */
export class TensorDataset<Columns extends readonly HostTensor[]> implements Dataset<Columns> {
  readonly length: number;
  readonly columns: Columns;

  constructor(...columns: Columns) {
    const lengths = columns.map((column) => column.shape[0]);
    const [length = 0] = lengths;
    if (columns.length === 0 || lengths.some((other) => other === undefined || other !== length)) {
      throw new ShapeError(
        "TensorDataset: columns must agree in their first dim, " +
          `got ${columns.map(({ shape }) => `[${shape.join(", ")}]`).join(", ") || "no columns"}`,
      );
    }
    this.length = length;
    this.columns = columns;
  }

  /** Copies tensors to the host. */
  static async from(...tensors: readonly Tensor[]): Promise<TensorDataset<HostTensor[]>> {
    const columns = await Promise.all(
      tensors.map(async ({ shape, dtype }, i) =>
        hostTensor(await tensors[i].data(), shape, { dtype }),
      ),
    );
    return new TensorDataset(...columns);
  }

  /** The rows `index` of all columns, as views. @throws {ConfigError} if there is none. */
  get(index: number): Columns {
    requireIndex("TensorDataset", index, this.length);
    return this.columns.map((column) => rowOf(column, index)) as readonly HostTensor[] as Columns;
  }
}

/** Some items of a dataset, in the order of `indices`. */
export class Subset<Item> implements Dataset<Item> {
  readonly dataset: Dataset<Item>;
  readonly indices: ArrayLike<number>;
  /** There if the dataset makes many items at once. */
  readonly getBatch?: (requests: readonly ItemRequest[]) => Promise<NoInfer<Awaited<Item>>[]>;
  readonly prefetch: number;

  constructor(dataset: Dataset<Item>, indices: ArrayLike<number>) {
    this.dataset = dataset;
    this.indices = indices;
    this.prefetch = dataset.prefetch ?? 0;
    if (dataset.getBatch === undefined) return;
    this.getBatch = async (requests) =>
      (await dataset.getBatch?.(requests.map((each) => this.#inner(each)))) ?? [];
  }

  /** Where an item lies in the dataset; its random numbers stay those of its number here. */
  #inner(request: ItemRequest): ItemRequest {
    requireIndex("Subset", request.index, this.length);
    const { index, origin = index } = request;
    return { ...request, index: this.indices[index], origin };
  }

  get length(): number {
    return this.indices.length;
  }

  /** The item that `indices[index]` names. @throws {ConfigError} if there is none. */
  get(index: number, context?: ItemContext): Item {
    requireIndex("Subset", index, this.length);
    return this.dataset.get(this.indices[index], context);
  }
}

/**
 * Cuts a dataset at random into parts that do not overlap.
 *
 * @param sizes - item counts that sum to the length, or fractions that sum to 1 (each is rounded
 *   down, and the first parts take one of the remaining items each).
 * @throws {ConfigError} if they sum to anything else.
 */
export function randomSplit<Item>(
  dataset: Dataset<Item>,
  sizes: readonly number[],
  options: { readonly seed?: number } = {},
): Subset<Item>[] {
  const { seed = 0 } = options;
  const counts = partSizes(dataset.length, sizes);
  const order = new HostRandom(seed).shuffle(Uint32Array.from({ length: dataset.length }, at));
  let start = 0;
  return counts.map((count) => {
    start += count;
    return new Subset(dataset, order.subarray(start - count, start));
  });
}

const at = (_: unknown, index: number): number => index;
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

function partSizes(length: number, sizes: readonly number[]): number[] {
  const total = sum(sizes);
  const areValid = sizes.every((size) => size >= 0);
  if (areValid && sizes.every(Number.isInteger) && total === length) return [...sizes];
  if (!areValid || Math.abs(total - 1) > 1e-9) {
    throw new ConfigError(
      `randomSplit: sizes must sum to the length ${length} or to 1, ` +
        `got [${sizes.join(", ")}] with sum ${total}`,
    );
  }
  const counts = sizes.map((fraction) => Math.floor(fraction * length));
  const rest = length - sum(counts);
  return counts.map((count, i) => count + (i < rest ? 1 : 0));
}

/** Item numbers of the two sides of a split. */
export interface SplitIndices {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/**
 * Splits item numbers at random so that both sides have the same share of each class.
 *
 * @param labels - the class of each item.
 * @param testFraction - share of each class on the test side, rounded to whole items.
 */
export function stratifiedSplit(
  labels: ArrayLike<number>,
  testFraction: number,
  options: { readonly seed?: number } = {},
): SplitIndices {
  const { seed = 0 } = options;
  if (!(testFraction >= 0 && testFraction <= 1)) {
    throw new ConfigError(`stratifiedSplit: testFraction must be 0 … 1, got ${testFraction}`);
  }
  const byClass = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const members = byClass.get(labels[i]);
    if (members === undefined) byClass.set(labels[i], [i]);
    else members.push(i);
  }
  const random = new HostRandom(seed);
  const train: number[] = [];
  const test: number[] = [];
  for (const label of [...byClass.keys()].toSorted((a, b) => a - b)) {
    const members = random.shuffle(byClass.get(label) ?? []);
    const count = Math.round(testFraction * members.length);
    test.push(...members.slice(0, count));
    train.push(...members.slice(count));
  }
  return { train: random.shuffle(Uint32Array.from(train)), test: Uint32Array.from(test).sort() };
}
