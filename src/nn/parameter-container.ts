import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Member, MemberSlot } from "./module.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

const asParameter = (value: Tensor): Parameter =>
  value instanceof Parameter ? value : new Parameter(value);

function requireParameter(member: Member): Parameter {
  if (member instanceof Parameter) return member;
  throw new ConfigError("container: entries must be parameters");
}

/** Parameters in order. Keys are the positions. Other tensors become parameters. */
export class ParameterList extends Module {
  readonly #items: Parameter[];

  constructor(values: Iterable<Tensor> = []) {
    super();
    this.#items = Array.from(values, asParameter);
  }

  get length(): number {
    return this.#items.length;
  }

  /** The parameter at a position; negative ones count from the end. */
  at(index: number): Parameter | undefined {
    return this.#items.at(index);
  }

  /** Adds a parameter at the end. */
  append(value: Tensor): this {
    this.#items.push(asParameter(value));
    return this;
  }

  /** Adds parameters at the end. */
  extend(values: Iterable<Tensor>): this {
    this.#items.push(...Array.from(values, asParameter));
    return this;
  }

  /** The parameters in order. */
  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.#items.values();
  }

  protected override *members(): Generator<MemberSlot> {
    for (const [index, member] of this.#items.entries()) {
      const replace = (other: Member): void => void (this.#items[index] = requireParameter(other));
      yield { key: String(index), member, replace };
    }
  }

  protected override extraRepr(): string {
    return this.#items.map((item, index) => `${index}: ${item.toString()}`).join(", ");
  }
}

/** Parameters by name. Keys are the names. Other tensors become parameters. */
export class ParameterDict extends Module {
  readonly #items: Map<string, Parameter>;

  constructor(values: Readonly<Record<string, Tensor>> = {}) {
    super();
    this.#items = new Map(
      Object.entries(values).map(([name, value]) => [name, asParameter(value)]),
    );
  }

  /** Number of parameters. */
  get size(): number {
    return this.#items.size;
  }

  /** The parameter of a name. @throws {ConfigError} if there is none. */
  get(name: string): Parameter {
    const found = this.#items.get(name);
    if (found !== undefined) return found;
    const known = [...this.#items.keys()].join(", ");
    throw new ConfigError(`ParameterDict: the name must be one of ${known}, got "${name}"`);
  }

  /** Whether there is a parameter of this name. */
  has(name: string): boolean {
    return this.#items.has(name);
  }

  /** Adds a parameter, or replaces the one of this name. */
  set(name: string, value: Tensor): this {
    this.#items.set(name, asParameter(value));
    return this;
  }

  /** Takes the parameter of a name out; whether there was one. */
  delete(name: string): boolean {
    return this.#items.delete(name);
  }

  /** The names in order. */
  keys(): string[] {
    return [...this.#items.keys()];
  }

  /** Names and parameters in order. */
  [Symbol.iterator](): IterableIterator<[string, Parameter]> {
    return this.#items.entries();
  }

  protected override *members(): Generator<MemberSlot> {
    for (const [key, member] of this.#items) {
      yield { key, member, replace: (other) => void this.#items.set(key, requireParameter(other)) };
    }
  }

  protected override extraRepr(): string {
    return [...this].map(([name, item]) => `${name}: ${item.toString()}`).join(", ");
  }
}
