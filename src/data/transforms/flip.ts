import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import { moveSample } from "./move-sample.ts";
import { flip } from "./planes.ts";
import type { Sample, Transform } from "./sample.ts";
import { imageSize, requireProbability } from "./sample.ts";

/** A mirrored sample. */
export function flipSample<S extends Sample>(sample: S, direction: "horizontal" | "vertical"): S {
  const [height, width] = imageSize(sample.image);
  return moveSample(sample, {
    image: (image) => flip(image, direction),
    masks: (masks) => flip(masks, direction),
    point: ([x, y]) => (direction === "horizontal" ? [width - x, y] : [x, height - y]),
  });
}

/** Mirrors left and right with probability `p`. */
export class RandomHorizontalFlip implements Transform {
  readonly p: number;
  readonly #pairs: readonly (readonly [number, number])[];

  /**
   * @param options.p - @defaultValue 0.5
   * @param options.flipPairs - numbers of key points that trade places, such as left and right eye;
   *   key points are then [..., points, K].
   */
  constructor(
    options: {
      readonly p?: number;
      readonly flipPairs?: readonly (readonly [number, number])[];
    } = {},
  ) {
    const { p = 0.5, flipPairs = [] } = options;
    requireProbability("RandomHorizontalFlip", p);
    this.p = p;
    this.#pairs = flipPairs;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (random.uniform() >= this.p) return sample;
    const flipped = flipSample(sample, "horizontal");
    const { keypoints } = flipped;
    if (keypoints === undefined || this.#pairs.length === 0) return flipped;
    return { ...flipped, keypoints: swapPoints(keypoints, this.#pairs) };
  }
}

function swapPoints(
  keypoints: HostTensor,
  pairs: readonly (readonly [number, number])[],
): HostTensor {
  const [points, size] = keypoints.shape.slice(-2);
  const data = new Float32Array(keypoints.data);
  for (let start = 0; start < data.length; start += points * size) {
    for (const [a, b] of pairs) {
      const [from, to] = [start + a * size, start + b * size];
      const held = data.slice(from, from + size);
      data.copyWithin(from, to, to + size);
      data.set(held, to);
    }
  }
  return { data, shape: keypoints.shape, dtype: "f32" };
}

/** Mirrors top and bottom with probability `p`. */
export class RandomVerticalFlip implements Transform {
  readonly p: number;

  /** @param options.p - @defaultValue 0.5 */
  constructor(options: { readonly p?: number } = {}) {
    const { p = 0.5 } = options;
    requireProbability("RandomVerticalFlip", p);
    this.p = p;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return random.uniform() < this.p ? flipSample(sample, "vertical") : sample;
  }
}
