import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Member, MemberSlot } from "./module.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** A function with state that makes a weight from what is learned in its place. */
export abstract class Parametrization extends Module {
  /** The weight. */
  abstract forward(...originals: readonly Tensor[]): Tensor;

  /** What has to be learned so that the weight is `value`; by default `value` itself. */
  rightInverse(value: Tensor): Tensor | readonly Tensor[] {
    return value;
  }
}

/**
 * What is learned in the place of one weight, and the parametrizations that make the weight of it.
 * Keys as PyTorch's: `original` (or `original0`, `original1`, …) and the positions.
 */
export class ParametrizationList extends Module {
  readonly #originals: Parameter[];
  readonly #steps: Parametrization[];
  readonly #isSingle: boolean;

  constructor(weight: Parameter, step: Parametrization) {
    super();
    const originals = step.rightInverse(weight);
    this.#isSingle = !Array.isArray(originals);
    const list = this.#isSingle ? [originals as Tensor] : [...(originals as readonly Tensor[])];
    const { requiresGrad } = weight;
    this.#originals = list.map((value) =>
      value === weight ? weight : new Parameter(value, { requiresGrad }),
    );
    this.#steps = [step];
  }

  /** The parameters that are learned. */
  get originals(): readonly Parameter[] {
    return this.#originals;
  }

  /** The weight. */
  forward(): Tensor {
    const [first, ...others] = this.#steps;
    return others.reduce((value, step) => step.forward(value), first.forward(...this.#originals));
  }

  /** Adds a parametrization of the present weight; the weight stays where it can. */
  append(step: Parametrization): void {
    const value = this.forward();
    this.#steps.push(step);
    this.setWeight(value);
  }

  /** Sets what is learned so that the weight becomes `value`. @throws {ConfigError} if it cannot. */
  setWeight(value: Tensor): void {
    const [first, ...others] = this.#steps;
    const inner = others.toReversed().reduce((target, step) => {
      const originals = step.rightInverse(target);
      if (!Array.isArray(originals)) return originals as Tensor;
      throw new ConfigError(
        "parametrize: only the first parametrization may have several originals",
      );
    }, value);
    const originals: readonly Tensor[] = [first.rightInverse(inner)].flat();
    for (const [i, original] of this.#originals.entries()) original.assign(originals[i]);
  }

  protected override *members(): Generator<MemberSlot> {
    for (const [index, member] of this.#originals.entries()) {
      const replace = (other: Member): void => void (this.#originals[index] = other as Parameter);
      yield { key: this.#isSingle ? "original" : `original${index}`, member, replace };
    }
    for (const [index, member] of this.#steps.entries()) {
      const replace = (other: Member): void => void (this.#steps[index] = other as Parametrization);
      yield { key: String(index), member, replace };
    }
  }
}

/** The parametrized weights of a module by name: its field `parametrizations`. */
class Parametrizations extends Module {
  readonly lists: Map<string, ParametrizationList> = new Map();

  protected override *members(): Generator<MemberSlot> {
    for (const [key, member] of this.lists) {
      const replace = (other: Member): void =>
        void this.lists.set(key, other as ParametrizationList);
      yield { key, member, replace };
    }
  }
}

function parametrizationsOf(module: Module): Parametrizations | undefined {
  const held: unknown = Reflect.get(module, "parametrizations");
  return held instanceof Parametrizations ? held : undefined;
}

/** What parametrizes a weight. @throws {ConfigError} if nothing does. */
function listOf(op: string, module: Module, name: string): ParametrizationList {
  const list = parametrizationsOf(module)?.lists.get(name);
  if (list !== undefined) return list;
  throw new ConfigError(
    `${op}: "${name}" of ${module.constructor.name} must be parametrized, and is not`,
  );
}

/**
 * Learns something else in the place of a weight: the field `name` becomes the result of
 * `parametrization` at every read, and the state has `parametrizations.<name>.original…` for it.
 * Make optimizers after it.
 * @throws {ConfigError} if the field holds no parameter.
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: string,
  parametrization: Parametrization,
): M {
  const known = parametrizationsOf(module)?.lists.get(name);
  if (known !== undefined) {
    known.append(parametrization);
    return module;
  }
  const weight: unknown = Reflect.get(module, name);
  if (!(weight instanceof Parameter)) {
    throw new ConfigError(
      `registerParametrization: "${name}" of ${module.constructor.name} must be a parameter`,
    );
  }
  const list = new ParametrizationList(weight, parametrization);
  const holder = parametrizationsOf(module) ?? new Parametrizations();
  holder.lists.set(name, list);
  list.train(module.training);
  Reflect.deleteProperty(module, name);
  // Not enumerable: the modules' search for members must not find it.
  Object.defineProperty(module, name, {
    get: () => list.forward(),
    set: (value: Tensor) => {
      list.setWeight(value);
    },
    configurable: true,
  });
  Reflect.set(module, "parametrizations", holder);
  return module;
}

/** Whether a field (or any field) of a module is parametrized. */
export function isParametrized(module: Module, name?: string): boolean {
  const lists = parametrizationsOf(module)?.lists;
  return name === undefined ? lists !== undefined : (lists?.has(name) ?? false);
}

/** Options of {@link removeParametrizations}. */
export interface RemoveOptions {
  /** Whether the weight stays as it was made, or becomes the only original. @defaultValue true */
  readonly leaveParametrized?: boolean;
}

/**
 * Makes a parametrized field an ordinary parameter again. Make optimizers after it.
 * @throws {ConfigError} if it is not parametrized, or the originals are several and shall be kept.
 */
export function removeParametrizations<M extends Module>(
  module: M,
  name: string,
  { leaveParametrized = true }: RemoveOptions = {},
): M {
  const list = listOf("removeParametrizations", module, name);
  const { originals } = list;
  if (!leaveParametrized && originals.length > 1) {
    throw new ConfigError(
      `removeParametrizations: "${name}" has ${originals.length} originals; leaveParametrized must be true`,
    );
  }
  const { requiresGrad } = originals[0];
  const weight = leaveParametrized ? new Parameter(list.forward(), { requiresGrad }) : originals[0];
  Reflect.deleteProperty(module, name);
  Reflect.set(module, name, weight);
  const lists = parametrizationsOf(module)?.lists;
  lists?.delete(name);
  if (lists?.size === 0) Reflect.deleteProperty(module, "parametrizations");
  return module;
}
