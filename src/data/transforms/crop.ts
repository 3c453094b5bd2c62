import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import { convertBoundingBoxFormat, keepObjects, overlaps } from "./boxes.ts";
import { moveSample } from "./move-sample.ts";
import { padSample } from "./pad.ts";
import { paddingOf } from "./padding.ts";
import type { Padding, PaddingMode } from "./planes.ts";
import { crop } from "./planes.ts";
import type { ResizeOptions } from "./resize.ts";
import { resizeSample } from "./resize.ts";
import type { ImageSize, Sample, Transform } from "./sample.ts";
import { imageSize, sizePair, uniformBetween } from "./sample.ts";
import type { Fill } from "./warp.ts";
import { roundHalfEven } from "./pixels.ts";

/** A rectangle of a sample. Boxes are cut off at its border. */
export function cropSample<S extends Sample>(
  sample: S,
  [top, left]: readonly [number, number],
  size: ImageSize,
): S {
  return moveSample(sample, {
    image: (image) => crop(image, [top, left], size),
    masks: (masks) => crop(masks, [top, left], size),
    point: ([x, y]) => [x - left, y - top],
    clamp: true,
  });
}

/** The middle of an image, with a border of 0 where the image is smaller. */
export class CenterCrop implements Transform {
  readonly size: ImageSize;

  constructor(size: number | readonly number[]) {
    this.size = sizePair("CenterCrop", size);
  }

  forward<S extends Sample>(sample: S): S {
    const [height, width] = imageSize(sample.image);
    // A missing odd pixel is added at the far side, as torchvision pads before it crops.
    const start = (inside: number, wanted: number): number =>
      wanted > inside ? -Math.floor((wanted - inside) / 2) : roundHalfEven((inside - wanted) / 2);
    return cropSample(sample, [start(height, this.size[0]), start(width, this.size[1])], this.size);
  }
}

/** A rectangle at a random position. */
export class RandomCrop implements Transform {
  readonly size: ImageSize;
  readonly #padding: Padding;
  readonly #padIfNeeded: boolean;
  readonly #border: { readonly fill: Fill; readonly mode: PaddingMode };

  /**
   * @param options.padding - a border added first: all sides, [horizontal, vertical] or [left, top,
   *   right, bottom].
   * @param options.padIfNeeded - adds a border where the image is too small.
   */
  constructor(
    size: number | readonly number[],
    options: {
      readonly padding?: number | readonly number[];
      readonly padIfNeeded?: boolean;
      readonly fill?: Fill;
      readonly paddingMode?: PaddingMode;
    } = {},
  ) {
    const { padding = 0, padIfNeeded = false, fill = 0, paddingMode = "constant" } = options;
    this.size = sizePair("RandomCrop", size);
    this.#padding = paddingOf("RandomCrop", padding);
    this.#padIfNeeded = padIfNeeded;
    this.#border = { fill, mode: paddingMode };
  }

  /** @throws {ConfigError} if the image is smaller than the crop. */
  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const padded = this.#pad(sample);
    const [height, width] = imageSize(padded.image);
    if (height < this.size[0] || width < this.size[1]) {
      throw new ConfigError(
        `RandomCrop: the image must be at least ${this.size.join(" × ")}, ` +
          `got ${height} × ${width}; set padIfNeeded`,
      );
    }
    const top = random.integer(height - this.size[0] + 1);
    const left = random.integer(width - this.size[1] + 1);
    return cropSample(padded, [top, left], this.size);
  }

  #pad<S extends Sample>(sample: S): S {
    const [height, width] = imageSize(sample.image);
    const padding = [...this.#padding] as [number, number, number, number];
    if (this.#padIfNeeded) {
      const right = Math.max(0, this.size[1] - (width + padding[0] + padding[2]));
      const bottom = Math.max(0, this.size[0] - (height + padding[1] + padding[3]));
      padding[0] += right;
      padding[2] += right;
      padding[1] += bottom;
      padding[3] += bottom;
    }
    return padding.some((side) => side !== 0) ? padSample(sample, padding, this.#border) : sample;
  }
}

/** A rectangle with a random share of the area and a random aspect ratio, resized (Inception's crop). */
export class RandomResizedCrop implements Transform {
  readonly size: ImageSize;
  readonly #scale: readonly [number, number];
  readonly #ratio: readonly [number, number];
  readonly #options: ResizeOptions;

