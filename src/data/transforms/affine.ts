import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { AffineParameters, Homography, Point } from "./homography.ts";
import { affineMap, chain, invert, mapPoint, perspectiveMap, translation } from "./homography.ts";
import { moveSample } from "./move-sample.ts";
import { roundHalfEven } from "./pixels.ts";
import type { ImageSize, Sample, Transform } from "./sample.ts";
import { imageSize, requireProbability, uniformBetween } from "./sample.ts";
import type { Fill } from "./warp.ts";
import { warpBilinear, warpNearest } from "./warp.ts";

/** How moved images are sampled. */
export interface WarpOptions {
  /** @defaultValue "nearest" for rotations and affine maps, "bilinear" for perspective */
  readonly interpolation?: "nearest" | "bilinear";
  /** Value outside the image; null fades nothing in. @defaultValue 0 */
  readonly fill?: Fill | null;
}

/** Moves a sample by a map from input to output positions. */
export function warpSample<S extends Sample>(
  sample: S,
  forward: Homography,
  size: ImageSize,
  options: WarpOptions = {},
): S {
  const { interpolation = "nearest", fill = 0 } = options;
  const inverse = invert(forward);
  return moveSample(sample, {
    image: (image) =>
      interpolation === "nearest"
        ? warpNearest(image, inverse, size, fill ?? 0)
        : warpBilinear(image, inverse, size, fill),
    masks: (masks) => warpNearest(masks, inverse, size),
    point: (point) => mapPoint(forward, point),
    clamp: true,
  });
}

/** Rotation, scale, shear and shift of a sample around a point. */
export function affineSample<S extends Sample>(
  sample: S,
  parameters: AffineParameters,
  options: WarpOptions & { readonly center?: Point } = {},
): S {
  const size = imageSize(sample.image);
  const center = options.center ?? [size[1] / 2, size[0] / 2];
  return warpSample(sample, affineMap(center, parameters), size, options);
}

