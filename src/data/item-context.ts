import { HostRandom } from "../base/host-random.ts";

/** Which item is wanted and for what, as plain data that also goes to worker threads. */
export interface ItemRequest {
  readonly index: number;
  readonly epoch: number;
  /** The loader's seed. */
  readonly seed: number;
  /** How often the epoch had this item before; samplers with replacement repeat items. */
  readonly occurrence: number;
  /** The number that random numbers depend on, where a subset renumbers items. @defaultValue index */
  readonly origin?: number;
}

/** For what an item is made. */
export interface ItemContext extends ItemRequest {
  /**
   * Random numbers that depend on seed, epoch, index and occurrence only: not on the order of the
   * items, the batch size, or the number of workers.
   */
  readonly random: HostRandom;
}

const itemStream = 2; // 0 is the epoch's order, 1 the batches

/** The context of a request; without one, that of epoch 0 with seed 0. */
export function itemContext(
  request: Partial<ItemRequest> & { readonly index: number },
): ItemContext {
  const { index, epoch = 0, seed = 0, occurrence = 0, origin = index } = request;
  const random = new HostRandom(seed, epoch, itemStream, origin, occurrence);
  return { index, epoch, seed, occurrence, random };
}
