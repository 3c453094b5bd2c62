import { ConfigError } from "../../base/errors.ts";
import type { HostData } from "../../tensor/host.ts";
import type { HostTensor } from "../host-tensor.ts";
import { floatsOf, imageOf } from "./pixels.ts";
import type { ImageSize } from "./sample.ts";
import { imageSize, requirePixels } from "./sample.ts";

/** How values between pixels are made. */
export type Interpolation = "nearest" | "nearest-exact" | "bilinear" | "bicubic";

/** Which input pixels one output pixel sums, and with what weights. */
interface Taps {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `width` weights per output pixel. */
  readonly weights: Float64Array;
  readonly width: number;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Keys' cubic kernel. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/** The kernel widened to the output's pixel pitch where the image shrinks, cut at the border. */
function antialiasedTaps(input: number, output: number, kind: Interpolation): Taps {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = (kind === "bicubic" ? 2 : 1) * stretch;
  const kernel = kind === "bicubic" ? (x: number): number => cubic(x, -0.5) : triangle;
  const width = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(output);
  const counts = new Int32Array(output);
  const weights = new Float64Array(output * width);
  for (let i = 0; i < output; i++) {
    const center = scale * (i + 0.5);
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(input, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let j = 0; j < count; j++) {
      const weight = kernel((start + j - center + 0.5) / stretch);
      weights[i * width + j] = weight;
      sum += weight;
    }
    for (let j = 0; j < count; j++) weights[i * width + j] /= sum;
    starts[i] = start;
    counts[i] = count;
  }
  return { starts, counts, weights, width };
}

/** Two or four neighbours; those outside repeat the border. */
function pointTaps(input: number, output: number, kind: Interpolation): Taps {
  const scale = input / output;
  const width = kind === "bicubic" ? 4 : 2;
  const starts = new Int32Array(output);
  const counts = new Int32Array(output);
  const weights = new Float64Array(output * width);
  for (let i = 0; i < output; i++) {
    const center = scale * (i + 0.5) - 0.5;
    const at = kind === "bicubic" ? center : Math.max(0, center);
    const first = Math.floor(at) - (width / 2 - 1);
    const start = Math.min(input - 1, Math.max(0, first));
    starts[i] = start;
    counts[i] = Math.min(input - start, width);
    for (let j = 0; j < width; j++) {
      const source = Math.min(input - 1, Math.max(0, first + j));
      const distance = first + j - at;
      const weight = kind === "bicubic" ? cubic(distance, -0.75) : triangle(distance);
      weights[i * width + source - start] += weight;
    }
  }
  return { starts, counts, weights, width };
}

function resampleRows(
  source: Float32Array,
  rows: number,
  input: number,
  output: number,
  taps: Taps,
): Float32Array {
  const { starts, counts, weights, width } = taps;
  const result = new Float32Array(rows * output);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < output; i++) {
      const from = row * input + starts[i];
      let sum = 0;
      for (let j = 0; j < counts[i]; j++) sum += source[from + j] * weights[i * width + j];
      result[row * output + i] = sum;
    }
  }
  return result;
}

function resampleColumns(
  source: Float32Array,
  planes: number,
  [input, columns]: ImageSize,
  output: number,
  taps: Taps,
): Float32Array {
  const { starts, counts, weights, width } = taps;
  const result = new Float32Array(planes * output * columns);
  const sums = new Float64Array(columns);
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < output; i++) {
      sums.fill(0);
      for (let j = 0; j < counts[i]; j++) {
        const weight = weights[i * width + j];
        const from = (plane * input + starts[i] + j) * columns;
        for (let x = 0; x < columns; x++) sums[x] += source[from + x] * weight;
      }
      result.set(sums, (plane * output + i) * columns);
    }
  }
  return result;
}

/** torch computes these in float32, and so decides which of two neighbours is meant. */
function nearestIndices(input: number, output: number, kind: Interpolation): Int32Array {
  const scale = Math.fround(input / output);
  const shift = kind === "nearest-exact" ? 0.5 : 0;
  return new Int32Array(output).map((_, i) =>
    Math.min(input - 1, Math.floor(Math.fround((i + shift) * scale))),
  );
}

/** Resizes planes of any dtype without mixing values. */
export function resizeNearest(
  planes: HostTensor,
  [height, width]: ImageSize,
  kind: "nearest" | "nearest-exact" = "nearest",
): HostTensor {
  const [inputHeight, inputWidth] = imageSize(planes);
  const rows = nearestIndices(inputHeight, height, kind);
  const columns = nearestIndices(inputWidth, width, kind);
  const Data = planes.data.constructor as new (length: number) => HostData;
  const data = new Data(planes.shape[0] * height * width);
  let at = 0;
  for (let plane = 0; plane < planes.shape[0]; plane++) {
    for (const row of rows) {
      const from = (plane * inputHeight + row) * inputWidth;
      for (let x = 0; x < width; x++) data[at++] = planes.data[from + columns[x]];
    }
  }
  return { data, shape: [planes.shape[0], height, width], dtype: planes.dtype };
}

/**
 * Resizes an image [C, H, W] with torch's coordinates (`alignCorners: false`).
 *
 * @param options.interpolation - @defaultValue "bilinear"
 * @param options.antialias - widens the kernel where the image shrinks. @defaultValue true
 */
export function resize(
  image: HostTensor,
  size: ImageSize,
  options: { readonly interpolation?: Interpolation; readonly antialias?: boolean } = {},
): HostTensor {
  const { interpolation = "bilinear", antialias = true } = options;
  const [inputHeight, inputWidth] = imageSize(image);
  const [height, width] = size;
  if (interpolation === "nearest" || interpolation === "nearest-exact") {
    return resizeNearest(image, size, interpolation);
  }
  requirePixels("resize", image);
  if (interpolation !== "bilinear" && interpolation !== "bicubic") {
    throw new ConfigError(
      "resize: interpolation must be nearest, nearest-exact, bilinear or bicubic, " +
        `got ${String(interpolation)}`,
    );
  }
  if (inputHeight === height && inputWidth === width) return image;
  const tapsOf = antialias ? antialiasedTaps : pointTaps;
  const planes = image.shape[0];
  let values = floatsOf(image);
  if (width !== inputWidth) {
    const taps = tapsOf(inputWidth, width, interpolation);
    values = resampleRows(values, planes * inputHeight, inputWidth, width, taps);
  }
  if (height !== inputHeight) {
    const taps = tapsOf(inputHeight, height, interpolation);
    values = resampleColumns(values, planes, [inputHeight, width], height, taps);
  }
  return imageOf(values, image, [planes, height, width]);
}