  /**
   * @param options.scale - bounds of the share of the area. @defaultValue [0.08, 1]
   * @param options.ratio - bounds of width / height. @defaultValue [3 / 4, 4 / 3]
   */
  constructor(
    size: number | readonly number[],
    options: ResizeOptions & {
      readonly scale?: readonly [number, number];
      readonly ratio?: readonly [number, number];
    } = {},
  ) {
    const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options;
    this.size = sizePair("RandomResizedCrop", size);
    this.#scale = scale;
    this.#ratio = ratio;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const [origin, size] = this.#rectangle(imageSize(sample.image), random);
    return resizeSample(cropSample(sample, origin, size), this.size, this.#options);
  }

  #rectangle([height, width]: ImageSize, random: HostRandom): [[number, number], ImageSize] {
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * uniformBetween(random, this.#scale);
      const ratio = Math.exp(uniformBetween(random, this.#ratio.map(Math.log)));
      const w = roundHalfEven(Math.sqrt(area * ratio));
      const h = roundHalfEven(Math.sqrt(area / ratio));
      if (w < 1 || w > width || h < 1 || h > height) continue;
      return [
        [random.integer(height - h + 1), random.integer(width - w + 1)],
        [h, w],
      ];
    }
    // Nothing fitted: the middle, as large as the allowed ratios let it be.
    const ratio = Math.min(this.#ratio[1], Math.max(this.#ratio[0], width / height));
    const w = width / height > ratio ? Math.max(1, roundHalfEven(height * ratio)) : width;
    const h = width / height < ratio ? Math.max(1, roundHalfEven(width / ratio)) : height;
    return [
      [Math.floor((height - h) / 2), Math.floor((width - w) / 2)],
      [h, w],
    ];
  }
}

/**
 * A random crop that some box overlaps with at least a drawn share (SSD); keeps the objects whose
 * centre lies in it. Needs boxes.
 */
export class RandomIoUCrop implements Transform {
  readonly #minScale: number;
  readonly #maxScale: number;
  readonly #ratio: readonly [number, number];
  readonly #thresholds: readonly number[];
  readonly #trials: number;

  /**
   * @param options.samplerOptions - shares to draw from; 1 and above leaves the sample as it is.
   *   @defaultValue [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]
   */
  constructor(
    options: {
      readonly minScale?: number;
      readonly maxScale?: number;
      readonly minAspectRatio?: number;
      readonly maxAspectRatio?: number;
      readonly samplerOptions?: readonly number[];
      readonly trials?: number;
    } = {},
  ) {
    this.#minScale = options.minScale ?? 0.3;
    this.#maxScale = options.maxScale ?? 1;
    this.#ratio = [options.minAspectRatio ?? 0.5, options.maxAspectRatio ?? 2];
    this.#thresholds = options.samplerOptions ?? [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1];
    this.#trials = options.trials ?? 40;
  }

  /** @throws {ConfigError} if the sample has no boxes. */
  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (sample.boxes === undefined) {
      throw new ConfigError("RandomIoUCrop: the sample must have boxes, got none");
    }
    const size = imageSize(sample.image);
    const corners = cornersOf(sample);
    for (;;) {
      const least = this.#thresholds[random.integer(this.#thresholds.length)];
      if (least >= 1) return sample;
      for (let trial = 0; trial < this.#trials; trial++) {
        const found = this.#tryCrop(size, corners, least, random);
        if (found === undefined) continue;
        return cropSample(keepObjects(sample, found.keep), found.origin, found.size);
      }
    }
  }

  #tryCrop(
    [height, width]: ImageSize,
    corners: HostTensor,
    least: number,
    random: HostRandom,
  ): { origin: [number, number]; size: ImageSize; keep: boolean[] } | undefined {
    const range = [this.#minScale, this.#maxScale];
    const w = Math.trunc(width * uniformBetween(random, range));
    const h = Math.trunc(height * uniformBetween(random, range));
    const ratio = w / h;
    if (!(ratio >= this.#ratio[0] && ratio <= this.#ratio[1])) return undefined;
    const left = Math.trunc((width - w) * random.uniform());
    const top = Math.trunc((height - h) * random.uniform());
    if (w === 0 || h === 0) return undefined;
    const keep = Array.from({ length: corners.shape[0] }, (_, i) => {
      const [x1, y1, x2, y2] = corners.data.subarray(4 * i, 4 * i + 4);
      const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
      return left < x && x < left + w && top < y && y < top + h;
    });
    if (!keep.includes(true)) return undefined;
    const shares = overlaps(corners, [left, top, left + w, top + h]);
    const best = Math.max(...shares.filter((_, i) => keep[i]));
    return best < least ? undefined : { origin: [top, left], size: [h, w], keep };
  }
}

function cornersOf({ boxes, boxFormat = "xyxy" }: Sample): HostTensor {
  const empty = { data: new Float32Array(0), shape: [0, 4], dtype: "f32" } as const;
  return boxes === undefined ? empty : convertBoundingBoxFormat(boxes, boxFormat, "xyxy");
}
