import { ShapeError } from "../../base/errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import { clampedImageOf, floatsOf, whiteOf } from "./pixels.ts";
import { imageSize, requirePixels } from "./sample.ts";

function pixelCount(name: string, image: HostTensor): number {
  requirePixels(name, image);
  const [height, width] = imageSize(image);
  if (image.shape[0] === 1 || image.shape[0] === 3) return height * width;
  throw new ShapeError(`${name}: images must have 1 or 3 channels, got ${image.shape[0]}`);
}

/** Luma of each pixel, as floats; one channel is its own. */
function luma(image: HostTensor, pixels: number): Float32Array {
  const values = floatsOf(image);
  if (image.shape[0] === 1) return values;
  const result = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const red = 0.2989 * values[i];
    result[i] = red + 0.587 * values[pixels + i] + 0.114 * values[2 * pixels + i];
  }
  return result;
}

/** Whole greys, where the image has whole values. */
function grey(image: HostTensor, pixels: number): Float32Array {
  const values = luma(image, pixels);
  return image.dtype === "u8" ? values.map(Math.floor) : values;
}

/** Luma 0.2989 R + 0.587 G + 0.114 B, in one or three equal channels. */
export function rgbToGrayscale(
  image: HostTensor,
  options: { readonly numOutputChannels?: 1 | 3 } = {},
): HostTensor {
  const { numOutputChannels = 1 } = options;
  const pixels = pixelCount("rgbToGrayscale", image);
  const values = luma(image, pixels);
  const result = new Float32Array(numOutputChannels * pixels);
  for (let channel = 0; channel < numOutputChannels; channel++) {
    result.set(values, channel * pixels);
  }
  return clampedImageOf(result, image, [numOutputChannels, ...image.shape.slice(1)]);
}

/** factor · image + (1 - factor) · other, clamped to the range. */
function blend(
  image: HostTensor,
  factor: number,
  other: (at: number, pixel: number) => number,
  pixels: number,
): HostTensor {
  const values = floatsOf(image);
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    result[i] = factor * values[i] + (1 - factor) * other(i, i % pixels);
  }
  return clampedImageOf(result, image);
}

/** Multiplies by a factor: 0 is black, 1 the image. */
export function adjustBrightness(image: HostTensor, factor: number): HostTensor {
  const pixels = pixelCount("adjustBrightness", image);
  return blend(image, factor, () => 0, pixels);
}

/** Moves away from the mean grey by a factor: 0 is uniform grey, 1 the image. */
export function adjustContrast(image: HostTensor, factor: number): HostTensor {
  const pixels = pixelCount("adjustContrast", image);
  const greys = grey(image, pixels);
  const mean = greys.reduce((total, value) => total + value, 0) / pixels;
  return blend(image, factor, () => mean, pixels);
}

/** Moves away from the pixel's grey by a factor: 0 is grey, 1 the image. */
export function adjustSaturation(image: HostTensor, factor: number): HostTensor {
  const pixels = pixelCount("adjustSaturation", image);
  if (image.shape[0] === 1) return image;
  const greys = grey(image, pixels);
  return blend(image, factor, (_, pixel) => greys[pixel], pixels);
}

/** Turns the hue by a share of the colour circle, from -0.5 to 0.5. */
export function adjustHue(image: HostTensor, factor: number): HostTensor {
  const pixels = pixelCount("adjustHue", image);
  if (image.shape[0] === 1) return image;
  const white = whiteOf(image);
  const result = new Float32Array(image.data);
  for (let i = 0; i < pixels; i++) {
    const red = result[i] / white;
    const green = result[pixels + i] / white;
    const blue = result[2 * pixels + i] / white;
    const turned = turnHue(red, green, blue, factor);
    // 255.999 gives each of the 256 values an equal part of 0 … 1.
    const scale = white === 255 ? 255.999 : 1;
    for (let channel = 0; channel < 3; channel++) {
      result[channel * pixels + i] = turned[channel] * scale;
    }
  }
  return clampedImageOf(result, image);
}

