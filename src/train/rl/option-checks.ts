import { ConfigError } from "../../base/errors.ts";
import { nearestKey } from "../../nn/state-key.ts";

/** @throws {ConfigError} naming the first option that does not exist, and what was probably meant. */
export function requireKnownOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = nearestKey(unknown, known);
  const advice = nearest === undefined ? `use ${known.join(", ")}` : `did you mean ${nearest}?`;
  throw new ConfigError(`${what}: options must be known, got ${unknown}; ${advice}`);
}

/** @throws {ConfigError} if the value is not an integer of at least `least`. */
export function requireCount(what: string, name: string, value: number, least = 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new ConfigError(
    `${what}: ${name} must be an integer of at least ${least}, got ${value}; write ${name}: ${Math.max(least, 1)} or more`,
  );
}
