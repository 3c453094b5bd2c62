import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import { roundHalfEven } from "./pixels.ts";
import type { ImageSize, Sample, Transform } from "./sample.ts";
import { imageSize, normalNumber, requireProbability, uniformBetween } from "./sample.ts";

/** An image with a rectangle overwritten; `value` gives the new value of a channel. */
export function erase(
  image: HostTensor,
  [top, left]: readonly [number, number],
  [height, width]: ImageSize,
  value: (channel: number) => number,
): HostTensor {
  const [imageHeight, imageWidth] = imageSize(image);
  const data = image.data.slice();
  for (let channel = 0; channel < image.shape[0]; channel++) {
    for (let y = top; y < top + height; y++) {
      const start = (channel * imageHeight + y) * imageWidth + left;
      for (let i = start; i < start + width; i++) data[i] = value(channel);
    }
  }
  return { data, shape: image.shape, dtype: image.dtype };
}

/** Overwrites a random rectangle with probability `p`. */
export class RandomErasing implements Transform {
  readonly #p: number;
  readonly #scale: readonly [number, number];
  readonly #ratio: readonly [number, number];
  readonly #value: number | readonly number[] | "random";

  /**
   * @param options.scale - bounds of the share of the area. @defaultValue [0.02, 0.33]
   * @param options.ratio - bounds of height / width. @defaultValue [0.3, 3.3]
   * @param options.value - one value, one per channel, or "random" for normal noise. @defaultValue 0
   */
  constructor(
    options: {
      readonly p?: number;
      readonly scale?: readonly [number, number];
      readonly ratio?: readonly [number, number];
      readonly value?: number | readonly number[] | "random";
    } = {},
  ) {
    const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
    requireProbability("RandomErasing", p);
    if (scale[0] < 0 || scale[1] > 1 || !(ratio[0] > 0)) {
      throw new ConfigError(
        "RandomErasing: scale must lie in 0 … 1 and ratio be positive, " +
          `got [${scale.join(", ")}] and [${ratio.join(", ")}]`,
      );
    }
    this.#p = p;
    this.#scale = scale;
    this.#ratio = ratio;
    this.#value = value;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (random.uniform() >= this.#p) return sample;
    const [height, width] = imageSize(sample.image);
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * uniformBetween(random, this.#scale);
      const ratio = Math.exp(uniformBetween(random, this.#ratio.map(Math.log)));
      const h = roundHalfEven(Math.sqrt(area * ratio));
      const w = roundHalfEven(Math.sqrt(area / ratio));
      if (h >= height || w >= width) continue;
      const origin = [random.integer(height - h + 1), random.integer(width - w + 1)] as const;
      const value = this.#value;
      const valueOf = (channel: number): number => {
        if (value === "random") return normalNumber(random);
        return typeof value === "number" ? value : value[channel % value.length];
      };
      return { ...sample, image: erase(sample.image, origin, [h, w], valueOf) };
    }
    return sample;
  }
}
