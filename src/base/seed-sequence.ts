import { ConfigError } from "./errors.ts";

/** A seed: a non-negative integer; above 2^53 - 1 as a bigint. */
export type Seed = number | bigint;

const poolSize = 4;

/** Turns a seed into its unsigned 32-bit words, the least significant first. */
function wordsOf(seed: Seed): number[] {
  const isValid = typeof seed === "bigint" ? seed >= 0n : Number.isSafeInteger(seed);
  if (!isValid || seed < 0) {
    throw new ConfigError(
      `seed: must be a non-negative integer, got ${String(seed)}; ` +
        "write seeds above 2^53 - 1 as a bigint, such as 9007199254740993n",
      { details: { seed } },
    );
  }
  const words: number[] = [];
  let rest = BigInt(seed);
  do {
    words.push(Number(rest & 0xffffffffn));
    rest >>= 32n;
  } while (rest > 0n);
  return words;
}

/** Mixes words into each other with a multiplier that changes from call to call. */
class HashMix {
  #constant: number;
  readonly #multiplier: number;

  constructor(constant: number, multiplier: number) {
    this.#constant = constant;
    this.#multiplier = multiplier;
  }

  next(word: number): number {
    let value = word ^ this.#constant;
    this.#constant = Math.imul(this.#constant, this.#multiplier);
    value = Math.imul(value, this.#constant);
    return value ^ (value >>> 16);
  }
}

function mix(a: number, b: number): number {
  const value = (Math.imul(0xca01f9dd, a) - Math.imul(0x4973f715, b)) | 0;
  return value ^ (value >>> 16);
}

function mixPool(entropy: readonly number[]): number[] {
  const hash = new HashMix(0x43b0d7e5, 0x931e8875);
  const pool: number[] = [];
  for (let i = 0; i < poolSize; i++) pool.push(hash.next(entropy[i] ?? 0));
  for (let from = 0; from < poolSize; from++) {
    for (let to = 0; to < poolSize; to++) {
      if (from !== to) pool[to] = mix(pool[to], hash.next(pool[from]));
    }
  }
  for (const word of entropy.slice(poolSize)) {
    for (let to = 0; to < poolSize; to++) pool[to] = mix(pool[to], hash.next(word));
  }
  return pool;
}

/**
 * Spreads a seed, or several, over as many random bits as a generator's state needs, with the
 * results of NumPy's `SeedSequence(seed).generate_state(count)`.
 *
 * @param seed - a non-negative integer of any size, or a list of them.
 * @returns `count` unsigned 32-bit words.
 * @throws {ConfigError} if a seed is negative, fractional, NaN or an inexact number.
 * @see O'Neill 2015, "Developing a seed_seq Alternative".
 */
export function spreadSeed(seed: Seed | readonly Seed[], count: number): Uint32Array {
  const entropy = (Array.isArray(seed) ? seed : [seed]).flatMap(wordsOf);
  const pool = mixPool(entropy);
  const hash = new HashMix(0x8b51f9dd, 0x58f38ded);
  return Uint32Array.from({ length: count }, (_, i) => hash.next(pool[i % poolSize]));
}
