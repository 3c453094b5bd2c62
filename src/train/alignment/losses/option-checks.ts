import { ConfigError } from "../../../base/errors.ts";
import { nearestName } from "../../../base/nearest-name.ts";

/** @throws {ConfigError} if the value is not above `bound`. */
export function requireAbove(what: string, name: string, value: number, bound: number): void {
  if (Number.isFinite(value) && value > bound) return;
  throw new ConfigError(`${what}: ${name} must be above ${bound}, got ${value}; write 0.1`);
}

/** @throws {ConfigError} if the value is not in [low, high). */
export function requireWithin(
  what: string,
  name: string,
  value: number,
  low: number,
  high: number,
): void {
  if (value >= low && value < high) return;
  throw new ConfigError(
    `${what}: ${name} must be at least ${low} and less than ${high}, got ${value}; write ${low}`,
  );
}

/** @throws {ConfigError} if the name is none of the known ones. */
export function requireOneOf<Name extends string>(
  what: string,
  name: string,
  value: string,
  known: readonly Name[],
): asserts value is Name {
  if ((known as readonly string[]).includes(value)) return;
  const nearest = nearestName(value, known);
  throw new ConfigError(
    `${what}: ${name} must be one of ${known.join(", ")}, got "${value}"; ` +
      (nearest === undefined ? "choose one of them" : `did you mean "${nearest}"?`),
  );
}
