import type { Pcg64, Pcg64State, Seed } from "../base/pcg64.ts";

/** The kinds of spaces, by Gymnasium's names. */
export type SpaceKind =
  | "Box"
  | "Discrete"
  | "MultiDiscrete"
  | "MultiBinary"
  | "Dict"
  | "Tuple"
  | "Text";

/** The state of a space's generator; of a `Dict` or `Tuple` also those of its parts. JSON. */
export interface SpaceRandomState extends Pcg64State {
  readonly parts?: readonly SpaceRandomState[];
}

/**
 * A set of values: what an environment shows (observations) or takes (actions).
 *
 * `Box`, `MultiDiscrete` and `MultiBinary` have typed arrays as values, flat in row-major order,
 * whose shape is the space's; `Discrete` has numbers, `Dict` plain objects, `Tuple` arrays.
 */
export interface Space<T> {
  readonly kind: SpaceKind;
  /** Sizes of a value, null where a value is no single array. */
  readonly shape: readonly number[] | null;
  /** Whether a value belongs to the space: its type, exact size, and bounds. */
  contains(value: unknown): value is T;
  /** One line on why a value does not belong to the space, null if it does. */
  whyNot(value: unknown): string | null;
  /** A random value from the space's own generator. */
  sample(): T;
  /** Seeds the space's own generator, which is independent of the environment's. */
  seed(seed?: Seed): void;
  /** The space's own generator; created, from the operating system's entropy, at first use. */
  readonly random: Pcg64;
  /** The state of the generator, for checkpoints. */
  randomState(): SpaceRandomState;
  /** Lets the generator go on from a state. */
  setRandomState(state: SpaceRandomState): void;
  /** Whether the other space holds the same values. */
  equals(other: Space<unknown>): boolean;
  /** Such as `Box(-2, 2, [1], f32)`. */
  toString(): string;
}
