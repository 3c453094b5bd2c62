import type { Dataset } from "./dataset.ts";
import { requireIndex } from "./dataset.ts";

/** A list as a dataset. */
export class ArrayDataset<Item> implements Dataset<Item> {
  readonly items: readonly Item[];

  constructor(items: readonly Item[]) {
    this.items = items;
  }

  get length(): number {
    return this.items.length;
  }

  get(index: number): Item {
    requireIndex("ArrayDataset", index, this.length);
    return this.items[index];
  }
}
