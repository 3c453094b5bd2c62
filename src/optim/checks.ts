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
    below !== undefined && (below === Infinity ? "finite" : `< ${below}`),
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

/** Checks the two decay rates of Adam and its kin. */
export function requireBetas(owner: string, betas: readonly [number, number]): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new ConfigError(`${owner}: betas must be two numbers, got ${String(betas)}`);
  }
  betas.forEach((beta, i) => requireInRange(owner, `betas[${i}]`, beta, { min: 0, below: 1 }));
}

/** Checks that options are numbers of at least 0. */
export function requireNonNegative(owner: string, options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    requireInRange(owner, name, value, { min: 0, below: Infinity });
  }
}

/** Checks an option that names one of a few choices. */
export function requireChoice<T extends string | null>(
  owner: string,
  name: string,
  value: T,
  choices: readonly T[],
): T {
  if (choices.includes(value)) return value;
  throw new ConfigError(
    `${owner}: ${name} must be one of ${choices.filter((one) => one !== null).join(", ")}, got ${String(value)}`,
    { details: { name, value } },
  );
}
