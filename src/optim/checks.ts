import { ConfigError } from "../base/errors.ts";

/** Bounds of a hyper-parameter; `above` and `below` exclude the bound itself. */
export interface Range {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly below?: number;
  readonly isInteger?: boolean;
}

function describe({ min, above, max, below, isInteger }: Range): string {
  const parts = [
    min !== undefined && `≥ ${min}`,
    above !== undefined && `> ${above}`,
    max !== undefined && `≤ ${max}`,
    below !== undefined && `< ${below}`,
  ].filter((part) => part !== false);
  const kind = isInteger === true ? "an integer" : "a number";
  return parts.length === 0 ? kind : `${kind} ${parts.join(" and ")}`;
}

function fits(value: number, { min, above, max, below, isInteger }: Range): boolean {
  if (Number.isNaN(value) || (isInteger === true && !Number.isInteger(value))) return false;
  return (
    value >= (min ?? -Infinity) &&
    value <= (max ?? Infinity) &&
    (above === undefined || value > above) &&
    (below === undefined || value < below)
  );
}

/** Returns the value. @throws {ConfigError} naming owner, option, range and value. */
export function requireInRange(owner: string, name: string, value: number, range: Range): number {
  if (typeof value === "number" && fits(value, range)) return value;
  throw new ConfigError(`${owner}: ${name} must be ${describe(range)}, got ${String(value)}`, {
    details: { name, value },
  });
}
