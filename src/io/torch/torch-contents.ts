import { CheckpointError } from "../../base/errors.ts";
import { NumpyArray } from "./numpy-values.ts";
import {
  isPickleGlobal,
  PickleDict,
  PickleObject,
  PickleSet,
  PickleTuple,
} from "./pickle-values.ts";
import { PickledStorage } from "./torch-globals.ts";
import { TorchTensor } from "./torch-tensor.ts";

/** A tensor or array of a file, before it is read. */
export type TorchLeaf = TorchTensor | NumpyArray;

/** Whether a value in the contents of a file is a tensor that was not read yet. */
function isTorchLeaf(value: unknown): value is TorchLeaf {
  return value instanceof TorchTensor || value instanceof NumpyArray;
}

const maxDepth = 200;

function tooDeep(file: string): CheckpointError {
  return new CheckpointError(
    `torch: data may be nested ${maxDepth} levels deep, got more in ${file}; ` +
      "the file is damaged, or holds something other than a checkpoint",
    { details: { file } },
  );
}

/**
 * The value of a pickle as plain data: dicts with text or whole-number keys become objects, others
 * Maps; lists and tuples arrays; sets Sets; dtypes text; objects of unknown classes
 * `{ $class, $args, … }` with their attributes. Tensors stay leaves. What the pickle refers to twice
 * is one object here too.
 *
 * @throws {CheckpointError} if it is nested too deeply.
 */
export function plainContents(value: unknown, file: string): unknown {
  const made = new Map<object, unknown>();
  const convert = (item: unknown, depth: number): unknown => {
    if (typeof item !== "object" || item === null) return item;
    if (isTorchLeaf(item) || item instanceof Uint8Array) return item;
    if (isPickleGlobal(item)) return item.name;
    if (item instanceof PickledStorage) return { $class: "storage", ...item.storage };
    const known = made.get(item);
    if (known !== undefined) return known;
    if (depth > maxDepth) throw tooDeep(file);
    const remember = <Made>(result: Made): Made => {
      made.set(item, result);
      return result;
    };
    const inner = (part: unknown): unknown => convert(part, depth + 1);
    if (item instanceof PickleDict) return convertDict(item, remember, inner);
    if (item instanceof PickleSet) {
      const set = remember(new Set<unknown>());
      for (const part of item.items) set.add(inner(part));
      return set;
    }
    if (item instanceof PickleObject) return convertObject(item, remember, inner);
    const items = item instanceof PickleTuple ? item.items : item;
    if (!Array.isArray(items)) return null;
    const list = remember<unknown[]>([]);
    for (const part of items as readonly unknown[]) list.push(inner(part));
    return list;
  };
  return convert(value, 0);
}

type Remember = <Made>(result: Made) => Made;
type Convert = (part: unknown) => unknown;

function convertDict(dict: PickleDict, remember: Remember, inner: Convert): unknown {
  const entries = dict.entries();
  const texts = entries.map(([key]) => nameOf(key));
  if (!texts.includes(undefined) && new Set(texts).size === texts.length) {
    const object = remember<Record<string, unknown>>({});
    for (const [key, value] of entries) define(object, nameOf(key) ?? "", inner(value));
    return object;
  }
  const map = remember(new Map<unknown, unknown>());
  for (const [key, value] of entries) map.set(inner(key), inner(value));
  return map;
}

/** The name of an object's member; undefined for keys that only a Map can have. */
function nameOf(key: unknown): string | undefined {
  return typeof key === "number" && !Number.isInteger(key) ? undefined : textOf(key);
}

/** Texts and numbers as text. Anything else could be nested without end. */
function textOf(key: unknown): string | undefined {
  if (typeof key === "string") return key;
  return typeof key === "number" || typeof key === "bigint" ? String(key) : undefined;
}

/** Sets an own member, also one that is called `__proto__`. */
function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function convertObject(item: PickleObject, remember: Remember, inner: Convert): unknown {
  const object = remember<Record<string, unknown>>({});
  // A namespace of arguments is plain data, so it becomes a plain object.
  if (item.className !== "argparse.Namespace") {
    object["$class"] = item.className;
    if (item.args.length > 0) object["$args"] = item.args.map(inner);
    if (item.items.length > 0) object["$items"] = item.items.map(inner);
    if (item.entries.size > 0) object["$entries"] = inner(item.entries);
  }
  const { state } = item;
  if (state instanceof PickleDict) {
    for (const [key, value] of state.entries()) {
      const name = textOf(key);
      if (name !== undefined) define(object, name, inner(value));
    }
  } else if (state !== undefined && state !== null) object["$state"] = inner(state);
  return object;
}

