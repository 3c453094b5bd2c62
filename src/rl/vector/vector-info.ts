import type { Info } from "../env.ts";
import { emptyLike, isSpaceArray } from "./batch.ts";

/**
 * Facts of several environments. Each fact is an array with a place for each environment: numbers
 * in a `Float64Array`, booleans in a `Uint8Array`, typed arrays as rows of one, objects again as a
 * record of arrays, anything else in a list with null. Beside each `key` the mask `_key`, a
 * `Uint8Array`, tells which environments gave it.
 */
export type VectorInfo = Record<string, unknown>;

/** The key whose values stay in a list, so that a single observation is easy to take out. */
export const finalObservationKey = "finalObservation";
export const finalInfoKey = "finalInfo";

function isRecord(value: unknown): value is Info {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** An array with a place for each of `count` values such as this one. */
function placesFor(value: unknown, count: number): unknown {
  if (typeof value === "number") return new Float64Array(count);
  if (typeof value === "boolean") return new Uint8Array(count);
  if (isSpaceArray(value)) return emptyLike(value, count * value.length);
  return Array.from({ length: count }, () => null);
}

/** Whether `value` fits into places that were made for the first environment's value. */
function fits(places: unknown, value: unknown, count: number): boolean {
  if (Array.isArray(places)) return true;
  if (!isSpaceArray(places)) return false;
  if (isSpaceArray(value)) {
    return places.constructor === value.constructor && places.length === count * value.length;
  }
  const isOneEach = places.length === count;
  if (typeof value === "number") return isOneEach && places instanceof Float64Array;
  return typeof value === "boolean" && isOneEach && places instanceof Uint8Array;
}

function put(places: unknown, value: unknown, index: number): void {
  if (Array.isArray(places)) places[index] = value;
  else if (!isSpaceArray(places)) return;
  else if (isSpaceArray(value)) places.set(value, index * value.length);
  else places[index] = Number(value);
}

/** The same values in a list: for facts whose kind differs between environments. */
function listOf(places: unknown, mask: Uint8Array): unknown[] {
  return Array.from(mask, (isGiven, index) =>
    isGiven === 0 ? null : valueAt(places, index, mask.length),
  );
}

/** What environment `index` gave, from the infos of all. */
export function infoOf(infos: unknown, index: number): Info {
  const row: Info = {};
  if (!isRecord(infos)) return row;
  for (const [key, places] of Object.entries(infos)) {
    const mask = infos[`_${key}`];
    if (!(mask instanceof Uint8Array) || mask[index] !== 1) continue;
    row[key] = valueAt(places, index, mask.length);
  }
  return row;
}

function valueAt(places: unknown, index: number, count: number): unknown {
  if (Array.isArray(places)) return places[index];
  if (!isSpaceArray(places)) return infoOf(places, index);
  const length = places.length / count;
  return length === 1 ? places[index] : places.slice(index * length, (index + 1) * length);
}

/**
 * Adds the facts of environment `index` to those of all.
 *
 * @param count - number of environments.
 */
export function addInfo(infos: VectorInfo, info: Info, index: number, count: number): void {
  // Most infos are empty: a loop over names costs nothing then, a list of entries would.
  for (const key in info) {
    const value = info[key];
    const mask = (infos[`_${key}`] as Uint8Array | undefined) ?? new Uint8Array(count);
    infos[key] = placed(infos[key], key, value, index, mask);
    mask[index] = 1;
    infos[`_${key}`] = mask;
  }
}

function placed(
  places: unknown,
  key: string,
  value: unknown,
  index: number,
  mask: Uint8Array,
): unknown {
  const count = mask.length;
  if (
    key !== finalObservationKey &&
    isRecord(value) &&
    (places === undefined || isRecord(places))
  ) {
    const inner: VectorInfo = places ?? {};
    addInfo(inner, value, index, count);
    return inner;
  }
  const isList = key === finalObservationKey;
  let target = places ?? placesFor(isList ? null : value, count);
  if (!fits(target, value, count)) target = listOf(target, mask);
  put(target, value, index);
  return target;
}
