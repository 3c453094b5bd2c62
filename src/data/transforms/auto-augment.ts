import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import type { WarpOptions } from "./affine.ts";
import { affineSample, rotateSample } from "./affine.ts";
import { autoAugmentPolicies } from "./auto-augment-policies.ts";
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  invertImage,
  posterize,
  solarize,
} from "./color.ts";
import { roundHalfEven, whiteOf } from "./pixels.ts";
import type { ImageSize, Sample, Transform } from "./sample.ts";
import { imageSize } from "./sample.ts";

type Augmentation = <S extends Sample>(sample: S, magnitude: number, options: WarpOptions) => S;

function onImage(change: (image: HostTensor, magnitude: number) => HostTensor): Augmentation {
  return (sample, magnitude) => ({ ...sample, image: change(sample.image, magnitude) });
}

const still = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
const degrees = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;

/** What each operation does with a magnitude in its own unit. Geometric ones move boxes along. */
const augmentations: Readonly<Record<string, Augmentation>> = {
  Identity: (sample) => sample,
  ShearX: (sample, slope, options) =>
    affineSample(sample, { ...still, shear: [degrees(slope), 0] }, { ...options, center: [0, 0] }),
  ShearY: (sample, slope, options) =>
    affineSample(sample, { ...still, shear: [0, degrees(slope)] }, { ...options, center: [0, 0] }),
  TranslateX: (sample, pixels, options) =>
    affineSample(sample, { ...still, translate: [Math.trunc(pixels), 0] }, options),
  TranslateY: (sample, pixels, options) =>
    affineSample(sample, { ...still, translate: [0, Math.trunc(pixels)] }, options),
  Rotate: (sample, angle, options) => rotateSample(sample, angle, options),
  Brightness: onImage((image, change) => adjustBrightness(image, 1 + change)),
  Color: onImage((image, change) => adjustSaturation(image, 1 + change)),
  Contrast: onImage((image, change) => adjustContrast(image, 1 + change)),
  Sharpness: onImage((image, change) => adjustSharpness(image, 1 + change)),
  Posterize: onImage((image, bits) => posterize(image, Math.trunc(bits))),
  Solarize: onImage((image, share) => solarize(image, share * whiteOf(image))),
  AutoContrast: onImage(autocontrast),
  Equalize: onImage(equalize),
  Invert: onImage(invertImage),
};

/** Largest magnitudes of the signed operations, and how many bits posterizing takes at most. */
interface Reach {
  readonly shear: number;
  /** Pixels along x and y. */
  readonly shift: readonly [number, number];
  readonly angle: number;
  readonly factor: number;
  readonly bits: number;
}

/** The magnitude of an operation for a share (0 … 1) of its reach, in its own unit. */
function magnitudeOf(name: string, share: number, reach: Reach, random: HostRandom): number {
  if (name === "Posterize") return 8 - roundHalfEven(share * reach.bits);
  if (name === "Solarize") return 1 - share;
  const most: Readonly<Record<string, number>> = {
    ShearX: reach.shear,
    ShearY: reach.shear,
    TranslateX: reach.shift[0],
    TranslateY: reach.shift[1],
    Rotate: reach.angle,
    Brightness: reach.factor,
    Color: reach.factor,
    Contrast: reach.factor,
    Sharpness: reach.factor,
  };
  const size = most[name];
  if (size === undefined) return 0;
  return random.integer(2) === 0 ? share * size : -share * size;
}

/** The shifts of the papers are for images of 331 pixels. */
function usualReach([height, width]: ImageSize): Reach {
  const shift = [(150 / 331) * width, (150 / 331) * height] as const;
  return { shear: 0.3, shift, angle: 30, factor: 0.9, bits: 4 };
}

const randomNames = Object.keys(augmentations).filter((name) => name !== "Invert");

function requireBins(name: string, bins: number, magnitude = 0): void {
  const areIntegers = Number.isInteger(bins) && Number.isInteger(magnitude);
  if (areIntegers && bins >= 2 && magnitude >= 0 && magnitude < bins) return;
  throw new ConfigError(
    `${name}: magnitude must be an integer below numMagnitudeBins (at least 2), ` +
      `got ${magnitude} of ${bins}`,
  );
}

/**
 * Some random operations, all of one magnitude.
 *
 * @see Cubuk et al. 2019, "RandAugment: Practical Automated Data Augmentation with a Reduced Search
 *   Space".
 */
export class RandAugment implements Transform {
  readonly #numOps: number;
  readonly #share: number;
  readonly #options: WarpOptions;

  /**
   * @param options.numOps - @defaultValue 2
   * @param options.magnitude - @defaultValue 9
   * @param options.numMagnitudeBins - @defaultValue 31
   */
  constructor(
    options: WarpOptions & {
      readonly numOps?: number;
      readonly magnitude?: number;
      readonly numMagnitudeBins?: number;
    } = {},
  ) {
    const { numOps = 2, magnitude = 9, numMagnitudeBins = 31 } = options;
    requireBins("RandAugment", numMagnitudeBins, magnitude);
    this.#numOps = numOps;
    this.#share = magnitude / (numMagnitudeBins - 1);
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const reach = usualReach(imageSize(sample.image));
    let result = sample;
    for (let i = 0; i < this.#numOps; i++) {
      const name = randomNames[random.integer(randomNames.length)];
      const magnitude = magnitudeOf(name, this.#share, reach, random);
      result = augmentations[name](result, magnitude, this.#options);
    }
    return result;
  }
}

/**
 * One random operation of a random magnitude.
 *
 * @see Müller and Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation".
 */
export class TrivialAugmentWide implements Transform {
  readonly #bins: number;
  readonly #options: WarpOptions;

  /** @param options.numMagnitudeBins - @defaultValue 31 */
  constructor(options: WarpOptions & { readonly numMagnitudeBins?: number } = {}) {
    const { numMagnitudeBins = 31 } = options;
    requireBins("TrivialAugmentWide", numMagnitudeBins);
    this.#bins = numMagnitudeBins;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const reach: Reach = { shear: 0.99, shift: [32, 32], angle: 135, factor: 0.99, bits: 6 };
    const name = randomNames[random.integer(randomNames.length)];
    const share = random.integer(this.#bins) / (this.#bins - 1);
    return augmentations[name](sample, magnitudeOf(name, share, reach, random), this.#options);
  }
}

/** A random pair of operations of a learned policy, each with its probability. */
export class AutoAugment implements Transform {
  readonly #pairs: readonly string[];
  readonly #options: WarpOptions;

  /** @param options.policy - "imagenet", "cifar10" or "svhn". @defaultValue "imagenet" */
  constructor(options: WarpOptions & { readonly policy?: keyof typeof autoAugmentPolicies } = {}) {
    const { policy = "imagenet" } = options;
    const pairs: readonly string[] | undefined = autoAugmentPolicies[policy];
    if (pairs === undefined) {
      throw new ConfigError(
        `AutoAugment: policy must be imagenet, cifar10 or svhn, got ${String(policy)}`,
      );
    }
    this.#pairs = pairs;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const reach = usualReach(imageSize(sample.image));
    const pair = this.#pairs[random.integer(this.#pairs.length)];
    let result = sample;
    for (const operation of pair.split(", ")) {
      const [name, p, level = "0"] = operation.split(" ");
      const magnitude = magnitudeOf(name, Number(level) / 9, reach, random);
      if (random.uniform() >= Number(p)) continue;
      result = augmentations[name](result, magnitude, this.#options);
    }
    return result;
  }
}
