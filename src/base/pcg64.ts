import { ConfigError } from "./errors.ts";
import { spreadSeed } from "./seed-sequence.ts";
import type { Seed } from "./seed-sequence.ts";
import { exponentialZiggurat, normalZiggurat } from "./ziggurat.ts";
import type { Ziggurat } from "./ziggurat.ts";

export type { Seed } from "./seed-sequence.ts";

/** What {@link Pcg64.fromState} needs: JSON; the 128-bit numbers are decimal text. */
export interface Pcg64State {
  readonly state: string;
  readonly increment: string;
  /** Whether half of a 64-bit draw is left for the next 32-bit one, and that half. */
  readonly hasUint32: boolean;
  readonly uinteger: number;
}

// 128-bit numbers are six limbs of 24 bits: products of limbs, and sums of six of them, are exact
// in doubles. The top limb has 8 bits.
const limbs = 6;
const limbSize = 2 ** 24;
const mask128 = (1n << 128n) - 1n;

// The multiplier 0x2360ed051fc65da44385df649fccf645, lowest limb first.
const m0 = 0xccf645;
const m1 = 0xdf649f;
const m2 = 0xa44385;
const m3 = 0x1fc65d;
const m4 = 0x60ed05;
const m5 = 0x23;

function toLimbs(value: bigint): Float64Array {
  return Float64Array.from({ length: limbs }, (_, i) =>
    Number((value >> BigInt(24 * i)) & 0xffffffn),
  );
}

function fromLimbs(value: Float64Array): bigint {
  let sum = 0n;
  for (let i = limbs - 1; i >= 0; i--) sum = (sum << 24n) | BigInt(value[i]);
  return sum;
}

/** Joins 32-bit words, the lowest of which is `words[order[0]]`. */
function join(words: Uint32Array, order: readonly number[]): bigint {
  return order.reduceRight((sum, i) => (sum << 32n) | BigInt(words[i]), 0n);
}

function parse(state: Pcg64State, key: "state" | "increment"): bigint {
  const text = state[key];
  const value = /^\d{1,39}$/.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > mask128) {
    throw new ConfigError(
      `random state: ${key} must be a decimal number below 2^128, got ${JSON.stringify(text)}; ` +
        "pass what state() returned",
    );
  }
  return value;
}

function randomSeed(): bigint {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return join(words, [0, 1, 2, 3]);
}

let normalTable: Ziggurat | undefined;
let exponentialTable: Ziggurat | undefined;

/**
 * A generator of random numbers with the streams of NumPy's `Generator(PCG64(seed))`: integers and
 * uniform numbers are the same bits, normal and exponential ones agree to the last digits (they
 * depend on the platform's exp and log).
 *
 * Generators of tensors' elements are a different thing: see `Generator` of the tensor layer.
 *
 * @see O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
 *   for Random Number Generation" (XSL-RR 128/64).
 */
export class Pcg64 {
  readonly #state: Float64Array = new Float64Array(limbs);
  readonly #increment: Float64Array = new Float64Array(limbs);
  // The two halves of the last 64-bit draw.
  #high = 0;
  #low = 0;
  #hasUint32 = false;
  #uinteger = 0;

  /**
   * @param seed - a non-negative integer (above 2^53 - 1 as a bigint) or a list of them; without
   *   it, 128 bits of chance.
   * @throws {ConfigError} if a seed is negative, fractional or NaN.
   */
  constructor(seed: Seed | readonly Seed[] = randomSeed()) {
    const words = spreadSeed(seed, 8);
    // 64-bit numbers are stored low word first, 128-bit ones high half first.
    const start = join(words, [2, 3, 0, 1]);
    const increment = ((join(words, [6, 7, 4, 5]) << 1n) | 1n) & mask128;
    this.#increment.set(toLimbs(increment));
    this.#state.set(toLimbs((increment + start) & mask128));
    this.#advance();
  }

  /**
   * A generator that goes on where another one stood.
   *
   * @throws {ConfigError} if the state is not one that {@link Pcg64.state} returned.
   */
  static fromState(state: Pcg64State): Pcg64 {
    const random = new Pcg64(0);
    random.setState(state);
    return random;
  }

