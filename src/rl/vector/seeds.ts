import type { Seed } from "../../base/pcg64.ts";
import { ConfigError } from "../../base/errors.ts";

function requireSeed(caller: string, seed: Seed, index: number | null): void {
  const isSeed = typeof seed === "bigint" ? seed >= 0n : Number.isSafeInteger(seed) && seed >= 0;
  if (isSeed) return;
  const whose = index === null ? "" : ` for environment ${index}`;
  throw new ConfigError(
    `${caller}: a seed must be an integer from 0 to 2^53 - 1, or a bigint from 0n, ` +
      `got ${seed}${whose}`,
  );
}

/** The seed `offset` places on; beyond 2^53 - 1 as a bigint, so that none is met twice. */
function seedPlus(seed: Seed, offset: number): Seed {
  if (typeof seed === "bigint") return seed + BigInt(offset);
  const sum = seed + offset;
  return Number.isSafeInteger(sum) ? sum : BigInt(seed) + BigInt(offset);
}

/**
 * A seed for each of `count` environments: s, s + 1, … or those of a list; null is none.
 *
 * @throws {ConfigError} if a seed is no integer from 0, or the list has another length.
 */
export function seedsOf(
  caller: string,
  seed: Seed | readonly (Seed | null)[] | undefined,
  count: number,
): (Seed | null)[] {
  if (typeof seed === "object") {
    if (seed.length !== count) {
      throw new ConfigError(
        `${caller}: a list of seeds must have one for each of ${count} environments, ` +
          `got ${seed.length}; give one number s to seed them with s, s + 1, …`,
      );
    }
    seed.forEach((each, index) => {
      if (each !== null) requireSeed(caller, each, index);
    });
    return [...seed];
  }
  if (seed === undefined) return Array.from({ length: count }, () => null);
  requireSeed(caller, seed, null);
  return Array.from({ length: count }, (_, index) => seedPlus(seed, index));
}

/**
 * Which environments a mask names.
 *
 * @throws {ConfigError} if it has another length, or names none.
 */
export function maskOf(
  caller: string,
  mask: ArrayLike<number | boolean> | undefined,
  count: number,
): Uint8Array {
  if (mask === undefined) return new Uint8Array(count).fill(1);
  if (mask.length !== count) {
    throw new ConfigError(
      `${caller}: resetMask must have an entry for each of ${count} environments, got ${mask.length}`,
    );
  }
  const bytes = Uint8Array.from({ length: count }, (_, index) => (mask[index] ? 1 : 0));
  if (!bytes.includes(1)) {
    throw new ConfigError(`${caller}: resetMask must name an environment, got none`);
  }
  return bytes;
}
