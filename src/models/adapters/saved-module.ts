import { UnsupportedOpError } from "../../base/errors.ts";
import { ModuleDict } from "../../nn/container.ts";
import type { HookHandle } from "../../nn/hooks.ts";
import type { MemberSlot } from "../../nn/module.ts";
import { Module } from "../../nn/module.ts";
import { Buffer, Parameter } from "../../nn/parameter.ts";
import type { AdapterSwitch } from "./adapter-switch.ts";

/** A field of a module that holds a tensor. */
interface TensorField {
  readonly key: string;
  readonly owner: Module;
  readonly name: string;
  readonly tensor: Parameter | Buffer;
}

/** Copies of a module's tensors under their keys. */
class StateCopy extends Module {
  readonly #tensors = new Map<string, Parameter | Buffer>();

  constructor(fields: readonly TensorField[]) {
    super();
    for (const { key, tensor } of fields) {
      const { persistent } = tensor instanceof Buffer ? tensor : { persistent: true };
      const copy =
        tensor instanceof Buffer ? new Buffer(tensor, { persistent }) : new Parameter(tensor);
      this.#tensors.set(key, copy);
    }
  }

  get(key: string): Parameter | Buffer | undefined {
    return this.#tensors.get(key);
  }

  protected override *members(): Generator<MemberSlot> {
    for (const [key, member] of this.#tensors) {
      const replace = (other: unknown): void =>
        void this.#tensors.set(key, other as Parameter | Buffer);
      yield { key, member, replace };
    }
  }
}

/**
 * A module that adapters train whole (PEFT's `modules_to_save`): each has a copy of its parameters and buffers,
 * which takes their place while the module computes. The module's own stay what they are.
 */
export class SavedModule {
  readonly path: string;
  readonly target: Module;
  readonly #switch: AdapterSwitch;
  readonly #fields: readonly TensorField[];
  readonly #copies = new ModuleDict<Record<string, StateCopy>>();
  readonly #hooks: readonly HookHandle[];

  /** @throws {UnsupportedOpError} if a tensor of the module is in no field; {ConfigError} without forward. */
  constructor(path: string, target: Module, adapterSwitch: AdapterSwitch) {
    this.path = path;
    this.target = target;
    this.#switch = adapterSwitch;
    this.#fields = tensorFields(path, target);
    Reflect.set(target, "modules_to_save", this.#copies);
    this.#hooks = [
      target.registerForwardPreHook(() => this.#swap(this.#switch.acting)),
      target.registerForwardHook(() => this.#swap([])),
    ];
  }

  /** Adds a copy for an adapter. */
  add(name: string): void {
    this.#copies.set(name, new StateCopy(this.#current()));
  }

  /** Takes an adapter's copy away and frees it. */
  delete(name: string): void {
    if (this.#copies.has(name)) this.#copies.get(name).dispose();
    this.#copies.delete(name);
  }

  /** Whether an adapter has a copy. */
  has(name: string): boolean {
    return this.#copies.has(name);
  }

  /** Parameters of an adapter's copy; none if it has none. */
  parametersOf(name: string): Parameter[] {
    return this.#copies.has(name) ? this.#copies.get(name).parameters() : [];
  }

  /** Takes the copies off. Those of an adapter that is kept become the module's values. */
  detach(kept: readonly string[]): void {
    for (const hook of this.#hooks) hook.remove();
    const name = kept.find((known) => this.#copies.has(known));
    if (name !== undefined) {
      for (const { key, tensor } of this.#current()) {
        const copy = this.#copies.get(name).get(key);
        if (copy !== undefined) tensor.assign(copy);
      }
    }
    for (const known of this.#copies.keys()) this.#copies.delete(known);
    Reflect.deleteProperty(this.target, "modules_to_save");
  }

  /** The fields with what they hold now: conversion puts other tensors in. */
  #current(): TensorField[] {
    this.#swap([]);
    return this.#fields.map((field) => ({
      ...field,
      tensor: Reflect.get(field.owner, field.name) as Parameter | Buffer,
    }));
  }

  readonly #originals = new Map<TensorField, Parameter | Buffer>();

  /** Puts the copy of an acting adapter into the fields, or what was there before. */
  #swap(acting: readonly string[]): void {
    const name = acting.find((known) => this.#copies.has(known));
    for (const field of this.#fields) {
      const original =
        this.#originals.get(field) ?? (Reflect.get(field.owner, field.name) as Parameter | Buffer);
      if (name === undefined) {
        Reflect.set(field.owner, field.name, original);
        this.#originals.delete(field);
      } else {
        this.#originals.set(field, original);
        Reflect.set(field.owner, field.name, this.#copies.get(name).get(field.key));
      }
    }
  }
}

function tensorFields(path: string, target: Module): TensorField[] {
  const all = [...target.namedParameters(), ...target.namedBuffers()];
  const fields = target.namedModules().flatMap(([, owner]) =>
    Object.entries(owner).flatMap(([name, tensor]: [string, unknown]) => {
      if (!(tensor instanceof Parameter || tensor instanceof Buffer)) return [];
      const key = all.find(([, known]) => known === tensor)?.[0];
      return key === undefined ? [] : [{ key, owner, name, tensor }];
    }),
  );
  const missing = all.find(([key]) => !fields.some((field) => field.key === key));
  if (missing === undefined) return fields;
  throw new UnsupportedOpError(
    `LoRA: modulesToSave needs modules with tensors in fields, got ${target.constructor.name} at ` +
      `${path}; name modules below it`,
  );
}
