import { ConfigError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import { floatsOf, imageOf } from "./pixels.ts";
import { pad } from "./planes.ts";
import type { Sample, Transform } from "./sample.ts";
import { imageSize, requirePixels, uniformBetween } from "./sample.ts";

function gaussian(size: number, sigma: number): Float64Array {
  const weights = new Float64Array(size).map((_, i) =>
    Math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function requireKernel([width, height]: readonly number[], sigma: readonly number[]): void {
  const areOdd = [width, height].every(
    (size) => Number.isInteger(size) && size % 2 === 1 && size > 0,
  );
  if (areOdd && sigma.every((value) => value > 0)) return;
  throw new ConfigError(
    "GaussianBlur: kernelSize must be odd and positive and sigma positive, " +
      `got [${width}, ${height}] and [${sigma.join(", ")}]`,
  );
}

/**
 * Blurs an image with mirrored borders.
 *
 * @param kernelSize - odd; one number or [width, height].
 * @param sigma - in pixels. @defaultValue 0.15 · kernelSize + 0.35
 */
export function gaussianBlur(
  image: HostTensor,
  kernelSize: number | readonly number[],
  sigma?: number | readonly number[],
): HostTensor {
  requirePixels("gaussianBlur", image);
  const sizes = [kernelSize].flat();
  const [kernelWidth, kernelHeight = kernelWidth] = sizes;
  const own = [kernelWidth, kernelHeight].map((size) => 0.15 * size + 0.35);
  const [sigmaX, sigmaY = sigmaX] = sigma === undefined ? own : [sigma].flat();
  requireKernel([kernelWidth, kernelHeight], [sigmaX, sigmaY]);
  const [height, width] = imageSize(image);
  const [borderX, borderY] = [(kernelWidth - 1) / 2, (kernelHeight - 1) / 2];
  const floats: HostTensor = { data: floatsOf(image), shape: image.shape, dtype: "f32" };
  const padded = pad(floats, [borderX, borderY, borderX, borderY], { mode: "reflect" });
  const rows = image.shape[0] * (height + 2 * borderY);
  const across = convolveRows(padded, rows, width, gaussian(kernelWidth, sigmaX));
  const result = new Float32Array(image.data.length);
  const weights = gaussian(kernelHeight, sigmaY);
  for (let row = 0; row < image.shape[0] * height; row++) {
    const channel = Math.floor(row / height);
    for (const [k, weight] of weights.entries()) {
      const from = (row + channel * 2 * borderY + k) * width;
      for (let x = 0; x < width; x++) result[row * width + x] += weight * across[from + x];
    }
  }
  return imageOf(result, image);
}

function convolveRows(
  padded: HostTensor,
  rows: number,
  width: number,
  weights: Float64Array,
): Float32Array {
  const paddedWidth = width + weights.length - 1;
  const result = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        sum += weights[k] * padded.data[row * paddedWidth + x + k];
      }
      result[row * width + x] = sum;
    }
  }
  return result;
}

/** Blurs with a random width. */
export class GaussianBlur implements Transform {
  readonly kernelSize: number | readonly number[];
  readonly sigma: readonly [number, number];

  /** @param options.sigma - one value or bounds, in pixels. @defaultValue [0.1, 2] */
  constructor(
    kernelSize: number | readonly number[],
    options: { readonly sigma?: number | readonly [number, number] } = {},
  ) {
    const { sigma = [0.1, 2] } = options;
    this.kernelSize = kernelSize;
    this.sigma = typeof sigma === "number" ? [sigma, sigma] : sigma;
    const [width, height = width] = [kernelSize].flat();
    requireKernel([width, height], this.sigma);
  }

  forward<S extends Sample>(sample: S, random: HostRandom): S {
    const sigma = uniformBetween(random, this.sigma);
    return { ...sample, image: gaussianBlur(sample.image, this.kernelSize, sigma) };
  }
}
