import { ConfigError } from "./errors.ts";

/** The state of a {@link HostRandom}: four unsigned 32-bit words. */
export type HostRandomState = readonly [number, number, number, number];

/** One step of splitmix32: a bijection that spreads close seeds far apart. */
function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/**
 * A small seeded generator for decisions on the host: shuffles, splits, augmentation. It is
 * independent of the tensors' generator. Equal seeds and streams give equal numbers everywhere.
 *
 * @see Blackman and Vigna 2021, "Scrambled Linear Pseudorandom Number Generators" (xoshiro128**).
 */
export class HostRandom {
  #state: [number, number, number, number];

  /**
   * @param seed - any safe integer.
   * @param stream - further integers that select one of many independent sequences, such as the
   *   epoch and the batch.
   */
  constructor(seed: number, ...stream: readonly number[]) {
    let hash = 0x9e3779b9;
    for (const part of [seed, ...stream]) {
      if (!Number.isSafeInteger(part)) {
        throw new ConfigError(`random: seeds must be safe integers, got ${part}`);
      }
      hash = mix(hash ^ mix(part % 2 ** 32));
      hash = mix(hash + mix(Math.floor(part / 2 ** 32)));
    }
    // A sum with an odd step never repeats within four words, so they are not all zero.
    const word = (index: number): number => mix(hash + Math.imul(index, 0x9e3779b9));
    this.#state = [word(1), word(2), word(3), word(4)];
  }

  /** A generator that continues where another one stood. */
  static fromState(state: HostRandomState): HostRandom {
    const random = new HostRandom(0);
    random.#state = [state[0] >>> 0, state[1] >>> 0, state[2] >>> 0, state[3] >>> 0];
    return random;
  }

  /** What {@link HostRandom.fromState} needs to continue from here. */
  state(): HostRandomState {
    return [...this.#state];
  }

  /** The next 32 random bits. */
  uint32(): number {
    const s = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotateLeft(s[3], 11);
    for (let i = 0; i < 4; i++) s[i] >>>= 0;
    return result;
  }

  /** A double in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    return (high * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** An integer in [0, below), each equally likely. `below` is at most 2^32. */
  integer(below: number): number {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
      throw new ConfigError(`random: integer needs a bound from 1 to 2^32, got ${below}`);
    }
    // Words beyond the last whole multiple of `below` would favour small results.
    const limit = 2 ** 32 - (2 ** 32 % below);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % below;
    }
  }

  /** Shuffles in place, each order equally likely (Fisher-Yates), and returns its argument. */
  shuffle<T extends { [index: number]: number; readonly length: number }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = values[i];
      values[i] = values[j];
      values[j] = held;
    }
    return values;
  }
}
