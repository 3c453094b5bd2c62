import type { HostData } from "../../tensor/host.ts";
import type { HostTensor } from "../host-tensor.ts";
import type { Homography } from "./homography.ts";
import { floatsOf, imageOf, roundHalfEven } from "./pixels.ts";
import type { ImageSize } from "./sample.ts";
import { imageSize, requirePixels } from "./sample.ts";

/** A value for what lies outside the image: one, or one per channel. */
export type Fill = number | readonly number[];

/** @internal The fill of a channel. */
export function fillOf(fill: Fill, channel: number): number {
  if (typeof fill === "number") return fill;
  return fill.length === 1 ? fill[0] : (fill[channel] ?? 0);
}

/** Calls `visit` with the input position of each output pixel's centre, in pixel numbers. */
function walk(
  inverse: Homography,
  [height, width]: ImageSize,
  visit: (at: number, x: number, y: number) => void,
): void {
  const [a, b, c, d, e, f, g, h, i] = inverse;
  for (let row = 0; row < height; row++) {
    const v = row + 0.5;
    for (let column = 0; column < width; column++) {
      const u = column + 0.5;
      const depth = g * u + h * v + i;
      const x = (a * u + b * v + c) / depth - 0.5;
      const y = (d * u + e * v + f) / depth - 0.5;
      visit(row * width + column, x, y);
    }
  }
}

/**
 * Moves planes of any dtype without mixing values.
 *
 * @param inverse - from output to input positions.
 */
export function warpNearest(
  planes: HostTensor,
  inverse: Homography,
  size: ImageSize,
  fill: Fill = 0,
): HostTensor {
  const [inputHeight, inputWidth] = imageSize(planes);
  const pixels = size[0] * size[1];
  const sources = new Int32Array(pixels);
  walk(inverse, size, (at, x, y) => {
    const column = roundHalfEven(x);
    const row = roundHalfEven(y);
    const isInside = column >= 0 && column < inputWidth && row >= 0 && row < inputHeight;
    sources[at] = isInside ? row * inputWidth + column : -1;
  });
  const Data = planes.data.constructor as new (length: number) => HostData;
  const data = new Data(planes.shape[0] * pixels);
  for (let plane = 0; plane < planes.shape[0]; plane++) {
    const from = plane * inputHeight * inputWidth;
    const outside = fillOf(fill, plane);
    for (let i = 0; i < pixels; i++) {
      data[plane * pixels + i] = sources[i] < 0 ? outside : planes.data[from + sources[i]];
    }
  }
  return { data, shape: [planes.shape[0], ...size], dtype: planes.dtype };
}

/**
 * Moves an image with bilinear interpolation. What lies outside counts as 0; then, as in
 * torchvision, the result fades to `fill` with the share of it that lies outside.
 *
 * @param inverse - from output to input positions.
 */
export function warpBilinear(
  image: HostTensor,
  inverse: Homography,
  size: ImageSize,
  fill: Fill | null = 0,
): HostTensor {
  requirePixels("warp", image);
  const [inputHeight, inputWidth] = imageSize(image);
  const channels = image.shape[0];
  const source = floatsOf(image);
  const pixels = size[0] * size[1];
  const result = new Float32Array(channels * pixels);
  const fills = Array.from({ length: channels }, (_, channel) => fillOf(fill ?? 0, channel));
  const weightOf = (x: number, y: number, weight: number): number =>
    x >= 0 && x < inputWidth && y >= 0 && y < inputHeight ? weight : 0;
  walk(inverse, size, (at, x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const right = x - left;
    const down = y - top;
    const w00 = weightOf(left, top, (1 - right) * (1 - down));
    const w01 = weightOf(left + 1, top, right * (1 - down));
    const w10 = weightOf(left, top + 1, (1 - right) * down);
    const w11 = weightOf(left + 1, top + 1, right * down);
    const inside = w00 + w01 + w10 + w11;
    const first = top * inputWidth + left;
    for (let channel = 0; channel < channels; channel++) {
      const from = channel * inputHeight * inputWidth + first;
      let sum = 0;
      if (w00 > 0) sum += w00 * source[from];
      if (w01 > 0) sum += w01 * source[from + 1];
      if (w10 > 0) sum += w10 * source[from + inputWidth];
      if (w11 > 0) sum += w11 * source[from + inputWidth + 1];
      if (fill !== null) sum = (sum - fills[channel]) * inside + fills[channel];
      result[channel * pixels + at] = sum;
    }
  });
  return imageOf(result, image, [channels, ...size]);
}
