import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import type { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import type { ImageSize } from "./sample.ts";
import { imageSize, normalNumber } from "./sample.ts";

/** A batch of classified images. */
export interface LabelledImages {
  /** f32 [N, C, H, W]. */
  readonly images: HostTensor;
  /** Classes [N], or shares of classes f32 [N, classes]. */
  readonly labels: HostTensor;
}

/** What both mixtures need. */
export interface MixOptions {
  /** Of the Beta(alpha, alpha) distribution of the share. @defaultValue 1 */
  readonly alpha?: number;
  /** Number of classes; not needed if labels are shares already. */
  readonly numClasses?: number;
}

/** A number from Gamma(shape, 1) for any shape above 0 (Marsaglia and Tsang 2000). */
function gamma(shape: number, random: HostRandom): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = normalNumber(random);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
      return d * v;
    }
  }
}

function beta(alpha: number, random: HostRandom): number {
  const a = gamma(alpha, random);
  return a / (a + gamma(alpha, random));
}

function checkOptions(name: string, { alpha = 1 }: MixOptions): number {
  if (alpha > 0) return alpha;
  throw new ConfigError(`${name}: alpha must be positive, got ${alpha}`);
}

function checkBatch(name: string, { images, labels }: LabelledImages): void {
  if (images.dtype !== "f32") {
    throw new DTypeError(`${name}: images must be f32, got ${images.dtype}; use ToDtype before it`);
  }
  if (images.shape.length === 4 && labels.shape[0] === images.shape[0]) return;
  throw new ShapeError(
    `${name}: images must be [N, C, H, W] with one label each, ` +
      `got [${images.shape.join(", ")}] and [${labels.shape.join(", ")}]`,
  );
}

/** Labels as shares f32 [N, classes]. */
function sharesOf(name: string, labels: HostTensor, numClasses: number | undefined): HostTensor {
  if (labels.shape.length === 2) return labels;
  if (numClasses === undefined) {
    throw new ConfigError(`${name}: numClasses is required for labels [N], got none`);
  }
  const data = new Float32Array(labels.data.length * numClasses);
  for (const [i, label] of labels.data.entries()) {
    if (!(label >= 0 && label < numClasses)) {
      throw new ConfigError(`${name}: labels must be below ${numClasses}, got ${label}`);
    }
    data[i * numClasses + label] = 1;
  }
  return { data, shape: [labels.data.length, numClasses], dtype: "f32" };
}

/** share · each row + (1 - share) · the row before it (the first: the last). */
function mixRows(rows: HostTensor, share: number): HostTensor {
  const count = rows.shape[0];
  const size = count === 0 ? 0 : rows.data.length / count;
  const data = new Float32Array(rows.data.length);
  for (let row = 0; row < count; row++) {
    const other = ((row + count - 1) % count) * size;
    for (let i = 0; i < size; i++) {
      data[row * size + i] = share * rows.data[row * size + i] + (1 - share) * rows.data[other + i];
    }
  }
  return { data, shape: rows.shape, dtype: "f32" };
}

/**
 * Mixes each image and its label with its neighbour's: λ x₁ + (1 - λ) x₂, λ ~ Beta(α, α).
 *
 * @see Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
 */
export class MixUp {
  readonly #alpha: number;
  readonly #classes: number | undefined;

  constructor(options: MixOptions = {}) {
    this.#alpha = checkOptions("MixUp", options);
    this.#classes = options.numClasses;
  }

  /** A mixed batch; all images share one λ. */
  forward(batch: LabelledImages, random: HostRandom): LabelledImages {
    checkBatch("MixUp", batch);
    const share = beta(this.#alpha, random);
    const labels = sharesOf("MixUp", batch.labels, this.#classes);
    return { images: mixRows(batch.images, share), labels: mixRows(labels, share) };
  }
}

/**
 * Pastes a rectangle of each image's neighbour into it and mixes the labels by area.
 *
 * @see Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers".
 */
export class CutMix {
  readonly #alpha: number;
  readonly #classes: number | undefined;

  constructor(options: MixOptions = {}) {
    this.#alpha = checkOptions("CutMix", options);
    this.#classes = options.numClasses;
  }

  /** A mixed batch; all images share one rectangle. */
  forward(batch: LabelledImages, random: HostRandom): LabelledImages {
    checkBatch("CutMix", batch);
    const [count, channels, height, width] = batch.images.shape;
    const planes = { ...batch.images, shape: [count * channels, height, width] };
    const { top, left, bottom, right } = rectangle(imageSize(planes), this.#alpha, random);
    const data = new Float32Array(batch.images.data);
    const size = channels * height * width;
    for (let plane = 0; plane < count * channels; plane++) {
      const start = plane * height * width;
      const other = (start - size + count * size) % (count * size);
      for (let y = top; y < bottom; y++) {
        const row = batch.images.data.subarray(other + y * width + left, other + y * width + right);
        data.set(row, start + y * width + left);
      }
    }
    const share = 1 - ((bottom - top) * (right - left)) / (height * width);
    const labels = mixRows(sharesOf("CutMix", batch.labels, this.#classes), share);
    return { images: { data, shape: batch.images.shape, dtype: "f32" }, labels };
  }
}

interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function rectangle([height, width]: ImageSize, alpha: number, random: HostRandom): Rectangle {
  const half = 0.5 * Math.sqrt(1 - beta(alpha, random));
  const x = random.integer(width);
  const y = random.integer(height);
  const halfWidth = Math.trunc(half * width);
  const halfHeight = Math.trunc(half * height);
  return {
    top: Math.max(0, y - halfHeight),
    left: Math.max(0, x - halfWidth),
    bottom: Math.min(height, y + halfHeight),
    right: Math.min(width, x + halfWidth),
  };
}