/** A sample rotated counter-clockwise by an angle in degrees. */
export function rotateSample<S extends Sample>(
  sample: S,
  angle: number,
  options: WarpOptions & { readonly center?: Point; readonly expand?: boolean } = {},
): S {
  const size = imageSize(sample.image);
  const middle: Point = [size[1] / 2, size[0] / 2];
  const rotation = { angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
  if (options.expand !== true) return affineSample(sample, rotation, options);
  const forward = affineMap(middle, rotation);
  // Right angles move pixels onto pixels; rounding would add an empty row where sides are odd.
  const isUpright = angle % 90 === 0;
  const turned: ImageSize = angle % 180 === 0 ? size : [size[1], size[0]];
  const [height, width] = isUpright ? turned : expandedSize(forward, size);
  const shift = translation((width - size[1]) / 2, (height - size[0]) / 2);
  return warpSample(sample, chain(shift, forward), [height, width], options);
}

/** The whole pixels that hold a moved image, with torchvision's rounding. */
function expandedSize(forward: Homography, [height, width]: ImageSize): ImageSize {
  const corners = [
    [0, 0],
    [0, height],
    [width, height],
    [width, 0],
  ] as const;
  const moved = corners.map((corner) => mapPoint(forward, corner));
  const extent = (values: readonly number[]): number => {
    const cut = (value: number): number => Math.trunc(value / 1e-4) * 1e-4;
    return Math.ceil(cut(Math.max(...values))) - Math.floor(cut(Math.min(...values)));
  };
  return [extent(moved.map(([, y]) => y)), extent(moved.map(([x]) => x))];
}

/** The four corner pixels of an image. */
function cornerPixels([height, width]: ImageSize): Point[] {
  return [
    [0, 0],
    [width - 1, 0],
    [width - 1, height - 1],
    [0, height - 1],
  ];
}

/** A sample whose points `from` move to `to`; four each. */
export function perspectiveSample<S extends Sample>(
  sample: S,
  from: readonly Point[],
  to: readonly Point[],
  options: WarpOptions = {},
): S {
  const { interpolation = "bilinear" } = options;
  const forward = perspectiveMap(from, to);
  return warpSample(sample, forward, imageSize(sample.image), { ...options, interpolation });
}

/** @internal ±value, or [low, high]. */
function rangeOf(name: string, value: number | readonly number[]): readonly [number, number] {
  if (typeof value === "number" && value >= 0) return [-value, value];
  if (typeof value === "object" && value.length === 2 && value[0] <= value[1]) {
    return [value[0], value[1]];
  }
  throw new ConfigError(
    `${name} must be a number of at least 0 or [low, high], got ${JSON.stringify(value)}`,
  );
}

/** Rotates by a random angle in degrees. */
export class RandomRotation implements Transform {
  readonly degrees: readonly [number, number];
  readonly #options: WarpOptions & { readonly center?: Point; readonly expand?: boolean };

  /**
   * @param degrees - ±degrees, or [low, high].
   * @param options.expand - enlarges the canvas to hold the whole rotated image.
   */
  constructor(
    degrees: number | readonly number[],
    options: WarpOptions & { readonly center?: Point; readonly expand?: boolean } = {},
  ) {
    this.degrees = rangeOf("RandomRotation: degrees", degrees);
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    return rotateSample(sample, uniformBetween(random, this.degrees), this.#options);
  }
}

/** Rotates, shifts, scales and shears at random around the centre. */
export class RandomAffine implements Transform {
  readonly degrees: readonly [number, number];
  readonly #translate: readonly [number, number];
  readonly #scale: readonly [number, number];
  readonly #shear: readonly (readonly [number, number])[];
  readonly #options: WarpOptions & { readonly center?: Point };

  /**
   * @param options.translate - largest shift as shares of width and height.
   * @param options.scale - bounds of the scale.
   * @param options.shear - degrees along x: ±value or [low, high]; with four values also along y.
   */
  constructor(
    degrees: number | readonly number[],
    options: WarpOptions & {
      readonly translate?: readonly [number, number];
      readonly scale?: readonly [number, number];
      readonly shear?: number | readonly number[];
      readonly center?: Point;
    } = {},
  ) {
    const { translate = [0, 0], scale = [1, 1], shear = 0 } = options;
    this.degrees = rangeOf("RandomAffine: degrees", degrees);
    if (translate.some((share) => !(share >= 0 && share <= 1)) || scale.some((s) => !(s > 0))) {
      throw new ConfigError(
        "RandomAffine: translate must be shares from 0 to 1 and scale positive, " +
          `got [${translate.join(", ")}] and [${scale.join(", ")}]`,
      );
    }
    this.#translate = translate;
    this.#scale = scale;
    const hasBoth = typeof shear === "object" && shear.length === 4;
    this.#shear = hasBoth
      ? [
          rangeOf("RandomAffine: shear", shear.slice(0, 2)),
          rangeOf("RandomAffine: shear", shear.slice(2)),
        ]
      : [rangeOf("RandomAffine: shear", shear), [0, 0]];
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const [height, width] = imageSize(sample.image);
    const shift = (share: number, side: number): number =>
      roundHalfEven(uniformBetween(random, [-share * side, share * side]));
    const angle = uniformBetween(random, this.degrees);
    const translate = [
      shift(this.#translate[0], width),
      shift(this.#translate[1], height),
    ] as const;
    const scale = uniformBetween(random, this.#scale);
    const shear = [
      uniformBetween(random, this.#shear[0]),
      uniformBetween(random, this.#shear[1]),
    ] as const;
    return affineSample(sample, { angle, translate, scale, shear }, this.#options);
  }
}

/** Moves the four corners inwards at random with probability `p`. */
export class RandomPerspective implements Transform {
  readonly #distortion: number;
  readonly #p: number;
  readonly #options: WarpOptions;

  /** @param options.distortionScale - largest move as a share of half the side. @defaultValue 0.5 */
  constructor(
    options: WarpOptions & { readonly distortionScale?: number; readonly p?: number } = {},
  ) {
    const { distortionScale = 0.5, p = 0.5 } = options;
    requireProbability("RandomPerspective", p);
    requireProbability("RandomPerspective distortionScale", distortionScale);
    this.#distortion = distortionScale;
    this.#p = p;
    this.#options = options;
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    if (random.uniform() >= this.#p) return sample;
    const size = imageSize(sample.image);
    const from = cornerPixels(size);
    const inwards = (side: number): number =>
      random.integer(Math.trunc(this.#distortion * Math.floor(side / 2)) + 1);
    const to = from.map(([x, y]): Point => {
      const right = inwards(size[1]);
      const down = inwards(size[0]);
      return [x === 0 ? right : x - right, y === 0 ? down : y - down];
    });
    return perspectiveSample(sample, from, to, this.#options);
  }
}
