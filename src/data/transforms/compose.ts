import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { Sample, Transform } from "./sample.ts";
import { requireProbability } from "./sample.ts";

function applyAll<S extends Sample>(
  transforms: readonly Transform[],
  sample: S,
  random: HostRandom,
): S {
  return transforms.reduce((current, transform) => transform.forward(current, random), sample);
}

/**
 * Transforms one after the other.
 *
 * @example
 * const augment = new transforms.Compose([
 *   new transforms.RandomResizedCrop(224),
 *   new transforms.RandomHorizontalFlip(),
 *   new transforms.ToDtype("f32", { scale: true }),
 * ]);
 * const { image } = augment.forward({ image: picture }, new HostRandom(0));
 */
export class Compose implements Transform {
  readonly transforms: readonly Transform[];

  constructor(transforms: readonly Transform[]) {
    this.transforms = transforms;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return applyAll(this.transforms, sample, random);
  }
}

/** All transforms with probability `p`, else none. */
export class RandomApply implements Transform {
  readonly transforms: readonly Transform[];
  readonly p: number;

  /** @param options.p - @defaultValue 0.5 */
  constructor(transforms: readonly Transform[], options: { readonly p?: number } = {}) {
    const { p = 0.5 } = options;
    requireProbability("RandomApply", p);
    this.transforms = transforms;
    this.p = p;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return random.uniform() < this.p ? applyAll(this.transforms, sample, random) : sample;
  }
}

/** One of the transforms. */
export class RandomChoice implements Transform {
  readonly transforms: readonly Transform[];
  readonly #ends: readonly number[];

  /**
   * @param options.p - how likely each is; need not sum to 1. @defaultValue equally likely
   * @throws {ConfigError} if there are no transforms, or not one weight for each.
   */
  constructor(transforms: readonly Transform[], options: { readonly p?: readonly number[] } = {}) {
    const { p = transforms.map(() => 1) } = options;
    const isFit = p.length === transforms.length && p.every((weight) => weight >= 0);
    let total = 0;
    this.transforms = transforms;
    this.#ends = p.map((weight) => (total += weight));
    if (isFit && total > 0) return;
    throw new ConfigError(
      "RandomChoice: p must hold one weight of at least 0 per transform and some above 0, " +
        `got [${p.join(", ")}] for ${transforms.length} transforms`,
    );
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const at = random.uniform() * (this.#ends.at(-1) ?? 0);
    const chosen = this.#ends.findIndex((end) => at < end);
    return this.transforms[chosen].forward(sample, random);
  }
}

/** All transforms in a random order. */
export class RandomOrder implements Transform {
  readonly transforms: readonly Transform[];

  constructor(transforms: readonly Transform[]) {
    this.transforms = transforms;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const order = random.shuffle(this.transforms.map((_, i) => i));
    return order.reduce((current, i) => this.transforms[i].forward(current, random), sample);
  }
}
