import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import { moveSample } from "./move-sample.ts";
import type { Interpolation } from "./resample.ts";
import { resize, resizeNearest } from "./resample.ts";
import type { ImageSize, Sample, Transform } from "./sample.ts";
import { imageSize, sizePair, uniformBetween } from "./sample.ts";

/** How images are resampled. */
export interface ResizeOptions {
  /** @defaultValue "bilinear" */
  readonly interpolation?: Interpolation;
  /** Averages over the pixels that shrink into one. @defaultValue true */
  readonly antialias?: boolean;
}

/** A sample at another size. Masks take the nearest pixel. */
export function resizeSample<S extends Sample>(
  sample: S,
  size: ImageSize,
  options: ResizeOptions = {},
): S {
  const [height, width] = imageSize(sample.image);
  return moveSample(sample, {
    image: (image) => resize(image, size, options),
    masks: (masks) => resizeNearest(masks, size),
    point: ([x, y]) => [(x * size[1]) / width, (y * size[0]) / height],
  });
}

/**
 * Resizes to [height, width], or the shorter side to a number of pixels, keeping the aspect ratio;
 * `maxSize` then bounds the longer side.
 *
 * @example
 * const shrink = new transforms.Resize(800, { maxSize: 1333 });
 * shrink.forward({ image: hostTensor(new Uint8Array(3 * 960 * 1280), [3, 960, 1280]) });
 * // image [3, 800, 1066]
 */
export class Resize implements Transform {
  readonly size: number | readonly number[] | null;
  readonly maxSize: number | undefined;
  readonly #options: ResizeOptions;

  /**
   * @param size - null scales the longer side to `maxSize`.
   * @throws {ConfigError} if `maxSize` comes with two sizes or is not above the shorter side.
   */
  constructor(
    size: number | readonly number[] | null,
    options: ResizeOptions & { readonly maxSize?: number } = {},
  ) {
    const { maxSize } = options;
    if (size !== null) sizePair("Resize", size);
    const isPair = typeof size === "object" && size !== null && size.length === 2;
    const isTooSmall = typeof size === "number" && maxSize !== undefined && maxSize <= size;
    if (
      (size === null && maxSize === undefined) ||
      (isPair && maxSize !== undefined) ||
      isTooSmall
    ) {
      throw new ConfigError(
        "Resize: maxSize must be above size, is required without a size, and excludes " +
          `[height, width], got size ${JSON.stringify(size)} and maxSize ${maxSize}`,
      );
    }
    this.size = size;
    this.maxSize = maxSize;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S): S {
    return resizeSample(sample, this.#target(imageSize(sample.image)), this.#options);
  }

  #target([height, width]: ImageSize): ImageSize {
    const { size, maxSize } = this;
    if (typeof size === "object" && size !== null && size.length === 2) return [size[0], size[1]];
    const short = Math.min(height, width);
    const long = Math.max(height, width);
    const wanted = typeof size === "object" ? (size?.[0] ?? 0) : size;
    let newShort = size === null ? 0 : wanted;
    let newLong = size === null ? Infinity : Math.trunc((wanted * long) / short);
    if (maxSize !== undefined && newLong > maxSize) {
      newShort = Math.trunc(
        size === null ? (maxSize * short) / long : (maxSize * newShort) / newLong,
      );
      newLong = maxSize;
    }
    const result: ImageSize = width <= height ? [newLong, newShort] : [newShort, newLong];
    return [Math.max(1, result[0]), Math.max(1, result[1])];
  }
}

/** Resizes the shorter side to a random number of `sizes`, as DETR trains; `maxSize` as in {@link Resize}. */
export class RandomShortestSize implements Transform {
  readonly #choices: readonly Resize[];

  constructor(
    sizes: number | readonly number[],
    options: ResizeOptions & { readonly maxSize?: number } = {},
  ) {
    this.#choices = [sizes].flat().map((size) => new Resize(size, options));
    if (this.#choices.length === 0) {
      throw new ConfigError("RandomShortestSize: at least one size is required, got none");
    }
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return this.#choices[random.integer(this.#choices.length)].forward(sample);
  }
}

/** Resizes the shorter side to a random number of pixels from `minSize` to below `maxSize`. */
export class RandomResize implements Transform {
  readonly minSize: number;
  readonly maxSize: number;
  readonly #options: ResizeOptions;

  /** @throws {ConfigError} if the sizes are no positive integers in rising order. */
  constructor(minSize: number, maxSize: number, options: ResizeOptions = {}) {
    const areSizes = Number.isInteger(minSize) && Number.isInteger(maxSize) && minSize >= 1;
    if (!areSizes || maxSize <= minSize) {
      throw new ConfigError(
        `RandomResize: sizes must be integers with 1 ≤ minSize < maxSize, got ${minSize} and ${maxSize}`,
      );
    }
    this.minSize = minSize;
    this.maxSize = maxSize;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const size = this.minSize + random.integer(this.maxSize - this.minSize);
    return new Resize(size, this.#options).forward(sample);
  }
}

/** Resizes to a random share of a target size, keeping the aspect ratio (large-scale jitter). */
export class ScaleJitter implements Transform {
  readonly #target: ImageSize;
  readonly #range: readonly [number, number];
  readonly #options: ResizeOptions;

  /** @param options.scaleRange - @defaultValue [0.1, 2] */
  constructor(
    targetSize: readonly number[],
    options: ResizeOptions & { readonly scaleRange?: readonly [number, number] } = {},
  ) {
    const { scaleRange = [0.1, 2] } = options;
    this.#target = sizePair("ScaleJitter", targetSize);
    this.#range = scaleRange;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const [height, width] = imageSize(sample.image);
    const fit = Math.min(this.#target[0] / height, this.#target[1] / width);
    const ratio = fit * uniformBetween(random, this.#range);
    const size = [height, width].map((side) => Math.max(1, Math.trunc(side * ratio)));
    return resizeSample(sample, [size[0], size[1]], this.#options);
  }
}
