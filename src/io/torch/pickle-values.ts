/** A tuple of a pickle; lists are JavaScript arrays. */
export class PickleTuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A set or frozen set of a pickle. */
export class PickleSet {
  readonly items: unknown[];

  constructor(items: readonly unknown[]) {
    this.items = [...items];
  }
}

/** A dict of a pickle, in order. Keys are compared as Python does where they are plain values. */
export class PickleDict {
  readonly #entries = new Map<unknown, readonly [unknown, unknown]>();

  set(key: unknown, value: unknown): void {
    this.#entries.set(key instanceof PickleTuple ? key : hashed(key), [key, value]);
  }

  get(key: string): unknown {
    return this.#entries.get(hashed(key))?.[1];
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): (readonly [unknown, unknown])[] {
    return [...this.#entries.values()];
  }
}

/** 1, 1n and True are one key in Python. */
function hashed(key: unknown): unknown {
  if (typeof key === "boolean") return Number(key);
  return typeof key === "bigint" && BigInt(Number(key)) === key ? Number(key) : key;
}

/** A class or function that a pickle names. Nothing of it is run but what `call` does. */
export interface PickleGlobal {
  /** Module and name: `"collections.OrderedDict"`. */
  readonly name: string;
  /** What the pickle gets when it calls the global; without it calls are refused. */
  readonly call?: (args: readonly unknown[]) => unknown;
}

/** Whether a value on the stack is a global. */
export function isPickleGlobal(value: unknown): value is PickleGlobal {
  return typeof value === "object" && value !== null && globals.has(value);
}

const globals = new WeakSet<object>();

/** Makes a global that {@link isPickleGlobal} knows. */
export function pickleGlobal(name: string, call?: PickleGlobal["call"]): PickleGlobal {
  const made = { name, ...(call !== undefined && { call }) };
  globals.add(made);
  return made;
}

/** Objects that take the state a pickle gives them after they were made. */
export interface Stateful {
  setState(state: unknown): void;
}

/** Whether a value takes state. */
export function isStateful(value: unknown): value is Stateful {
  return typeof value === "object" && value !== null && "setState" in value;
}

/** An object of a class that has no meaning here: its arguments, attributes and items. */
export class PickleObject implements Stateful {
  readonly className: string;
  readonly args: readonly unknown[];
  /** Items of a class that is a list. */
  readonly items: unknown[] = [];
  /** Items of a class that is a dict. */
  readonly entries: PickleDict = new PickleDict();
  state: unknown = undefined;

  constructor(className: string, args: readonly unknown[]) {
    this.className = className;
    this.args = args;
  }

  setState(state: unknown): void {
    this.state = state;
  }
}
