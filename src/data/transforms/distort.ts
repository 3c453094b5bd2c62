import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from "./color.ts";
import { floatsOf, imageOf, whiteOf } from "./pixels.ts";
import type { Sample, Transform } from "./sample.ts";
import {
  imageSize,
  normalNumber,
  requirePixels,
  requireProbability,
  uniformBetween,
} from "./sample.ts";

/** An image whose channels stand in another order. */
export function permuteChannels(image: HostTensor, order: readonly number[]): HostTensor {
  const [height, width] = imageSize(image);
  const data = image.data.slice();
  for (const [to, from] of order.entries()) {
    const plane = image.data.subarray(from * height * width, (from + 1) * height * width);
    data.set(plane, to * height * width);
  }
  return { ...image, data };
}

function shuffledChannels(image: HostTensor, random: HostRandom): HostTensor {
  const order = Array.from({ length: image.shape[0] }, (_, channel) => channel);
  return permuteChannels(image, random.shuffle(order));
}

/** Puts the channels in a random order. */
export class RandomChannelPermutation implements Transform {
  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return { ...sample, image: shuffledChannels(sample.image, random) };
  }
}

type Range = readonly [number, number];

/**
 * Changes brightness, contrast, saturation, hue and the order of the channels, each with
 * probability `p` (SSD's distortion).
 */
export class RandomPhotometricDistort implements Transform {
  readonly #brightness: Range;
  readonly #contrast: Range;
  readonly #saturation: Range;
  readonly #hue: Range;
  readonly #p: number;

  /**
   * @param options.brightness - @defaultValue [0.875, 1.125]
   * @param options.contrast - @defaultValue [0.5, 1.5]
   * @param options.saturation - @defaultValue [0.5, 1.5]
   * @param options.hue - @defaultValue [-0.05, 0.05]
   * @param options.p - @defaultValue 0.5
   */
  constructor(
    options: {
      readonly brightness?: Range;
      readonly contrast?: Range;
      readonly saturation?: Range;
      readonly hue?: Range;
      readonly p?: number;
    } = {},
  ) {
    this.#brightness = options.brightness ?? [0.875, 1.125];
    this.#contrast = options.contrast ?? [0.5, 1.5];
    this.#saturation = options.saturation ?? [0.5, 1.5];
    this.#hue = options.hue ?? [-0.05, 0.05];
    this.#p = options.p ?? 0.5;
    requireProbability("RandomPhotometricDistort", this.#p);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const happens = (): boolean => random.uniform() < this.#p;
    const isContrastFirst = random.uniform() < 0.5;
    let { image } = sample;
    const contrast = (): void => {
      if (happens()) image = adjustContrast(image, uniformBetween(random, this.#contrast));
    };
    if (happens()) image = adjustBrightness(image, uniformBetween(random, this.#brightness));
    if (isContrastFirst) contrast();
    if (happens()) image = adjustSaturation(image, uniformBetween(random, this.#saturation));
    if (happens()) image = adjustHue(image, uniformBetween(random, this.#hue));
    if (!isContrastFirst) contrast();
    if (happens()) image = shuffledChannels(image, random);
    return { ...sample, image };
  }
}

/** Adds normal noise; `mean` and `sigma` are shares of the range 0 … 1, for bytes too. */
export class GaussianNoise implements Transform {
  readonly mean: number;
  readonly sigma: number;
  readonly clip: boolean;

  /**
   * @param options.mean - @defaultValue 0
   * @param options.sigma - @defaultValue 0.1
   * @param options.clip - keeps values in the range. @defaultValue true
   */
  constructor(
    options: { readonly mean?: number; readonly sigma?: number; readonly clip?: boolean } = {},
  ) {
    const { mean = 0, sigma = 0.1, clip = true } = options;
    if (!(sigma >= 0)) {
      throw new ConfigError(`GaussianNoise: sigma must be at least 0, got ${sigma}`);
    }
    this.mean = mean;
    this.sigma = sigma;
    this.clip = clip;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const { image } = sample;
    requirePixels("GaussianNoise", image);
    const white = whiteOf(image);
    const values = floatsOf(image).map((value) => {
      const noisy = value + white * (this.mean + this.sigma * normalNumber(random));
      return this.clip ? Math.min(white, Math.max(0, noisy)) : noisy;
    });
    return { ...sample, image: imageOf(values, image) };
  }
}
