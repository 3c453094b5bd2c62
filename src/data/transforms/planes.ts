import { ConfigError } from "../../base/errors.ts";
import type { HostData } from "../../tensor/host.ts";
import type { HostTensor } from "../host-tensor.ts";
import type { ImageSize } from "./sample.ts";
import { imageSize } from "./sample.ts";
import type { Fill } from "./warp.ts";
import { fillOf } from "./warp.ts";

function dataLike(planes: HostTensor, length: number): HostData {
  const Data = planes.data.constructor as new (length: number) => HostData;
  return new Data(length);
}

/**
 * Cuts a rectangle out of planes [C, H, W]; what lies outside is `fill`.
 *
 * @param origin - row and column of the rectangle's first pixel, which may be negative.
 */
export function crop(
  planes: HostTensor,
  [top, left]: readonly [number, number],
  [height, width]: ImageSize,
  fill: Fill = 0,
): HostTensor {
  const [inputHeight, inputWidth] = imageSize(planes);
  const channels = planes.shape[0];
  const data = dataLike(planes, channels * height * width);
  const first = Math.max(0, -left);
  const last = Math.min(width, inputWidth - left);
  for (let channel = 0; channel < channels; channel++) {
    data.fill(fillOf(fill, channel), channel * height * width, (channel + 1) * height * width);
    if (last <= first) continue;
    for (let y = Math.max(0, -top); y < Math.min(height, inputHeight - top); y++) {
      const from = (channel * inputHeight + y + top) * inputWidth + left;
      const row = planes.data.subarray(from + first, from + last);
      data.set(row, (channel * height + y) * width + first);
    }
  }
  return { data, shape: [channels, height, width], dtype: planes.dtype };
}

/** Mirrors planes [C, H, W], left and right or top and bottom. */
export function flip(planes: HostTensor, direction: "horizontal" | "vertical"): HostTensor {
  const [height, width] = imageSize(planes);
  const data = dataLike(planes, planes.data.length);
  for (let row = 0; row < planes.shape[0] * height; row++) {
    const y = row % height;
    const to = direction === "vertical" ? row - y + (height - 1 - y) : row;
    const values = planes.data.subarray(row * width, (row + 1) * width);
    data.set(values, to * width);
    if (direction === "horizontal") data.subarray(to * width, (to + 1) * width).reverse();
  }
  return { data, shape: planes.shape, dtype: planes.dtype };
}

/** What a border is made of: `fill`, the nearest pixel, or the mirrored image without or with its edge. */
export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/** Pixels added on each side. */
export type Padding = readonly [left: number, top: number, right: number, bottom: number];

function sourceIndex(at: number, length: number, mode: PaddingMode): number {
  if (mode === "edge") return Math.min(length - 1, Math.max(0, at));
  if (mode === "reflect") {
    const mirrored = at < 0 ? -at : at;
    return mirrored < length ? mirrored : 2 * (length - 1) - mirrored;
  }
  const mirrored = at < 0 ? -at - 1 : at;
  return mirrored < length ? mirrored : 2 * length - 1 - mirrored;
}

/**
 * Adds a border to planes [C, H, W].
 *
 * @throws {ConfigError} if a mirrored border is wider than the image.
 */
export function pad(
  planes: HostTensor,
  [left, top, right, bottom]: Padding,
  options: { readonly fill?: Fill; readonly mode?: PaddingMode } = {},
): HostTensor {
  const { fill = 0, mode = "constant" } = options;
  const [inputHeight, inputWidth] = imageSize(planes);
  const size: ImageSize = [inputHeight + top + bottom, inputWidth + left + right];
  if (mode === "constant") return crop(planes, [-top, -left], size, fill);
  const most = mode === "reflect" ? -1 : mode === "symmetric" ? 0 : Infinity;
  if (Math.max(left, right) > inputWidth + most || Math.max(top, bottom) > inputHeight + most) {
    throw new ConfigError(
      `pad: a border with mode ${mode} must be smaller than the image, got ` +
        `[${[left, top, right, bottom].join(", ")}] for ${inputHeight} × ${inputWidth}`,
    );
  }
  const columns = Array.from({ length: size[1] }, (_, x) =>
    sourceIndex(x - left, inputWidth, mode),
  );
  const data = dataLike(planes, planes.shape[0] * size[0] * size[1]);
  let at = 0;
  for (let channel = 0; channel < planes.shape[0]; channel++) {
    for (let y = 0; y < size[0]; y++) {
      const row = sourceIndex(y - top, inputHeight, mode);
      const from = (channel * inputHeight + row) * inputWidth;
      for (const column of columns) data[at++] = planes.data[from + column];
    }
  }
  return { data, shape: [planes.shape[0], ...size], dtype: planes.dtype };
}
