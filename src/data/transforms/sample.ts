import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import { product } from "../../base/integers.ts";
import type { HostTensor } from "../host-tensor.ts";

/** How four numbers describe a box: two corners, corner and size, centre and size. */
export type BoxFormat = "xyxy" | "xywh" | "cxcywh";

/**
 * An image and what belongs to it; further members are carried along as they are. Coordinates are
 * in pixels and continuous: pixel (x, y) covers x … x + 1 and y … y + 1.
 */
export interface Sample {
  /** u8 (0 … 255) or f32 (0 … 1) [C, H, W]. */
  readonly image: HostTensor;
  /** f32 [N, 4]. */
  readonly boxes?: HostTensor;
  /** @defaultValue "xyxy" */
  readonly boxFormat?: BoxFormat;
  /** Any dtype [N, H, W]; values are moved, never mixed. */
  readonly masks?: HostTensor;
  /** f32 [..., K] with K ≥ 2: x, y, and what is carried along, such as visibility. */
  readonly keypoints?: HostTensor;
  /** The image's class, or [N] one class per box. */
  readonly labels?: HostTensor | number;
}

/** A change of samples. Equal random numbers give equal results. */
export interface Transform {
  /** A changed sample; what does not change is shared with the given one. */
  forward<S extends Sample>(sample: S, random: HostRandom): S;
}

/** Height and width. */
export type ImageSize = readonly [height: number, width: number];

/** The size of an image [C, H, W]. @throws {ShapeError} for other shapes. */
export function imageSize(image: HostTensor): ImageSize {
  if (image.shape.length !== 3 || product(image.shape) !== image.data.length) {
    throw new ShapeError(
      `transforms: images must have shape [C, H, W], got [${image.shape.join(", ")}]; ` +
        "use ToImage for [H, W, C]",
    );
  }
  return [image.shape[1], image.shape[2]];
}

/** @internal Refuses images whose values have no known range. */
export function requirePixels(name: string, image: HostTensor): void {
  imageSize(image);
  if (image.dtype === "u8" || image.dtype === "f32") return;
  throw new DTypeError(
    `${name}: images must be u8 or f32, got ${image.dtype}; use ToDtype before it`,
  );
}

/** @internal A number for both directions, or height and width. */
export function sizePair(name: string, size: number | readonly number[]): ImageSize {
  const pair =
    typeof size === "number" ? [size, size] : size.length === 1 ? [size[0], size[0]] : size;
  if (pair.length !== 2 || pair.some((value) => !Number.isInteger(value) || value < 1)) {
    throw new ConfigError(
      `${name}: size must be a positive integer or [height, width], got ${JSON.stringify(size)}`,
    );
  }
  return [pair[0], pair[1]];
}

/** @internal Refuses what is no probability. */
export function requireProbability(name: string, p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new ConfigError(`${name}: p must be a probability from 0 to 1, got ${p}`);
}

/** @internal A number of [low, high). */
export function uniformBetween(random: HostRandom, range: readonly number[]): number {
  return range[0] + (range[1] - range[0]) * random.uniform();
}

/** @internal A number from the standard normal distribution (Box-Muller). */
export function normalNumber(random: HostRandom): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}
