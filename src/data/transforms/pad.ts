import type { HostRandom } from "../../base/host-random.ts";
import { ConfigError } from "../../base/errors.ts";
import { paddingOf } from "./padding.ts";
import { moveSample } from "./move-sample.ts";
import type { Padding, PaddingMode } from "./planes.ts";
import { pad } from "./planes.ts";
import type { Sample, Transform } from "./sample.ts";
import { imageSize, requireProbability, uniformBetween } from "./sample.ts";
import type { Fill } from "./warp.ts";

/** A sample with a border. Masks get 0 where the mode is constant. */
export function padSample<S extends Sample>(
  sample: S,
  padding: Padding,
  options: { readonly fill?: Fill; readonly mode?: PaddingMode } = {},
): S {
  const { mode = "constant" } = options;
  return moveSample(sample, {
    image: (image) => pad(image, padding, options),
    masks: (masks) => pad(masks, padding, { mode }),
    point: ([x, y]) => [x + padding[0], y + padding[1]],
  });
}

/** Adds a border: all sides, [horizontal, vertical], or [left, top, right, bottom]. */
export class Pad implements Transform {
  readonly padding: Padding;
  readonly #border: { readonly fill: Fill; readonly mode: PaddingMode };

  constructor(
    padding: number | readonly number[],
    options: { readonly fill?: Fill; readonly paddingMode?: PaddingMode } = {},
  ) {
    const { fill = 0, paddingMode = "constant" } = options;
    this.padding = paddingOf("Pad", padding);
    this.#border = { fill, mode: paddingMode };
  }

  forward<S extends Sample>(sample: S): S {
    return padSample(sample, this.padding, this.#border);
  }
}

/** Puts the image at a random place of a larger canvas with probability `p` (SSD's zoom out). */
export class RandomZoomOut implements Transform {
  readonly #fill: Fill;
  readonly #range: readonly [number, number];
  readonly #p: number;

  /** @param options.sideRange - bounds of the canvas's sides over the image's. @defaultValue [1, 4] */
  constructor(
    options: {
      readonly fill?: Fill;
      readonly sideRange?: readonly [number, number];
      readonly p?: number;
    } = {},
  ) {
    const { fill = 0, sideRange = [1, 4], p = 0.5 } = options;
    requireProbability("RandomZoomOut", p);
    if (!(sideRange[0] >= 1 && sideRange[1] >= sideRange[0])) {
      throw new ConfigError(
        `RandomZoomOut: sideRange must be [low, high] with 1 ≤ low ≤ high, got [${sideRange.join(", ")}]`,
      );
    }
    this.#fill = fill;
    this.#range = sideRange;
    this.#p = p;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (random.uniform() >= this.#p) return sample;
    const [height, width] = imageSize(sample.image);
    const ratio = uniformBetween(random, this.#range);
    const canvasWidth = Math.trunc(width * ratio);
    const canvasHeight = Math.trunc(height * ratio);
    const left = Math.trunc((canvasWidth - width) * random.uniform());
    const top = Math.trunc((canvasHeight - height) * random.uniform());
    const padding: Padding = [left, top, canvasWidth - width - left, canvasHeight - height - top];
    return padSample(sample, padding, { fill: this.#fill });
  }
}
