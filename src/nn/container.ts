import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Layer, Member, MemberSlot } from "./module.ts";
import { Module } from "./module.ts";

/** Replaces an entry of a container. @throws {ConfigError} if the other one is no module. */
function asModule(member: Member): Module {
  if (member instanceof Module) return member;
  throw new ConfigError("container: entries must be modules");
}

function* slotsOfList<M extends Module>(items: M[]): Generator<MemberSlot> {
  for (const [index, member] of items.entries()) {
    const replace = (other: Member): void => void (items[index] = asModule(other) as M);
    yield { key: String(index), member, replace };
  }
}

/** Applies layers one after another. Keys are the positions: `0.weight`. */
export class Sequential extends Module {
  readonly #layers: Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    this.#layers = [...layers];
  }

  get length(): number {
    return this.#layers.length;
  }

  /** The layer at a position; negative ones count from the end. */
  at(index: number): Layer | undefined {
    return this.#layers.at(index);
  }

  /** Adds a layer at the end. */
  append(layer: Layer): this {
    this.#layers.push(layer);
    return this;
  }

  /** The layers in order. */
  [Symbol.iterator](): IterableIterator<Layer> {
    return this.#layers.values();
  }

  /** The result of the last layer. */
  forward(x: Tensor): Tensor {
    return this.#layers.reduce((value, layer) => layer.forward(value), x);
  }

  protected override *members(): Generator<MemberSlot> {
    yield* slotsOfList(this.#layers);
  }
}

/** Modules in a list, which has no `forward` of its own. Keys are the positions. */
export class ModuleList<M extends Module = Module> extends Module {
  readonly #items: M[];

  constructor(modules: Iterable<M> = []) {
    super();
    this.#items = [...modules];
  }

  get length(): number {
    return this.#items.length;
  }

  /** The module at a position; negative ones count from the end. */
  at(index: number): M | undefined {
    return this.#items.at(index);
  }

  /** Adds a module at the end. */
  append(module: M): this {
    this.#items.push(module);
    return this;
  }

  /** The modules in order. */
  [Symbol.iterator](): IterableIterator<M> {
    return this.#items.values();
  }

  protected override *members(): Generator<MemberSlot> {
    yield* slotsOfList(this.#items);
  }
}

/** Modules by name, which has no `forward` of its own. Keys are the names. */
export class ModuleDict<
  T extends Readonly<Record<string, Module>> = Readonly<Record<string, Module>>,
> extends Module {
  readonly #items: Map<string, Module>;

  constructor(modules: T) {
    super();
    this.#items = new Map(Object.entries(modules));
  }

  /** The module of a name. @throws {ConfigError} if there is none. */
  get<K extends keyof T & string>(name: K): T[K] {
    const found = this.#items.get(name);
    if (found !== undefined) return found as T[K];
    const known = [...this.#items.keys()].join(", ");
    throw new ConfigError(`ModuleDict: the name must be one of ${known}, got "${name}"`);
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.#items.has(name);
  }

  /** The names in order. */
  keys(): string[] {
    return [...this.#items.keys()];
  }

  /** Names and modules in order. */
  [Symbol.iterator](): IterableIterator<[string, Module]> {
    return this.#items.entries();
  }

  protected override *members(): Generator<MemberSlot> {
    for (const [key, member] of this.#items) {
      yield { key, member, replace: (other) => void this.#items.set(key, asModule(other)) };
    }
  }
}
