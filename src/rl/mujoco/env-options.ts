import { ConfigError } from "../../base/errors.ts";
import { requireKnownNames } from "../option-names.ts";

/** A pair of bounds, both excluded. */
export type Range = readonly [number, number];

/**
 * The defaults of an environment with what its maker chose instead.
 *
 * @throws {ConfigError} if an option is unknown or not of its default's type: a finite number,
 *   true or false, or a rising pair of numbers.
 */
export function chosenOptions<Options extends object>(
  name: string,
  defaults: Options,
  chosen: Partial<Options>,
  shared: readonly string[],
): Options {
  requireKnownNames(name, chosen, [...Object.keys(defaults), ...shared]);
  for (const [key, value] of Object.entries(chosen)) {
    if (shared.includes(key) || value === undefined) continue;
    const wish = whyNot(value, (defaults as Record<string, unknown>)[key]);
    if (wish === null) continue;
    throw new ConfigError(`${name}: ${key} must be ${wish}, got ${JSON.stringify(value)}`);
  }
  const given = Object.entries(chosen).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

function whyNot(value: unknown, like: unknown): string | null {
  if (typeof like === "boolean") return typeof value === "boolean" ? null : "true or false";
  if (Array.isArray(like)) return isRange(value) ? null : "a pair of rising numbers";
  return typeof value === "number" && Number.isFinite(value) ? null : "a finite number";
}

function isRange(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value[0] < value[1];
}

/** @throws {ConfigError} if the number is negative. */
export function checkNotNegative(name: string, option: string, value: number): void {
  if (value >= 0) return;
  throw new ConfigError(`${name}: ${option} must not be negative, got ${value}`);
}
