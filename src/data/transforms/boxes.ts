import { ShapeError } from "../../base/errors.ts";
import type { HostTensor } from "../host-tensor.ts";
import type { BoxFormat, ImageSize, Sample } from "./sample.ts";

type Box = readonly [number, number, number, number];

const toCorners: Readonly<Record<BoxFormat, (box: Box) => Box>> = {
  xyxy: (box) => box,
  xywh: ([x, y, w, h]) => [x, y, x + w, y + h],
  cxcywh: ([x, y, w, h]) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2],
};

const fromCorners: Readonly<Record<BoxFormat, (box: Box) => Box>> = {
  xyxy: (box) => box,
  xywh: ([x1, y1, x2, y2]) => [x1, y1, x2 - x1, y2 - y1],
  cxcywh: ([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
};

/** Changes each box [N, 4]. @throws {ShapeError} for other shapes. */
function mapBoxes(boxes: HostTensor, change: (box: Box) => Box): HostTensor {
  if (boxes.shape.length !== 2 || boxes.shape[1] !== 4) {
    throw new ShapeError(`boxes: shape must be [N, 4], got [${boxes.shape.join(", ")}]`);
  }
  const data = new Float32Array(boxes.data.length);
  for (let i = 0; i < data.length; i += 4) {
    const [a, b, c, d] = boxes.data.subarray(i, i + 4);
    data.set(change([a, b, c, d]), i);
  }
  return { data, shape: boxes.shape, dtype: "f32" };
}

/**
 * Boxes in another format.
 *
 * @example
 * const boxes = hostTensor(Float32Array.of(10, 20, 30, 60), [1, 4]);
 * transforms.functional.convertBoundingBoxFormat(boxes, "xyxy", "cxcywh").data; // 20, 40, 20, 40
 */
export function convertBoundingBoxFormat(
  boxes: HostTensor,
  from: BoxFormat,
  to: BoxFormat,
): HostTensor {
  return mapBoxes(boxes, (box) => fromCorners[to](toCorners[from](box)));
}

/** Boxes with two corners changed by `change`, in the format they had. */
export function mapCorners(
  boxes: HostTensor,
  format: BoxFormat,
  change: (box: Box) => Box,
): HostTensor {
  return mapBoxes(boxes, (box) => fromCorners[format](change(toCorners[format](box))));
}

/** Boxes cut off at the border of an image. */
export function clampBoundingBoxes(
  boxes: HostTensor,
  format: BoxFormat,
  [height, width]: ImageSize,
): HostTensor {
  const between = (value: number, most: number): number => Math.min(most, Math.max(0, value));
  return mapCorners(boxes, format, ([x1, y1, x2, y2]) => [
    between(x1, width),
    between(y1, height),
    between(x2, width),
    between(y2, height),
  ]);
}

/** Intersection over union of each box [N, 4] with one rectangle; all as corners. */
export function overlaps(boxes: HostTensor, rectangle: Box): number[] {
  const [left, top, right, bottom] = rectangle;
  const area = (right - left) * (bottom - top);
  return Array.from({ length: boxes.shape[0] }, (_, i) => {
    const [x1, y1, x2, y2] = boxes.data.subarray(4 * i, 4 * i + 4);
    const width = Math.max(0, Math.min(x2, right) - Math.max(x1, left));
    const height = Math.max(0, Math.min(y2, bottom) - Math.max(y1, top));
    const both = width * height;
    return both / (area + (x2 - x1) * (y2 - y1) - both);
  });
}

/** Rows of a tensor's first dim that are to stay. */
function keepRows(tensor: HostTensor, keep: readonly boolean[]): HostTensor {
  const rows = keep.flatMap((isKept, row) => (isKept ? [row] : []));
  const size = keep.length === 0 ? 0 : tensor.data.length / keep.length;
  const data = tensor.data.slice(0, rows.length * size);
  for (const [i, row] of rows.entries()) {
    data.set(tensor.data.subarray(row * size, (row + 1) * size), i * size);
  }
  return { data, shape: [rows.length, ...tensor.shape.slice(1)], dtype: tensor.dtype };
}

/** A sample with some of its objects: rows of boxes, masks, key points and labels. */
export function keepObjects<S extends Sample>(sample: S, keep: readonly boolean[]): S {
  const kept: Record<string, HostTensor> = {};
  for (const key of ["boxes", "masks", "keypoints", "labels"] as const) {
    const value = sample[key];
    if (typeof value !== "object" || value.shape[0] !== keep.length) continue;
    kept[key] = keepRows(value, keep);
  }
  return { ...sample, ...kept };
}