/** Containers of plain contents with their members; undefined for everything else. */
function membersOf(value: unknown): (readonly [string, unknown])[] | undefined {
  if (typeof value !== "object" || value === null || isTorchLeaf(value)) return undefined;
  if (value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) return value.map((item, i) => [String(i), item] as const);
  if (value instanceof Map) {
    return [...(value as ReadonlyMap<unknown, unknown>)].map(
      ([key, item], i) => [textOf(key) ?? String(i), item] as const,
    );
  }
  if (value instanceof Set) return [...value].map((item, i) => [String(i), item] as const);
  return Object.entries(value);
}

/**
 * Names of all tensors in plain contents by their path, such as `model.conv.weight`. A tensor that
 * is the whole contents is called "tensor".
 *
 * @throws {CheckpointError} if shared parts would give far more names than the file has data.
 */
export function nameLeaves(contents: unknown, file: string): Map<string, TorchLeaf> {
  const names = new Map<string, TorchLeaf>();
  const parts = new Set<unknown>();
  const path = new Set<unknown>();
  const repeats = new Map<string, number>();
  let visits = 0;
  let length = 0;
  const walk = (value: unknown, name: string): void => {
    if (isTorchLeaf(value)) {
      const wanted = name === "" ? "tensor" : name;
      let free = wanted;
      let repeat = repeats.get(wanted) ?? 1;
      for (; names.has(free); repeat++) free = `${wanted}'${repeat === 1 ? "" : repeat}`;
      repeats.set(wanted, repeat);
      names.set(free, value);
      length += free.length;
      if (length > maxLength) throw tooShared(file);
      return;
    }
    const members = membersOf(value);
    if (members === undefined || path.has(value)) return;
    parts.add(value);
    visits += members.length + 1;
    // A few parts that refer to each other again and again have exponentially many paths.
    if (visits > maxVisits && visits > 64 * parts.size) throw tooShared(file);
    path.add(value);
    for (const [key, item] of members) walk(item, name === "" ? key : `${name}.${key}`);
    path.delete(value);
  };
  walk(contents, "");
  return names;
}

const maxVisits = 100_000;
/** Of all names together: half a million of usual length. */
const maxLength = 2 ** 25;

function tooShared(file: string): CheckpointError {
  return new CheckpointError(
    `torch: the parts of a checkpoint must have few names, got parts that contain others again ` +
      `and again in ${file}; the file is damaged`,
    { details: { file } },
  );
}

/**
 * Plain contents with every tensor read; tensors that stand in several places are one.
 *
 * @throws {CheckpointError} as reading a tensor does.
 */
export async function readContents<Read>(
  contents: unknown,
  leaves: ReadonlyMap<string, TorchLeaf>,
  read: (name: string, leaf: TorchLeaf) => Promise<Read>,
): Promise<unknown> {
  const made = new Map<unknown, unknown>();
  for (const [name, leaf] of leaves) if (!made.has(leaf)) made.set(leaf, await read(name, leaf));
  const replace = (value: unknown): unknown => {
    const known = made.get(value);
    if (known !== undefined) return known;
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    if (Array.isArray(value)) {
      const list: unknown[] = [];
      made.set(value, list);
      for (const item of value) list.push(replace(item));
      return list;
    }
    if (value instanceof Map) {
      const map = new Map<unknown, unknown>();
      made.set(value, map);
      for (const [key, item] of value) map.set(replace(key), replace(item));
      return map;
    }
    if (value instanceof Set) {
      const set = new Set<unknown>();
      made.set(value, set);
      for (const item of value) set.add(replace(item));
      return set;
    }
    const object = {};
    made.set(value, object);
    for (const [key, item] of Object.entries(value)) define(object, key, replace(item));
    return object;
  };
  return replace(contents);
}

/** Bytes that views of all storages may take together, so that no small file asks for much memory. */
export function requireModestSize(
  leaves: ReadonlyMap<string, TorchLeaf>,
  fileBytes: number,
  file: string,
): void {
  // Arrays of NumPy stand in the pickle itself, which is as long as they are.
  const views = [...new Set(leaves.values())].filter((leaf) => leaf instanceof TorchTensor);
  const total = views.reduce((sum, view) => sum + view.bytes, 0);
  if (total <= 16 * fileBytes + 2 ** 26) return;
  throw new CheckpointError(
    `torch: all tensors together may take 16 times the file, got ${total} bytes of ${fileBytes} ` +
      `in ${file}; read those you need with openTorch and get`,
    { details: { file } },
  );
}
