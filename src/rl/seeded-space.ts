import { Pcg64 } from "../base/pcg64.ts";
import type { Seed } from "../base/pcg64.ts";
import type { Space, SpaceKind, SpaceRandomState } from "./space.ts";

/** What spaces have in common: a generator of their own, made at first use. */
export abstract class SeededSpace<T> implements Space<T> {
  abstract readonly kind: SpaceKind;
  abstract readonly shape: readonly number[] | null;
  #random: Pcg64 | null = null;

  abstract whyNot(value: unknown): string | null;
  abstract sample(): T;
  abstract equals(other: Space<unknown>): boolean;
  abstract toString(): string;

  contains(value: unknown): value is T {
    return this.whyNot(value) === null;
  }

  get random(): Pcg64 {
    this.#random ??= new Pcg64();
    return this.#random;
  }

  seed(seed?: Seed): void {
    this.#random = new Pcg64(seed);
  }

  randomState(): SpaceRandomState {
    return this.random.state();
  }

  setRandomState(state: SpaceRandomState): void {
    this.#random = Pcg64.fromState(state);
  }
}
