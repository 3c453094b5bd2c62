import { ConfigError, UsageError } from "../base/errors.ts";
import type { DeviceName } from "../engine/devices.ts";
import { resolveDevice } from "../engine/devices.ts";
import * as ir from "../ir/build.ts";
import { persistent } from "./memory.ts";
import { Tensor, derive } from "./tensor.ts";

/** The two words a seed starts with: the stream, and the number of draws made. */
function seedWords(seed: number): Uint32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ConfigError(`manualSeed: seed must be an integer from 0 to 2^53 - 1, got ${seed}`);
  }
  const high = Math.floor(seed / 2 ** 32);
  return new Uint32Array([seed % 2 ** 32, Math.imul(high, 0x9e3779b1)]);
}

/**
 * A stream of random numbers. Its state is a tensor, u32 [seed, draws]; each draw uses the state as
 * the key of a counter-based generator (Threefry-2x32) and then adds one, so that inside jit the
 * numbers differ from call to call and a run repeats exactly from the same state.
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"
 */
export class Generator {
  readonly state: Tensor;
  #seed: number;

  constructor(seed = 0, { device }: { readonly device?: DeviceName } = {}) {
    const words = seedWords(seed);
    this.#seed = seed;
    this.state = persistent(() => Tensor.from(words, [2], { device: resolveDevice(device) }));
  }

  get device(): DeviceName {
    return this.state.device;
  }

  /** Starts the stream of a seed from its beginning. */
  manualSeed(seed: number): this {
    this.setState(seedWords(seed));
    this.#seed = seed;
    return this;
  }

  /** The seed it was given last. */
  initialSeed(): number {
    return this.#seed;
  }

  /** The state, to be stored in a checkpoint. */
  async getState(): Promise<Uint32Array> {
    return Uint32Array.from(await this.state.data());
  }

  /** Goes on from a stored state. @throws {UsageError} if it is not one of `getState`. */
  setState(state: ArrayLike<number>): void {
    if (state.length !== 2) {
      throw new UsageError(`setState: needs the 2 words of getState, got ${state.length}`);
    }
    const words = Tensor.from(Uint32Array.from(state), [2], { device: this.device });
    this.state.assign(words);
    words.dispose();
  }

  /** The key of the next draw, u32 [2]; the state moves on. */
  nextKey(): Tensor {
    const key = this.state.clone();
    const one = ir.cast(ir.iota([2], 0), "u32");
    const next = derive([key], ir.add(key.node, one));
    this.state.assign(next);
    next.dispose();
    return key;
  }
}

const defaults = new Map<DeviceName, Generator>();
let defaultSeed = 0;

/** The generator of draws that name none. */
export function defaultGenerator(device?: DeviceName): Generator {
  const name = resolveDevice(device);
  let generator = defaults.get(name);
  if (generator === undefined) {
    generator = new Generator(defaultSeed, { device: name });
    defaults.set(name, generator);
  }
  return generator;
}

/** Seeds the default generators of all devices. @param seed - integer from 0 to 2^53 − 1. */
export function manualSeed(seed: number): void {
  for (const generator of defaults.values()) generator.manualSeed(seed);
  seedWords(seed);
  defaultSeed = seed;
}

/** The seed of the default generators: the last of {@link manualSeed}, or 0. */
export function initialSeed(): number {
  return defaultSeed;
}