/** RGB to hue, saturation, value, and back with another hue. */
function turnHue(red: number, green: number, blue: number, turn: number): readonly number[] {
  const value = Math.max(red, green, blue);
  const range = value - Math.min(red, green, blue);
  if (range === 0) return [red, green, blue];
  const saturation = range / value;
  const toward = (a: number, b: number): number => (a - b) / range;
  const sixth =
    value === red
      ? toward(green, blue)
      : value === green
        ? 2 + toward(blue, red)
        : 4 + toward(red, green);
  const hue = (((sixth / 6 + turn) % 1) + 1) % 1;
  const sector = Math.floor(hue * 6);
  const rest = hue * 6 - sector;
  const low = value * (1 - saturation);
  const falling = value * (1 - saturation * rest);
  const rising = value * (1 - saturation * (1 - rest));
  const sectors = [
    [value, rising, low],
    [falling, value, low],
    [low, value, rising],
    [low, falling, value],
    [rising, low, value],
    [value, low, falling],
  ];
  return sectors[sector % 6];
}

/** Blends with a blurred image by a factor: 0 is blurred, 1 the image, 2 sharpened. */
export function adjustSharpness(image: HostTensor, factor: number): HostTensor {
  const pixels = pixelCount("adjustSharpness", image);
  const [height, width] = imageSize(image);
  if (height <= 2 || width <= 2) return image;
  const values = floatsOf(image);
  const blurred = values.slice();
  for (let channel = 0; channel < image.shape[0]; channel++) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = channel * pixels + y * width + x;
        let sum = 4 * values[at];
        for (const row of [at - width, at, at + width]) {
          sum += values[row - 1] + values[row] + values[row + 1];
        }
        blurred[at] = image.dtype === "u8" ? Math.round(sum / 13) : sum / 13;
      }
    }
  }
  return blend(image, factor, (at) => blurred[at], pixels);
}

function mapValues(image: HostTensor, change: (value: number) => number): HostTensor {
  return clampedImageOf(new Float32Array(image.data).map(change), image);
}

/** The negative. */
export function invertImage(image: HostTensor): HostTensor {
  requirePixels("invert", image);
  const white = whiteOf(image);
  return mapValues(image, (value) => white - value);
}

/** Inverts the values from a threshold on. */
export function solarize(image: HostTensor, threshold: number): HostTensor {
  requirePixels("solarize", image);
  const white = whiteOf(image);
  return mapValues(image, (value) => (value >= threshold ? white - value : value));
}

/** Keeps the highest bits of each value. */
export function posterize(image: HostTensor, bits: number): HostTensor {
  requirePixels("posterize", image);
  if (image.dtype === "u8") {
    const mask = 256 - 2 ** (8 - bits);
    return mapValues(image, (value) => value & mask);
  }
  const levels = 2 ** bits;
  return mapValues(image, (value) => Math.min(levels - 1, Math.floor(value * levels)) / levels);
}

/** Stretches each channel to the whole range. */
export function autocontrast(image: HostTensor): HostTensor {
  const pixels = pixelCount("autocontrast", image);
  const white = whiteOf(image);
  const result = new Float32Array(image.data);
  for (let start = 0; start < result.length; start += pixels) {
    const channel = result.subarray(start, start + pixels);
    const low = channel.reduce((least, value) => Math.min(least, value), Infinity);
    const high = channel.reduce((most, value) => Math.max(most, value), -Infinity);
    if (high === low) continue;
    for (let i = 0; i < pixels; i++) channel[i] = ((channel[i] - low) * white) / (high - low);
  }
  return clampedImageOf(result, image);
}

/** Makes all values of each channel about equally frequent. */
export function equalize(image: HostTensor): HostTensor {
  const pixels = pixelCount("equalize", image);
  const isBytes = image.dtype === "u8";
  const bytes = isBytes
    ? image.data
    : Uint8Array.from(floatsOf(image).map((value) => value * 255.999));
  const result = new Float32Array(bytes.length);
  for (let start = 0; start < result.length; start += pixels) {
    const channel = bytes.subarray(start, start + pixels);
    const table = equalizing(channel);
    for (let i = 0; i < pixels; i++) result[start + i] = table[channel[i]] / (isBytes ? 1 : 255);
  }
  return clampedImageOf(result, image);
}

/** PIL's table: counts below a value over counts per step. */
function equalizing(channel: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(256);
  for (let i = 0; i < channel.length; i++) counts[channel[i]]++;
  const last = counts[counts.findLastIndex((count) => count > 0)];
  const step = Math.floor((channel.length - last) / 255);
  if (step === 0) return counts.map((_, value) => value);
  let below = 0;
  return counts.map((count) => {
    const value = Math.min(255, Math.floor((below + Math.floor(step / 2)) / step));
    below += count;
    return value;
  });
}
