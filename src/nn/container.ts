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

/** The index in a list, where negative ones count from the end. @throws {ConfigError} if outside. */
function placeIn(owner: string, index: number, length: number): number {
  const place = index < 0 ? index + length : index;
  if (Number.isInteger(place) && place >= 0 && place < length) return place;
  throw new ConfigError(`${owner}: the index must be within ${length} entries, got ${index}`);
}

/**
 * Applies layers one after another. Keys are the positions (`0.weight`), or the names if the layers
 * come as one object.
 *
 * @example
 * new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU());
 * new nn.Sequential({ conv: new nn.Conv2d(1, 8, 3), act: new nn.ReLU() });
 */
export class Sequential extends Module {
  readonly #layers: Layer[];
  /** Names by position, where they are not the position itself. */
  readonly #names: Map<Layer, string>;

  constructor(...layers: readonly Layer[] | readonly [Readonly<Record<string, Layer>>]) {
    super();
    const isNamed = layers.length === 1 && !(layers[0] instanceof Module);
    const named = isNamed ? Object.entries(layers[0]) : [];
    this.#layers = isNamed ? named.map(([, layer]) => layer) : [...(layers as readonly Layer[])];
    this.#names = new Map(named.map(([name, layer]) => [layer, name]));
  }

  get length(): number {
    return this.#layers.length;
  }

  /** The layer at a position; negative ones count from the end. */
  at(index: number): Layer | undefined {
    return this.#layers.at(index);
  }

  /** The layer of a name or key. @throws {ConfigError} if there is none. */
  get(name: string): Layer {
    const found = this.#layers.find((layer, index) => this.#nameOf(layer, index) === name);
    if (found !== undefined) return found;
    const known = this.#layers.map((layer, index) => this.#nameOf(layer, index)).join(", ");
    throw new ConfigError(`Sequential: the name must be one of ${known}, got "${name}"`);
  }

  /** Adds a layer at the end. */
  append(layer: Layer): this {
    this.#layers.push(layer);
    return this;
  }

  /** Adds layers at the end. */
  extend(layers: Iterable<Layer>): this {
    this.#layers.push(...layers);
    return this;
  }

  /** Adds a layer before a position. */
  insert(index: number, layer: Layer): this {
    this.#layers.splice(index, 0, layer);
    return this;
  }

  /** Takes a layer out; the last one if no position is given. */
  pop(index = -1): Layer {
    return this.#layers.splice(placeIn("Sequential", index, this.length), 1)[0];
  }

  /** The layers from `start` to before `end` as a Sequential; they are shared. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(...this.#layers.slice(start, end));
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
    for (const [index, slot] of [...slotsOfList(this.#layers)].entries()) {
      yield { ...slot, key: this.#nameOf(this.#layers[index], index) };
    }
  }

  #nameOf(layer: Layer, index: number): string {
    return this.#names.get(layer) ?? String(index);
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

  /** Adds modules at the end. */
  extend(modules: Iterable<M>): this {
    this.#items.push(...modules);
    return this;
  }

  /** Adds a module before a position. */
  insert(index: number, module: M): this {
    this.#items.splice(index, 0, module);
    return this;
  }

  /** Takes a module out; the last one if no position is given. */
  pop(index = -1): M {
    return this.#items.splice(placeIn("ModuleList", index, this.length), 1)[0];
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

  constructor(modules?: T) {
    super();
    this.#items = new Map(Object.entries(modules ?? {}));
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

  /** Number of modules. */
  get size(): number {
    return this.#items.size;
  }

  /** Adds a module, or replaces the one of this name. */
  set(name: string, module: Module): this {
    this.#items.set(name, module);
    return this;
  }

  /** Takes the module of a name out; whether there was one. */
  delete(name: string): boolean {
    return this.#items.delete(name);
  }

  /** The names in order. */
  keys(): string[] {
    return [...this.#items.keys()];
  }

  /** The modules in order. */
  values(): Module[] {
    return [...this.#items.values()];
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
