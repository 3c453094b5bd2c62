import { ConfigError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";

/** @throws {ConfigError} that names the first option which is not known, and what was meant. */
export function requireKnownNames(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  const remedy =
    nearest === undefined
      ? `known: ${known.join(", ") || "no option"}`
      : `did you mean ${nearest}?`;
  throw new ConfigError(`${what}: options must be known, got ${unknown}; ${remedy}`);
}

/** @throws {ConfigError} if the value is not a finite number. */
export function requireFinite(what: string, name: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ConfigError(`${what}: ${name} must be a finite number, got ${String(value)}`);
}

/**
 * The bounds `low` and `high` of an environment's reset options.
 *
 * @throws {ConfigError} if they are no finite numbers, cross, or another option is given.
 */
export function resetBounds(
  what: string,
  options: Readonly<Record<string, unknown>> | undefined,
  low: number,
  high: number,
): readonly [low: number, high: number] {
  if (options === undefined) return [low, high];
  requireKnownNames(`${what}.reset`, options, ["low", "high"]);
  const from = requireFinite(`${what}.reset`, "low", options["low"] ?? low);
  const to = requireFinite(`${what}.reset`, "high", options["high"] ?? high);
  if (from > to) {
    throw new ConfigError(`${what}.reset: low must not be above high, got ${from} and ${to}`);
  }
  return [from, to];
}