  /**
   * Goes on where another generator stood; whoever shares this one goes on with it.
   *
   * @throws {ConfigError} if the state is not one that {@link Pcg64.state} returned.
   */
  setState(state: Pcg64State): void {
    const limbsOf = toLimbs(parse(state, "state"));
    this.#increment.set(toLimbs(parse(state, "increment")));
    this.#state.set(limbsOf);
    this.#hasUint32 = state.hasUint32;
    this.#uinteger = state.uinteger >>> 0;
  }

  /** What {@link Pcg64.fromState} needs to go on from here. */
  state(): Pcg64State {
    return {
      state: fromLimbs(this.#state).toString(),
      increment: fromLimbs(this.#increment).toString(),
      hasUint32: this.#hasUint32,
      uinteger: this.#uinteger,
    };
  }

  /** A double in [0, 1) with 53 random bits. */
  random(): number {
    this.#next64();
    return (this.#high * 2 ** 21 + (this.#low >>> 11)) * 2 ** -53;
  }

  /** A double in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /** A number of the normal distribution with mean 0 and variance 1. */
  standardNormal(): number {
    const table = (normalTable ??= normalZiggurat());
    for (;;) {
      this.#next64();
      const layer = this.#low & 0xff;
      const isNegative = ((this.#low >>> 8) & 1) === 1;
      const draw = (this.#high & 0x1fffffff) * 2 ** 23 + (this.#low >>> 9);
      const x = draw * table.width[layer];
      if (draw < table.inside[layer]) return isNegative ? -x : x;
      if (layer === 0) {
        const isTailNegative = Math.floor(draw / 2 ** 8) % 2 === 1;
        const tail = this.#normalTail(table.tail);
        return isTailNegative ? -tail : tail;
      }
      if (this.#isUnder(table, layer, Math.exp(-0.5 * x * x))) return isNegative ? -x : x;
    }
  }

  /** A number of the normal distribution. */
  normal(mean: number, std: number): number {
    return mean + std * this.standardNormal();
  }

  /** A number of the exponential distribution with the given mean. */
  exponential(scale: number): number {
    const table = (exponentialTable ??= exponentialZiggurat());
    for (;;) {
      this.#next64();
      const layer = (this.#low >>> 3) & 0xff;
      const draw = this.#high * 2 ** 21 + (this.#low >>> 11);
      const x = draw * table.width[layer];
      if (draw < table.inside[layer]) return scale * x;
      if (layer === 0) return scale * (table.tail - Math.log1p(-this.random()));
      if (this.#isUnder(table, layer, Math.exp(-x))) return scale * x;
    }
  }

  /** 32 random bits as a number; two draws use up one of 64 bits. */
  uint32(): number {
    if (this.#hasUint32) {
      this.#hasUint32 = false;
      return this.#uinteger;
    }
    this.#next64();
    this.#hasUint32 = true;
    this.#uinteger = this.#high;
    return this.#low;
  }

  /**
   * An integer in [low, high), each equally likely.
   *
   * @throws {ConfigError} if the bounds are no safe integers or there is none between them.
   */
  integers(low: number, high: number): number {
    if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && low < high)) {
      throw new ConfigError(
        `integers: low must be less than high, both safe integers, got [${low}, ${high})`,
      );
    }
    const count = high - low;
    if (count === 1) return low;
    if (count > 2 ** 32) return low + this.#below64(count);
    return low + (count === 2 ** 32 ? this.uint32() : this.#below32(count));
  }

  /** The numbers 0 … n - 1 in random order. */
  permutation(n: number): Int32Array {
    if (!(Number.isInteger(n) && n >= 0 && n < 2 ** 31)) {
      throw new ConfigError(`permutation: n must be an integer in [0, 2^31), got ${n}`);
    }
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.#upTo(i);
      const moved = order[i];
      order[i] = order[j];
      order[j] = moved;
    }
    return order;
  }

  /** An integer in [0, count) from the high half of draw × count (Lemire's method). */
  #below32(count: number): number {
    const size = 2 ** 32;
    for (;;) {
      const draw = this.uint32();
      // Exact: the product of the halves of the draw fit doubles.
      const upper = (draw >>> 16) * count;
      const lower = (draw & 0xffff) * count;
      const quotient = Math.floor((upper + Math.floor(lower / 65536)) / 65536);
      const rest = Math.imul(draw, count) >>> 0;
      if (rest >= count || rest >= size % count) return quotient;
    }
  }

  /** The same for ranges above 2^32; rare, so BigInt may take its time. */
  #below64(count: number): number {
    const wide = BigInt(count);
    const threshold = (1n << 64n) % wide;
    for (;;) {
      this.#next64();
      const product = ((BigInt(this.#high) << 32n) | BigInt(this.#low)) * wide;
      if ((product & 0xffffffffffffffffn) >= threshold) return Number(product >> 64n);
    }
  }

  /** An integer in [0, last] by rejection: what NumPy shuffles with. */
  #upTo(last: number): number {
    const mask = 2 ** (32 - Math.clz32(last)) - 1;
    for (;;) {
      const draw = this.uint32() & mask;
      if (draw <= last) return draw;
    }
  }

  /** A normal number beyond the lowest layer, without its sign. */
  #normalTail(start: number): number {
    for (;;) {
      const x = -Math.log1p(-this.random()) / start;
      const y = -Math.log1p(-this.random());
      if (y + y > x * x) return start + x;
    }
  }

  /** Whether a random height within the layer is below the curve. */
  #isUnder(table: Ziggurat, layer: number, density: number): boolean {
    const bottom = table.density[layer];
    return (table.density[layer - 1] - bottom) * this.random() + bottom < density;
  }

  /** The next 64 bits, as two unsigned words: both halves xored, rotated by the top six bits. */
  #next64(): void {
    this.#advance();
    const state = this.#state;
    const s1 = state[1];
    const s2 = state[2];
    const top = state[4] | (state[5] << 24);
    const low = (state[0] | (s1 << 24)) ^ ((s2 >>> 16) | (state[3] << 8));
    const high = ((s1 >>> 8) | (s2 << 16)) ^ top;
    const count = top >>> 26;
    const from = (count & 32) === 0 ? low : high;
    const other = (count & 32) === 0 ? high : low;
    const bits = count & 31;
    // Two shifts, since a shift by 32 is one by 0.
    this.#low = ((from >>> bits) | ((other << 1) << (31 - bits))) >>> 0;
    this.#high = ((other >>> bits) | ((from << 1) << (31 - bits))) >>> 0;
  }

  /** state = state × multiplier + increment mod 2^128. */
  #advance(): void {
    const state = this.#state;
    const increment = this.#increment;
    const a0 = state[0];
    const a1 = state[1];
    const a2 = state[2];
    const a3 = state[3];
    const a4 = state[4];
    const a5 = state[5];
    let sum = a0 * m0 + increment[0];
    let carry = Math.floor(sum / limbSize);
    state[0] = sum - carry * limbSize;
    sum = a0 * m1 + a1 * m0 + increment[1] + carry;
    carry = Math.floor(sum / limbSize);
    state[1] = sum - carry * limbSize;
    sum = a0 * m2 + a1 * m1 + a2 * m0 + increment[2] + carry;
    carry = Math.floor(sum / limbSize);
    state[2] = sum - carry * limbSize;
    sum = a0 * m3 + a1 * m2 + a2 * m1 + a3 * m0 + increment[3] + carry;
    carry = Math.floor(sum / limbSize);
    state[3] = sum - carry * limbSize;
    sum = a0 * m4 + a1 * m3 + a2 * m2 + a3 * m1 + a4 * m0 + increment[4] + carry;
    carry = Math.floor(sum / limbSize);
    state[4] = sum - carry * limbSize;
    sum = a0 * m5 + a1 * m4 + a2 * m3 + a3 * m2 + a4 * m1 + a5 * m0 + increment[5] + carry;
    state[5] = sum - Math.floor(sum / 256) * 256;
  }
}
