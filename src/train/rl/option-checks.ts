import { ConfigError } from "../../base/errors.ts";

/** @throws {ConfigError} if the value is not an integer of at least `least`. */
export function requireCount(what: string, name: string, value: number, least = 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new ConfigError(
    `${what}: ${name} must be an integer of at least ${least}, got ${value}; write ${name}: ${Math.max(least, 1)} or more`,
  );
}
