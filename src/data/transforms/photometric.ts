import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  invertImage,
  posterize,
  rgbToGrayscale,
  solarize,
} from "./color.ts";
import type { Sample, Transform } from "./sample.ts";
import { requireProbability, uniformBetween } from "./sample.ts";

type Range = readonly [number, number];

function jitterRange(
  name: string,
  value: number | Range | undefined,
  center: number,
  [least, most]: Range,
): Range | undefined {
  if (value === undefined || value === 0) return undefined;
  const range: Range =
    typeof value === "number" ? [Math.max(least, center - value), center + value] : value;
  const isValid =
    (typeof value !== "number" || value >= 0) &&
    range[0] >= least &&
    range[0] <= range[1] &&
    range[1] <= most;
  if (isValid) return range;
  throw new ConfigError(
    `ColorJitter: ${name} must lie in ${least} … ${most}, got ${JSON.stringify(value)}`,
  );
}

/**
 * Changes brightness, contrast, saturation and hue at random, in a random order. A number v means
 * factors of 1 ± v (hue: ± v), two numbers are their bounds.
 */
export class ColorJitter implements Transform {
  readonly #changes: readonly {
    readonly range: Range;
    readonly adjust: (image: HostTensor, factor: number) => HostTensor;
  }[];

  /** @throws {ConfigError} if a factor could be negative, or hue leaves -0.5 … 0.5. */
  constructor(
    options: {
      readonly brightness?: number | Range;
      readonly contrast?: number | Range;
      readonly saturation?: number | Range;
      readonly hue?: number | Range;
    } = {},
  ) {
    const factors: Range = [0, Infinity];
    const table = [
      [jitterRange("brightness", options.brightness, 1, factors), adjustBrightness],
      [jitterRange("contrast", options.contrast, 1, factors), adjustContrast],
      [jitterRange("saturation", options.saturation, 1, factors), adjustSaturation],
      [jitterRange("hue", options.hue, 0, [-0.5, 0.5]), adjustHue],
    ] as const;
    this.#changes = table.flatMap(([range, adjust]) => (range ? [{ range, adjust }] : []));
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const factors = this.#changes.map(({ range }) => uniformBetween(random, range));
    const order = random.shuffle(factors.map((_, i) => i));
    const image = order.reduce(
      (current, i) => this.#changes[i].adjust(current, factors[i]),
      sample.image,
    );
    return { ...sample, image };
  }
}

/** One change of the image alone, always or with a probability. */
function changeImage<S extends Sample>(sample: S, change: (image: HostTensor) => HostTensor): S {
  return { ...sample, image: change(sample.image) };
}

/** Grey images of 1 or 3 channels. */
export class Grayscale implements Transform {
  readonly numOutputChannels: 1 | 3;

  constructor(options: { readonly numOutputChannels?: 1 | 3 } = {}) {
    this.numOutputChannels = options.numOutputChannels ?? 1;
  }

  forward<S extends Sample>(sample: S): S {
    return changeImage(sample, (image) => rgbToGrayscale(image, this));
  }
}

/** Options of transforms that happen with a probability. */
export interface ProbabilityOptions {
  readonly p?: number;
}

function happens(random: HostRandom, p: number): boolean {
  return random.uniform() < p;
}

function probability(name: string, { p }: ProbabilityOptions, usual = 0.5): number {
  requireProbability(name, p ?? usual);
  return p ?? usual;
}

/** Grey with as many channels, with probability `p`. */
export class RandomGrayscale implements Transform {
  readonly p: number;

  /** @param options.p - @defaultValue 0.1 */
  constructor(options: ProbabilityOptions = {}) {
    this.p = probability("RandomGrayscale", options, 0.1);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (!happens(random, this.p)) return sample;
    const numOutputChannels = sample.image.shape[0] === 1 ? 1 : 3;
    return changeImage(sample, (image) => rgbToGrayscale(image, { numOutputChannels }));
  }
}

/** The negative with probability `p`. */
export class RandomInvert implements Transform {
  readonly p: number;

  constructor(options: ProbabilityOptions = {}) {
    this.p = probability("RandomInvert", options);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return happens(random, this.p) ? changeImage(sample, invertImage) : sample;
  }
}

/** Keeps the highest bits with probability `p`. */
export class RandomPosterize implements Transform {
  readonly bits: number;
  readonly p: number;

  constructor(bits: number, options: ProbabilityOptions = {}) {
    this.bits = bits;
    this.p = probability("RandomPosterize", options);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (!happens(random, this.p)) return sample;
    return changeImage(sample, (image) => posterize(image, this.bits));
  }
}

/** Inverts the values from a threshold on, with probability `p`. */
export class RandomSolarize implements Transform {
  readonly threshold: number;
  readonly p: number;

  constructor(threshold: number, options: ProbabilityOptions = {}) {
    this.threshold = threshold;
    this.p = probability("RandomSolarize", options);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (!happens(random, this.p)) return sample;
    return changeImage(sample, (image) => solarize(image, this.threshold));
  }
}

/** Blends with a blurred image with probability `p`. */
export class RandomAdjustSharpness implements Transform {
  readonly sharpnessFactor: number;
  readonly p: number;

  constructor(sharpnessFactor: number, options: ProbabilityOptions = {}) {
    this.sharpnessFactor = sharpnessFactor;
    this.p = probability("RandomAdjustSharpness", options);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (!happens(random, this.p)) return sample;
    return changeImage(sample, (image) => adjustSharpness(image, this.sharpnessFactor));
  }
}

/** Stretches each channel to the whole range with probability `p`. */
export class RandomAutocontrast implements Transform {
  readonly p: number;

  constructor(options: ProbabilityOptions = {}) {
    this.p = probability("RandomAutocontrast", options);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return happens(random, this.p) ? changeImage(sample, autocontrast) : sample;
  }
}

/** Equalizes the histogram of each channel with probability `p`. */
export class RandomEqualize implements Transform {
  readonly p: number;

  constructor(options: ProbabilityOptions = {}) {
    this.p = probability("RandomEqualize", options);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return happens(random, this.p) ? changeImage(sample, equalize) : sample;
  }
}
