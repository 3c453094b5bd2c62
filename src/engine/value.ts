import { UsageError } from "../base/errors.ts";
import { input } from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import type { DeviceName } from "./devices.ts";
import type { Storage } from "./storage.ts";
import { remember } from "./storage.ts";

/** What a pending value is computed from. */
export interface PendingValue {
  readonly node: Node;
  readonly device: DeviceName;
  /** Values the graph of `node` ends in; kept alive until this one is computed. */
  readonly sources: readonly Value[];
  /** Whether gradients will be asked for, so that the graph outlives the computation. */
  readonly keepsHistory: boolean;
}

/**
 * An immutable value: pending (a graph node whose sources it keeps alive), stored, or both when a
 * gradient may need the graph. Counted: tensors and pending values hold references.
 */
export class Value {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: DeviceName;
  storage: Storage | undefined;
  references = 1;
  /** Longest chain of operations since something was stored. */
  depth: number;
  readonly keepsHistory: boolean;
  #node: Node | undefined;
  #sources: readonly Value[];

  private constructor(
    type: { readonly shape: Shape; readonly dtype: DType },
    device: DeviceName,
    pending: PendingValue | undefined,
  ) {
    this.shape = type.shape;
    this.dtype = type.dtype;
    this.device = device;
    this.#node = pending?.node;
    this.#sources = pending?.sources ?? noSources;
    this.keepsHistory = pending?.keepsHistory ?? false;
    this.depth = 0;
    for (const source of this.#sources) {
      source.references++;
      this.depth = Math.max(this.depth, source.depth + 1);
    }
  }

  static pending(pending: PendingValue): Value {
    return new Value(pending.node, pending.device, pending);
  }

  /** Takes over one reference of the storage. */
  static stored(shape: Shape, dtype: DType, storage: Storage): Value {
    const value = new Value({ shape, dtype }, storage.device, undefined);
    value.storage = storage;
    return value;
  }

  /** The vertex that stands for this value in graphs; a leaf once the history is dropped. */
  get node(): Node {
    if (this.#node === undefined) {
      if (this.storage === undefined) throw new UsageError("tensor: its value was freed");
      this.#node = input(this.shape, this.dtype);
      remember(this.#node, this.storage);
    }
    return this.#node;
  }

  retain(): this {
    this.references++;
    return this;
  }

  release(): void {
    if (--this.references > 0) return;
    // A list and not recursion: chains of pending values can be long.
    const unused: Value[] = [this];
    for (let value = unused.pop(); value !== undefined; value = unused.pop()) {
      value.storage?.release();
      value.storage = undefined;
      for (const source of value.#takeSources()) {
        if (--source.references === 0) unused.push(source);
      }
    }
  }

  /** The values below that its graph ends in or may end in, now or when this one is stored. */
  foundations(): Value[] {
    const seen = new Set<Value>([this]);
    for (const value of seen) for (const source of value.#sources) seen.add(source);
    return [...seen].filter((value) => value.#sources.length === 0 || value.storage !== undefined);
  }

  /** Receives the computed value, taking over one reference of the storage. */
  settle(storage: Storage): void {
    this.storage = storage;
    this.depth = 0;
    if (this.#node !== undefined) remember(this.#node, storage);
    if (!this.keepsHistory) this.#dropHistory();
  }

  /** The buffer now holds another value: forgets every node that stood for the old one. */
  overwrite(): void {
    this.#dropHistory();
    if (this.storage?.isRemembered === true) this.storage = this.storage.renew();
  }

  #dropHistory(): void {
    for (const source of this.#takeSources()) source.release();
  }

  #takeSources(): readonly Value[] {
    const sources = this.#sources;
    this.#node = undefined;
    this.#sources = noSources;
    return sources;
  }
}

const noSources: readonly Value[] = [];
