import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { floatsOf } from "./pixels.ts";
import type { Sample, Transform } from "./sample.ts";
import { imageSize } from "./sample.ts";

/** Dtypes that images are converted to. */
export type ImageDType = "u8" | "f32";

/** Pixels row by row, [H, W, C] or [H, W], as an image [C, H, W]. */
export function toImage(pixels: HostTensor): HostTensor {
  const [height, width, channels = 1] = pixels.shape;
  if (pixels.shape.length !== 2 && pixels.shape.length !== 3) {
    throw new ShapeError(
      `ToImage: pixels must be [H, W, C] or [H, W], got [${pixels.shape.join(", ")}]`,
    );
  }
  const count = height * width;
  const data = pixels.data.slice();
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < count; i++) data[channel * count + i] = pixels.data[i * channels + channel];
  }
  return { data, shape: [channels, height, width], dtype: pixels.dtype };
}

/**
 * An image in another dtype.
 *
 * @param options.scale - also converts the range: 0 … 255 to 0 … 1 and back.
 */
export function toDtype(
  image: HostTensor,
  dtype: ImageDType,
  options: { readonly scale?: boolean } = {},
): HostTensor {
  const { scale = false } = options;
  if (image.dtype === dtype) return image;
  if (dtype === "f32") {
    const divisor = scale ? rangeOf(image) : 1;
    const data = new Float32Array(image.data);
    for (let i = 0; i < data.length; i++) data[i] /= divisor;
    return { data, shape: image.shape, dtype };
  }
  const data = new Uint8Array(image.data.length);
  // 255.999 gives each of the 256 values an equal part of 0 … 1.
  const factor = scale ? 255.999 : 1;
  for (let i = 0; i < data.length; i++) {
    data[i] = Math.min(255, Math.max(0, Number(image.data[i]) * factor));
  }
  return { data, shape: image.shape, dtype };
}

function rangeOf({ dtype }: HostTensor): number {
  if (dtype === "u8") return 255;
  if (dtype === "bool" || dtype === "f64" || dtype === "f32") return 1;
  throw new DTypeError(`ToDtype: scale needs images with a known range (u8), got ${dtype}`);
}

/** (image - mean) / std, channel by channel. @throws {DTypeError} if the image is not f32. */
export function normalize(
  image: HostTensor,
  mean: readonly number[],
  std: readonly number[],
): HostTensor {
  const [height, width] = imageSize(image);
  if (image.dtype !== "f32") {
    throw new DTypeError(
      `Normalize: images must be f32, got ${image.dtype}; use ToDtype("f32", { scale: true })`,
    );
  }
  const channels = image.shape[0];
  if (![1, channels].includes(mean.length) || ![1, channels].includes(std.length)) {
    throw new ShapeError(
      `Normalize: mean and std must have 1 or ${channels} values, ` +
        `got ${mean.length} and ${std.length}`,
    );
  }
  const pixels = height * width;
  const source = floatsOf(image);
  const data = new Float32Array(source.length);
  for (let channel = 0; channel < channels; channel++) {
    const shift = mean[channel % mean.length];
    const divisor = std[channel % std.length];
    for (let i = channel * pixels; i < (channel + 1) * pixels; i++) {
      data[i] = (source[i] - shift) / divisor;
    }
  }
  return { data, shape: image.shape, dtype: "f32" };
}

/** Turns pixels [H, W, C] into an image [C, H, W]. */
export class ToImage implements Transform {
  forward<S extends Sample>(sample: S): S {
    return { ...sample, image: toImage(sample.image) };
  }
}

/** Converts the image's dtype; with `scale` also its range. */
export class ToDtype implements Transform {
  readonly dtype: ImageDType;
  readonly scale: boolean;

  /** @throws {ConfigError} if the dtype is not u8 or f32. */
  constructor(dtype: ImageDType, options: { readonly scale?: boolean } = {}) {
    if (dtype !== "u8" && dtype !== "f32") {
      throw new ConfigError(`ToDtype: dtype must be u8 or f32, got ${String(dtype)}`);
    }
    this.dtype = dtype;
    this.scale = options.scale ?? false;
  }

  forward<S extends Sample>(sample: S): S {
    return { ...sample, image: toDtype(sample.image, this.dtype, this) };
  }
}

/** Subtracts a mean and divides by a deviation, channel by channel. */
export class Normalize implements Transform {
  readonly mean: readonly number[];
  readonly std: readonly number[];

  /** @throws {ConfigError} if a deviation is 0. */
  constructor(mean: readonly number[], std: readonly number[]) {
    if (std.some((value) => value === 0)) {
      throw new ConfigError(`Normalize: std must not be 0, got [${std.join(", ")}]`);
    }
    this.mean = mean;
    this.std = std;
  }

  forward<S extends Sample>(sample: S): S {
    return { ...sample, image: normalize(sample.image, this.mean, this.std) };
  }
}
