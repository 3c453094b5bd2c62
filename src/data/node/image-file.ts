import { CheckpointError, ConfigError } from "../../base/errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { hostTensor } from "../host-tensor.ts";
import { toImage } from "../transforms/convert.ts";
import { optionalPackage } from "./optional-package.ts";

/** The channels of a decoded image. */
export type ImageMode = "rgb" | "rgba" | "grey";

/** How an image file is decoded. */
export interface ReadImageOptions {
  /** Other colour spaces are converted, and opacity is dropped but for "rgba". @defaultValue "rgb" */
  readonly mode?: ImageMode;
  /**
   * u8 is 0 … 255; f32 is 0 … 1 and keeps the precision of files with 16 bits. @defaultValue "u8"
   */
  readonly dtype?: "u8" | "f32";
}

const channelCounts: Readonly<Record<ImageMode, number>> = { grey: 1, rgb: 3, rgba: 4 };

/**
 * Decodes an image file or its bytes (JPEG, PNG, WebP, TIFF, GIF, AVIF) to [C, H, W], turned
 * upright by its EXIF orientation. Needs the npm package `sharp`.
 *
 * @throws {CheckpointError} if it is no image or cut off; {ConfigError} if `sharp` is not installed.
 */
export async function readImage(
  file: string | Uint8Array,
  options: ReadImageOptions = {},
): Promise<HostTensor> {
  const { mode = "rgb", dtype = "u8" } = options;
  const channels = channelCounts[mode];
  if (channels === undefined) {
    throw new ConfigError(`readImage: mode must be rgb, rgba or grey, got ${String(mode)}`);
  }
  const { default: sharp } = await optionalPackage("readImage", "sharp", () => import("sharp"));
  try {
    const source = sharp(file, { failOn: "truncated" });
    const isFine = dtype === "f32" && (await source.metadata()).depth === "ushort";
    const space = mode === "grey" ? (isFine ? "grey16" : "b-w") : isFine ? "rgb16" : "srgb";
    const upright = source.autoOrient();
    const image = (mode === "rgba" ? upright.ensureAlpha() : upright.removeAlpha())
      .toColourspace(space)
      .raw({ depth: isFine ? "ushort" : "uchar" });
    const { data, info } = await image.toBuffer({ resolveWithObject: true });
    // A copy, because words must begin at even addresses.
    const words = isFine ? new Uint16Array(new Uint8Array(data).buffer) : data;
    const white = isFine ? 65_535 : 255;
    const values =
      dtype === "f32"
        ? new Float32Array(words).map((value) => value / white)
        : new Uint8Array(words);
    return firstChannels(values, [info.height, info.width, info.channels], channels);
  } catch (cause) {
    const name = typeof file === "string" ? file : `${file.length} bytes`;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(`readImage: ${name} must be a whole image, got: ${reason}`, {
      cause,
    });
  }
}

/** Pixels [H, W, C] as an image with the wanted number of channels. */
function firstChannels(
  values: Uint8Array | Float32Array,
  [height, width, stored]: readonly [number, number, number],
  channels: number,
): HostTensor {
  const image = toImage(hostTensor(values, [height, width, stored]));
  const data = image.data.subarray(0, channels * height * width);
  return hostTensor(data, [channels, height, width]);
}
