import { Pcg64 } from "../base/pcg64.ts";
import type { Seed } from "../base/pcg64.ts";
import type { Space, SpaceKind, SpaceRandomState } from "./space.ts";

/** What spaces have in common: a generator of their own, made at first use. */
export abstract class SeededSpace<T> implements Space<T> {
  /** The kind, by Gymnasium's name. */
  abstract readonly kind: SpaceKind;
  /** Sizes of a value, null where a value is no single array. */
  abstract readonly shape: readonly number[] | null;
  #random: Pcg64 | null = null;

  /** One line on why a value does not belong to the space, null if it does. */
  abstract whyNot(value: unknown): string | null;
  /** A random value from the space's own generator. */
  abstract sample(): T;
  /** Whether the other space holds the same values. */
  abstract equals(other: Space<unknown>): boolean;
  /** The space in one line. */
  abstract toString(): string;

  /** Whether a value belongs to the space. */
  contains(value: unknown): value is T {
    return this.whyNot(value) === null;
  }

  /** The space's own generator. */
  get random(): Pcg64 {
    this.#random ??= new Pcg64();
    return this.#random;
  }

  /** Seeds the space's own generator; without a seed, by chance. */
  seed(seed?: Seed): void {
    this.#random = new Pcg64(seed);
  }

  /** The state of the generator, for checkpoints. */
  randomState(): SpaceRandomState {
    return this.random.state();
  }

  /** Lets the generator go on from a state. */
  setRandomState(state: SpaceRandomState): void {
    this.#random = Pcg64.fromState(state);
  }
}
