import { CheckpointError, ConfigError } from "../base/errors.ts";
import { openSafetensors } from "../io/load-safetensors.ts";
import type { LoadOptions, TensorSource } from "../io/safetensors-file.ts";
import { saveSafetensors } from "../io/save-safetensors.ts";
import { realize } from "../tensor/realize.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Metadata entry that holds everything but the tensors. */
const metadataKey = "athanor.checkpoint";
const version = 1;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Saves state of any shape (tensors and plain values in lists and records, as `stateDict()` gives
 * them) in one safetensors file, whole or not at all. Tensors are named by their path, so
 * `{ model: model.stateDict() }` holds `model.conv.weight`; the rest is JSON in the metadata.
 *
 * @throws {CheckpointError} if the file cannot be written; {ConfigError} if the state holds something
 *   else, such as a typed array or a function.
 */
export async function saveCheckpoint(path: string, state: object): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  const tree = encodeTree(state, "", tensors);
  // What is pending in one program, not one for each tensor.
  await realize(...Object.values(tensors));
  const metadata = { [metadataKey]: JSON.stringify({ version, tree }) };
  await saveSafetensors(path, tensors, { metadata });
}

/**
 * Loads what {@link saveCheckpoint} saved: same structure, same values bit for bit. The caller
 * states the type, which is not checked.
 *
 * @throws {CheckpointError} if the file is missing, damaged, or no checkpoint of Athanor.
 */
export async function loadCheckpoint<State = unknown>(
  path: string,
  options: LoadOptions = {},
): Promise<State> {
  await using file = await openSafetensors(path);
  const text = file.metadata[metadataKey];
  if (text === undefined) {
    throw new CheckpointError(
      `loadCheckpoint: the file must be written by saveCheckpoint, got no "${metadataKey}" in ` +
        `${path}; load plain weights with loadSafetensors`,
    );
  }
  const stored = JSON.parse(text) as { readonly version: number; readonly tree: Json };
  if (stored.version !== version) {
    throw new CheckpointError(
      `loadCheckpoint: format version must be ${version}, got ${stored.version} in ${path}; ` +
        "load it with the version of Athanor that saved it",
    );
  }
  return (await decodeTree(stored.tree, file, options)) as State;
}

function encodeTree(value: unknown, path: string, tensors: Record<string, Tensor>): Json {
  if (value instanceof Tensor) {
    let name = path === "" ? "tensor" : path;
    while (Object.hasOwn(tensors, name)) name += "'";
    tensors[name] = value;
    return { $tensor: name };
  }
  if (typeof value === "number") {
    // JSON has no NaN, no infinities and no negative zero.
    const isPlain = Number.isFinite(value) && !Object.is(value, -0);
    return isPlain ? value : { $number: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((item, i) => encodeTree(item, join(path, i), tensors));
  if (!isPlainObject(value)) {
    const got = typeof value === "object" ? value.constructor.name : typeof value;
    throw new ConfigError(
      "saveCheckpoint: state must be tensors, numbers, strings, booleans, null, lists and plain " +
        `objects, got ${got} at ${path === "" ? "the top" : path}; save its stateDict()`,
    );
  }
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    members.map(([key, item]) => [
      key.startsWith("$") ? `$${key}` : key,
      encodeTree(item, join(path, key), tensors),
    ]),
  );
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function join(path: string, key: string | number): string {
  return path === "" ? String(key) : `${path}.${key}`;
}

async function decodeTree(value: Json, file: TensorSource, options: LoadOptions): Promise<unknown> {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value as readonly Json[]) items.push(await decodeTree(item, file, options));
    return items;
  }
  const record = value as { readonly [key: string]: Json };
  if (typeof record["$tensor"] === "string") return file.get(record["$tensor"], options);
  if (typeof record["$number"] === "string") return Number(record["$number"]);
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(record)) {
    entries.push([
      key.startsWith("$$") ? key.slice(1) : key,
      await decodeTree(item, file, options),
    ]);
  }
  return Object.fromEntries(entries);
}
